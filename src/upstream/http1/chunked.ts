/** What is wrong with a body's framing. */
export class FramingError extends Error {}

/** Where in the coding the next byte stands (RFC 9112 §7.1). */
type State =
  | 'size'
  | 'size-end'
  | 'extension'
  | 'data'
  | 'data-end'
  | 'data-line-end'
  | 'trailer-start'
  | 'trailer'
  | 'trailer-end'
  | 'last-end'
  | 'done'

const MAXIMUM_EXTENSION_BYTES = 4 * 1024
const MAXIMUM_TRAILER_BYTES = 64 * 1024
/** 2^52 bytes: no number on the way loses a digit. */
const MAXIMUM_DIGITS = 13
const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const SPACE = 0x20
const TAB = 0x09

/**
 * Takes the chunked coding off a body, as its bytes come. The payload of one push is moved together in the pushed
 * bytes themselves, so that several chunks in one read become one piece without another memory.
 */
export class ChunkedDecoder {
  #state: State = 'size'
  #digits = 0
  #left = 0
  #lineBytes = 0
  #trailerBytes = 0
  /** The payload of the last push: `bytes.subarray(from, to)`. */
  from = 0
  to = 0

  get isDone(): boolean {
    return this.#state === 'done'
  }

  reset(): void {
    this.#state = 'size'
    this.#digits = 0
    this.#left = 0
    this.#trailerBytes = 0
  }

  /** Reads from `at` on and returns where it stopped: the end of the bytes, or the end of the body. */
  push(bytes: Uint8Array, at: number): number {
    this.from = at
    this.to = at
    while (at < bytes.length && this.#state !== 'done') {
      if (this.#state === 'data') at = this.#take(bytes, at)
      else {
        this.#state = this.#step(bytes[at] as number)
        at += 1
      }
    }
    return at
  }

  #take(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    if (this.to === this.from) {
      this.from = at
      this.to = end
    } else {
      bytes.copyWithin(this.to, at, end)
      this.to += end - at
    }
    this.#left -= end - at
    if (this.#left === 0) this.#state = 'data-end'
    return end
  }

  #step(byte: number): State {
    switch (this.#state) {
      case 'size':
        return this.#size(byte)
      case 'size-end':
        return this.#afterSize(byte)
      case 'extension':
        if (byte === CR) return 'size-end'
        return this.#bounded('extension', (this.#lineBytes += 1), MAXIMUM_EXTENSION_BYTES, byte)
      case 'data-end':
        if (byte === CR) return 'data-line-end'
        throw new FramingError('a chunk longer than its size')
      case 'data-line-end':
        return expectLf(byte, 'size')
      case 'trailer-start':
        if (byte === CR) return 'last-end'
        return this.#bounded('trailer', (this.#trailerBytes += 1), MAXIMUM_TRAILER_BYTES, byte)
      case 'trailer':
        if (byte === CR) return 'trailer-end'
        return this.#bounded('trailer', (this.#trailerBytes += 1), MAXIMUM_TRAILER_BYTES, byte)
      case 'trailer-end':
        return expectLf(byte, 'trailer-start')
      default:
        return expectLf(byte, 'done')
    }
  }

  #size(byte: number): State {
    const digit = hexDigit(byte)
    if (digit !== -1) {
      this.#left = this.#left * 16 + digit
      if ((this.#digits += 1) > MAXIMUM_DIGITS) throw new FramingError('a chunk size too large')
      return 'size'
    }
    if (this.#digits === 0) throw new FramingError('a chunk size that is no number')
    this.#lineBytes = 0
    if (byte === CR) return 'size-end'
    // Some servers fill the size up with blanks.
    if (byte === SEMICOLON || byte === SPACE || byte === TAB) return 'extension'
    throw new FramingError('a chunk size that is no number')
  }

  #afterSize(byte: number): State {
    this.#digits = 0
    return expectLf(byte, this.#left === 0 ? 'trailer-start' : 'data')
  }

  #bounded(state: State, length: number, maximum: number, byte: number): State {
    if (length > maximum) throw new FramingError(`a chunk ${state} without end`)
    if (byte === LF) throw new FramingError('a line end without CR')
    return state
  }
}

function expectLf(byte: number, next: State): State {
  if (byte === LF) return next
  throw new FramingError('a CR without LF')
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
