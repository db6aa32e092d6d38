import { ChunkedDecoder } from './chunked.ts'
import { notHttp } from './failures.ts'
import { parseHead, type ResponseHead } from './head.ts'

/** All heads of one answer together, informational ones counted. */
const MAXIMUM_HEAD_BYTES = 64 * 1024
/** What every answer begins with: another protocol is known at once. */
const BEGINNING = 'HTTP/1.'
const LF = 0x0a
const EMPTY_LINE = '\n\r\n'
const BARE_EMPTY_LINE = '\n\n'

/**
 * Reads one answer after the other from a connection's bytes, however they are cut: no I/O, no clock. Throws a
 * `GatewayError` for a head that is not HTTP, and a `FramingError` for a body that breaks its framing.
 */
export class ResponseParser {
  readonly #chunked = new ChunkedDecoder()
  #isHeadRequest = false
  /** The beginning of a head whose end has not come, in a buffer that grows by doubling. */
  #held: Buffer | undefined
  #heldLength = 0
  #headBytes = 0
  #left = 0
  #isDone = false
  #hasExcess = false
  /** Of the current answer, once it has come whole. */
  head: ResponseHead | undefined

  /** Begins the next answer. */
  reset(isHeadRequest: boolean): void {
    this.#isHeadRequest = isHeadRequest
    this.#held = undefined
    this.#heldLength = 0
    this.#headBytes = 0
    this.#isDone = false
    this.#hasExcess = false
    this.head = undefined
  }

  /** The answer has come whole. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** Whether the connection may be used again: the answer came whole, nothing came after it, and its head allows it. */
  get isReusable(): boolean {
    return this.#isDone && !this.#hasExcess && this.head?.isPersistent === true
  }

  /** Takes the next bytes, which become the parser's; returns what of them is body, one piece. */
  push(bytes: Buffer): Uint8Array | undefined {
    let at = 0
    while (this.head === undefined) {
      const rest = this.#takeHead(bytes, at)
      if (rest === undefined) return undefined
      at = rest
    }
    return this.#takeBody(bytes, at)
  }

  /** The peer sends no more. True when that is the end of the body; false when something is missing. */
  end(): boolean {
    if (this.head?.framing.kind === 'close') this.#isDone = true
    return this.#isDone
  }

  /** Reads one head from `at` on: where it ended, or undefined when more bytes are needed. */
  #takeHead(bytes: Buffer, at: number): number | undefined {
    if (this.#held !== undefined) return this.#continueHead(bytes)
    const end = endOfHead(bytes, at, bytes.length)
    this.#count((end ?? bytes.length) - at)
    if (end === undefined) {
      this.#hold(bytes, at, bytes.length)
      return undefined
    }
    this.#setHead(bytes.toString('latin1', at, end))
    return end
  }

  /** A head of which a part is held: only what is new is searched. */
  #continueHead(bytes: Buffer): number | undefined {
    const before = this.#heldLength
    // No more than may belong to a head is copied.
    const taken = Math.min(bytes.length, MAXIMUM_HEAD_BYTES - this.#headBytes + 1)
    const held = this.#hold(bytes, 0, taken)
    const end = endOfHead(held, Math.max(0, before - EMPTY_LINE.length + 1), this.#heldLength)
    this.#count((end ?? this.#heldLength) - before)
    if (end === undefined) return undefined
    this.#held = undefined
    this.#heldLength = 0
    this.#setHead(held.toString('latin1', 0, end))
    return end - before
  }

  #setHead(text: string): void {
    const head = parseHead(text, this.#isHeadRequest)
    if (head === undefined) return
    this.head = head
    if (head.framing.kind === 'length') this.#left = head.framing.length
    if (head.framing.kind === 'chunked') this.#chunked.reset()
    if (head.framing.kind === 'none') this.#isDone = true
  }

  #hold(bytes: Buffer, from: number, to: number): Buffer {
    const length = this.#heldLength + to - from
    let held = this.#held
    if (held === undefined || held.length < length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(1024, length * 2))
      held?.copy(larger, 0, 0, this.#heldLength)
      held = larger
    }
    bytes.copy(held, this.#heldLength, from, to)
    this.#held = held
    this.#heldLength = length
    if (!BEGINNING.startsWith(held.toString('latin1', 0, Math.min(length, BEGINNING.length))))
      throw notHttp('no HTTP/1.1 status line')
    return held
  }

  #count(bytes: number): void {
    this.#headBytes += bytes
    if (this.#headBytes > MAXIMUM_HEAD_BYTES)
      throw notHttp(`more than ${MAXIMUM_HEAD_BYTES} bytes of headers`)
  }

  #takeBody(bytes: Buffer, at: number): Uint8Array | undefined {
    if (this.#isDone) return this.#refuse(bytes, at)
    const kind = this.head?.framing.kind
    if (kind === 'chunked') {
      const next = this.#chunked.push(bytes, at)
      this.#isDone = this.#chunked.isDone
      this.#refuse(bytes, next)
      return piece(bytes, this.#chunked.from, this.#chunked.to)
    }
    if (kind === 'close') return piece(bytes, at, bytes.length)
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    this.#isDone = this.#left === 0
    this.#refuse(bytes, end)
    return piece(bytes, at, end)
  }

  /** What comes after the end belongs to nobody. */
  #refuse(bytes: Buffer, at: number): undefined {
    if (at < bytes.length) this.#hasExcess = true
  }
}

function piece(bytes: Buffer, from: number, to: number): Uint8Array | undefined {
  return from === to ? undefined : bytes.subarray(from, to)
}

/**
 * The offset after the first empty line, whose line end may be CRLF or LF. A head that begins with an empty line ends
 * there, and has no status line.
 */
function endOfHead(bytes: Buffer, from: number, length: number): number | undefined {
  if (from === 0 && bytes[0] === LF) return 1
  const found = bytes.indexOf(EMPTY_LINE, from, 'latin1')
  const whole = found === -1 || found + EMPTY_LINE.length > length ? undefined : found + EMPTY_LINE.length
  const bare = bytes.subarray(from, whole ?? length).indexOf(BARE_EMPTY_LINE, 0, 'latin1')
  return bare === -1 ? whole : from + bare + BARE_EMPTY_LINE.length
}
