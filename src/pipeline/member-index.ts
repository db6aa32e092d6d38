interface Span {
  start: number
  end: number
}

/** Where the value of one top-level member stands in the body, in bytes; `end` is exclusive. */
export interface MemberSpan extends Span {
  /** The values of the same key before this one: `JSON.parse` takes the last, other parsers may not. */
  earlier?: Span[]
}

/** The top-level members of a body, by name. */
export type Members = Pick<ReadonlyMap<string, MemberSpan>, 'get' | 'has' | 'size'>

const BACKSLASH = 0x5c
const LAST_ASCII = 0x7f
/** Four offsets a member: the key between its quotes, and the value. */
const FIELDS = 4
const USUAL_MEMBERS = 16

/**
 * Notes where members stand, and compares names only when one is asked for: a body may have ten thousand members, and
 * a call asks for a handful.
 */
export class MemberIndex implements Members {
  readonly #bytes: Buffer
  #places = new Int32Array(USUAL_MEMBERS * FIELDS)
  #used = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Members as they are written: a repeated key counts each time. */
  get size(): number {
    return this.#used / FIELDS
  }

  note(keyStart: number, keyEnd: number, start: number, end: number): void {
    const at = this.#used
    if (at === this.#places.length) {
      const larger = new Int32Array(2 * at)
      larger.set(this.#places)
      this.#places = larger
    }
    const places = this.#places
    places[at] = keyStart
    places[at + 1] = keyEnd
    places[at + 2] = start
    places[at + 3] = end
    this.#used = at + FIELDS
  }

  get(name: string): MemberSpan | undefined {
    const places = this.#places
    let found: MemberSpan | undefined
    for (let at = 0; at < this.#used; at += FIELDS) {
      if (!this.#isNamed(at, name)) continue
      const span: MemberSpan = { start: places[at + 2] as number, end: places[at + 3] as number }
      if (found) {
        const { earlier = [], start, end } = found
        earlier.push({ start, end })
        span.earlier = earlier
      }
      found = span
    }
    return found
  }

  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** ASCII says its name byte by byte; from the first other character or escape on the key has to be read. */
  #isNamed(at: number, name: string): boolean {
    const bytes = this.#bytes
    const start = this.#places[at] as number
    const length = (this.#places[at + 1] as number) - start
    for (let index = 0; index < length; index += 1) {
      const byte = bytes[start + index] as number
      if (byte === BACKSLASH || byte > LAST_ASCII) return this.#isSpelled(start - 1, start + length + 1, name)
      if (byte !== name.charCodeAt(index)) return false
    }
    return length === name.length
  }

  #isSpelled(start: number, end: number, name: string): boolean {
    try {
      return JSON.parse(this.#bytes.toString('utf8', start, end)) === name
    } catch {
      return false
    }
  }
}
