import type { Reply } from '../http/reply.ts'
import type { Performance } from '../scene/performance.ts'
import type { WireEvent } from '../wire/dialect.ts'

/** A place in an answer: a byte of the body (framing not counted) or of everything sent, header block included. */
export interface Place {
  at: number
  of?: 'body' | 'wire'
}

/** How one answer goes wrong. Everything is optional and may be combined. */
export interface Fault {
  /** Ends the connection after this many bytes. */
  cut?: Place & { how: 'fin' | 'rst' }
  /** Says nothing for `ms` when this byte is due; with `ms` infinite until the client leaves. */
  stalls?: readonly (Place & { ms: number })[]
  /** One byte a write, or pieces of 1 to `most` bytes drawn from `seed`. Each write waits for the loop to turn. */
  split?: 'bytes' | { seed: number; most: number }
  /** Waits before every part (event) of the body. */
  paceMs?: number
  /** Informational 1xx answers before the real one. */
  informational?: number
  /** Added to the true content-length. */
  lengthError?: number
  /** Sent over and over until the client leaves: after the whole answer, or instead of the rest of the header block. */
  endless?: { where: 'headers' | 'body'; text: string }
  /** What becomes of the connection after the answer: closed after so many ms, or when the next request arrives. */
  afterwards?: { closeAfterMs: number } | 'close-on-next-request'
  /** Changes what is played, before it is encoded. */
  play?(performance: Performance): Performance
  /** Answers a stream with a whole body, and a whole request with a stream. */
  swapForm?: boolean
  /** Changes the events of a stream. */
  events?(events: readonly WireEvent[]): WireEvent[]
  /** Changes the whole reply. */
  reply?(reply: Reply): Reply
}
