import { GatewayError } from '../protocol/model/error.ts'
import type { Frame } from '../protocol/model/machine.ts'

/** One event with its place in the batch's text, framing included. */
export interface PlacedFrame extends Frame {
  start: number
  end: number
}

/** Every event that one read completed. */
export interface FrameBatch {
  frames: PlacedFrame[]
  /** The bytes of these events as they came; concatenated over all batches they are the stream. */
  bytes: Uint8Array
  /** The same as text. */
  text: string
}

const LF = 0x0a
const CR = 0x0d
const NONE = new Uint8Array(0)
const EMPTY: FrameBatch = { frames: [], bytes: NONE, text: '' }

/**
 * Splits a byte stream into server-sent events (protocol.md §1.0). Bytes may be cut anywhere; only whole events
 * come out, so a code point is never split when the text is decoded. Accepts LF, CRLF and CR line ends, a BOM,
 * comments, `data:` with or without a space and several `data:` lines.
 */
export class SseFramer {
  #tail: Uint8Array[] = []
  #tailLength = 0
  #started = false
  readonly #maxEventBytes: number
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })

  constructor(maxEventBytes = 16 * 1024 * 1024) {
    this.#maxEventBytes = maxEventBytes
  }

  push(bytes: Uint8Array): FrameBatch {
    const cut = lastBoundary(bytes, this.#lastBytes())
    if (cut === 0) {
      this.#keep(bytes)
      return EMPTY
    }
    const complete =
      this.#tailLength === 0 ? bytes.subarray(0, cut) : Buffer.concat([...this.#tail, bytes.subarray(0, cut)])
    this.#tail = []
    this.#tailLength = 0
    if (cut < bytes.length) this.#keep(bytes.subarray(cut))
    return this.#frame(complete)
  }

  /** What came after the last blank line, taken as a last event: some servers leave its blank line out. */
  end(): FrameBatch {
    if (this.#tailLength === 0) return EMPTY
    const rest = Buffer.concat(this.#tail)
    this.#tail = []
    this.#tailLength = 0
    return this.#frame(rest)
  }

  #frame(bytes: Uint8Array): FrameBatch {
    const text = this.#decoder.decode(bytes)
    const byteOrderMark = !this.#started && text.charCodeAt(0) === 0xfeff
    this.#started = true
    return { frames: parseFrames(text, byteOrderMark ? 1 : 0), bytes, text }
  }

  #keep(bytes: Uint8Array): void {
    this.#tailLength += bytes.length
    if (this.#tailLength > this.#maxEventBytes)
      throw new GatewayError(
        'upstream_invalid',
        `The upstream sent an event of more than ${this.#maxEventBytes} bytes`,
      )
    // A copy: the reader may reuse its buffer.
    this.#tail.push(bytes.slice())
  }

  /** Up to three bytes before the new ones, where half a blank line may stand. */
  #lastBytes(): Uint8Array {
    if (this.#tailLength === 0) return NONE
    let needed = 3
    const pieces: Uint8Array[] = []
    for (let index = this.#tail.length - 1; index >= 0 && needed > 0; index -= 1) {
      const piece = (this.#tail[index] as Uint8Array).slice(-needed)
      pieces.unshift(piece)
      needed -= piece.length
    }
    return Buffer.concat(pieces)
  }
}

/** The offset in `bytes` just after the last blank line, 0 when there is none; `before` precedes `bytes`. */
function lastBoundary(bytes: Uint8Array, before: Uint8Array): number {
  const byteAt = (index: number): number | undefined =>
    index >= 0 ? bytes[index] : before[before.length + index]
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const byte = bytes[at]
    if (byte !== LF && byte !== CR) continue
    const start = byte === LF && byteAt(at - 1) === CR ? at - 1 : at
    const previous = byteAt(start - 1)
    if (previous === LF || previous === CR) return at + 1
  }
  return 0
}

/** Parses whole events. Frames without data (comments, lone fields) are left out. */
export function parseFrames(text: string, start = 0): PlacedFrame[] {
  const frames: PlacedFrame[] = []
  const lineEnds = text.includes('\r') ? /\r\n?|\n/g : undefined
  let event: string | undefined
  let data: string | undefined
  for (let from = start; from < text.length; ) {
    let lineEnd: number
    let next: number
    if (lineEnds === undefined) {
      lineEnd = text.indexOf('\n', from)
      if (lineEnd === -1) lineEnd = text.length
      next = lineEnd + 1
    } else {
      lineEnds.lastIndex = from
      const match = lineEnds.exec(text)
      lineEnd = match ? match.index : text.length
      next = match ? match.index + match[0].length : text.length
    }
    if (lineEnd === from) {
      if (data !== undefined) frames.push(placed(event, data, start, next))
      event = undefined
      data = undefined
      start = next
    } else if (text.startsWith('data', from)) {
      const value = fieldValue(text, from + 4, lineEnd)
      if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`
    } else if (text.startsWith('event', from)) {
      event = fieldValue(text, from + 5, lineEnd) ?? event
    }
    from = next
  }
  if (data !== undefined) frames.push(placed(event, data, start, text.length))
  return frames
}

function placed(event: string | undefined, data: string, start: number, end: number): PlacedFrame {
  return event === undefined ? { data, start, end } : { event, data, start, end }
}

/** The value of a field whose name ended at `at`: undefined when the name goes on (`dataset:`). */
function fieldValue(text: string, at: number, lineEnd: number): string | undefined {
  if (at === lineEnd) return ''
  if (text.charCodeAt(at) !== 0x3a) return undefined
  const from = text.charCodeAt(at + 1) === 0x20 ? at + 2 : at + 1
  return text.slice(Math.min(from, lineEnd), lineEnd)
}
