import type { AttemptRecord, Capture } from '../../pipeline/call.ts'
import { beginning, dataLines, MARGIN_BYTES } from './body-text.ts'

/** A stream's lines carry more than its data, and only the data is kept. */
const STREAM_FACTOR = 2

interface Seen {
  request: string
  pieces: Buffer[]
  length: number
}

/** Keeps the beginnings of what goes up and what comes down, attempt by attempt. */
export class SeenBytes implements Capture {
  readonly #maximum: number
  readonly #seen = new Map<AttemptRecord, Seen>()

  /** `maximum`: of one body, in bytes. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  request(attempt: AttemptRecord, body: string | Uint8Array): void {
    this.#seen.set(attempt, { request: beginning(body, this.#maximum), pieces: [], length: 0 })
  }

  response(attempt: AttemptRecord, bytes: string | Uint8Array): void {
    const seen = this.#seen.get(attempt)
    const room = STREAM_FACTOR * this.#maximum + MARGIN_BYTES - (seen?.length ?? 0)
    if (!seen || room <= 0) return
    // They are only valid now.
    const piece =
      typeof bytes === 'string' ? Buffer.from(bytes.slice(0, room)) : Buffer.from(bytes.subarray(0, room))
    seen.pieces.push(piece)
    seen.length += piece.length
  }

  requestOf(attempt: AttemptRecord): string | undefined {
    return this.#seen.get(attempt)?.request
  }

  /** Undefined when nothing came. */
  responseOf(attempt: AttemptRecord): string | undefined {
    const seen = this.#seen.get(attempt)
    return seen && seen.length > 0 ? dataLines(Buffer.concat(seen.pieces).toString()) : undefined
  }
}

/** One who sees everything that two see. */
export function both(first: Capture, second: Capture): Capture {
  return {
    request(attempt, body) {
      first.request(attempt, body)
      second.request(attempt, body)
    },
    response(attempt, bytes) {
      first.response(attempt, bytes)
      second.response(attempt, bytes)
    },
  }
}
