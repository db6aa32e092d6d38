/** So many of the oldest are looked at for one that is idle. */
const LOOKS = 32

/**
 * Values by name, never more than `limit` of them: for a new one an idle one is forgotten, the oldest first, and when
 * the oldest are all in use the oldest all the same.
 */
export class BoundedMap<Value> {
  readonly #values = new Map<string, Value>()
  readonly #limit: number
  readonly #isIdle: (value: Value) => boolean
  #forgotten = 0

  constructor(limit: number, isIdle: (value: Value) => boolean) {
    this.#limit = limit
    this.#isIdle = isIdle
  }

  /** How many were forgotten so far: who holds on to one must look it up again when this has changed. */
  get forgotten(): number {
    return this.#forgotten
  }

  get(name: string): Value | undefined {
    return this.#values.get(name)
  }

  /** `value` under a name that has none. */
  add(name: string, value: Value): Value {
    if (this.#values.size >= this.#limit) this.#forgetOne()
    this.#values.set(name, value)
    return value
  }

  values(): IterableIterator<Value> {
    return this.#values.values()
  }

  #forgetOne(): void {
    let looks = 0
    for (const [name, value] of this.#values) {
      this.#values.delete(name)
      looks += 1
      if (looks > LOOKS || looks > this.#values.size || this.#isIdle(value)) break
      // To the end, so that the next one who needs room does not look at it again.
      this.#values.set(name, value)
    }
    this.#forgotten += 1
  }
}
