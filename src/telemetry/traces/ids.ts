const TRACE_BYTES = 16
const SPAN_BYTES = 8
/** Random bytes are drawn in bulk. */
const POOL_BYTES = 4_096

const digits: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Ids of traces and spans, in hexadecimal digits. */
export class TraceIds {
  readonly #fill: (bytes: Uint8Array) => void
  readonly #pool = new Uint8Array(POOL_BYTES)
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

  /** Nothing but zeros means none. */
  #id(length: number): string {
    let id = ''
    let sum = 0
    while (sum === 0) {
      if (this.#used + length > POOL_BYTES) this.#refill()
      id = ''
      for (const end = this.#used + length; this.#used < end; this.#used += 1) {
        const byte = this.#pool[this.#used] as number
        id += digits[byte]
        sum += byte
      }
    }
    return id
  }

  #refill(): void {
    this.#fill(this.#pool)
    this.#used = 0
  }
}
