const TRACE_BYTES = 16
const SPAN_BYTES = 8
/** Random bytes are drawn in bulk. */
const POOL_BYTES = 4_096
/** Nothing but zeros is no id. */
const NONE = /^0+$/

/** Ids of traces and spans, in hexadecimal digits. */
export class TraceIds {
  readonly #fill: (bytes: Uint8Array) => void
  readonly #pool = Buffer.alloc(POOL_BYTES)
  #used = POOL_BYTES

  /** `fill` makes bytes random. */
  constructor(fill: (bytes: Uint8Array) => void) {
    this.#fill = fill
  }

  trace(): string {
    return this.#id(TRACE_BYTES)
  }

  span(): string {
    return this.#id(SPAN_BYTES)
  }

  #id(length: number): string {
    for (;;) {
      if (this.#used + length > POOL_BYTES) this.#refill()
      const id = this.#pool.toString('hex', this.#used, (this.#used += length))
      if (!NONE.test(id)) return id
    }
  }

  #refill(): void {
    this.#fill(this.#pool)
    this.#used = 0
  }
}
