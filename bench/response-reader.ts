/** What a client hears of an answer, in order. Bytes are only valid during the call. */
export interface ResponseSink {
  head(status: number): void
  body(bytes: Uint8Array, from: number, to: number): void
  end(): void
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'last-line'

const HEAD_END = '\r\n\r\n'
const LINE_FEED = 10
/** The value of an ASCII hexadecimal digit, -1 for every other byte. */
const HEX: readonly number[] = Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return digit
})

/** Reads HTTP/1.1 answers of one connection, one after the other; costs one pass over the framing, not the bytes. */
export class ResponseReader {
  readonly #sink: ResponseSink
  #state: State = 'head'
  #head = ''
  #left = 0

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  push(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length) at = this.#advance(bytes, at)
  }

  #advance(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at)
      case 'chunk-size':
        return this.#readSize(bytes, at)
      case 'last-line':
        return this.#skip(bytes, at, () => this.#end())
      case 'chunk-end':
        return this.#skip(bytes, at, () => this.#become('chunk-size', 0))
      case 'chunk':
        return this.#readBody(bytes, at, () => this.#become('chunk-end', 2))
      case 'length':
        return this.#readBody(bytes, at, () => this.#end())
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    const before = this.#head.length
    this.#head += bytes.toString('latin1', at)
    const end = this.#head.indexOf(HEAD_END)
    if (end < 0) return bytes.length
    const head = this.#head.slice(0, end)
    this.#head = ''
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.#become(length === undefined ? 'chunk-size' : 'length', Number(length ?? 0))
    this.#sink.head(Number(head.slice(9, 12)))
    if (length === '0') this.#end()
    return at + end + HEAD_END.length - before
  }

  #readSize(bytes: Buffer, at: number): number {
    for (; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (byte === LINE_FEED) {
        this.#become(this.#left === 0 ? 'last-line' : 'chunk', this.#left === 0 ? 2 : this.#left)
        return at + 1
      }
      const digit = HEX[byte] ?? -1
      if (digit >= 0) this.#left = this.#left * 16 + digit
    }
    return at
  }

  #readBody(bytes: Buffer, at: number, complete: () => void): number {
    const to = Math.min(bytes.length, at + this.#left)
    this.#sink.body(bytes, at, to)
    this.#left -= to - at
    if (this.#left === 0) complete()
    return to
  }

  #skip(bytes: Buffer, at: number, complete: () => void): number {
    const to = Math.min(bytes.length, at + this.#left)
    this.#left -= to - at
    if (this.#left === 0) complete()
    return to
  }

  #become(state: State, left: number): void {
    this.#state = state
    this.#left = left
  }

  #end(): void {
    this.#become('head', 0)
    this.#sink.end()
  }
}
