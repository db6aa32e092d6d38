import type { Timeouts } from './deadline.ts'
import type { ByteSource } from './source.ts'

export interface UpstreamRequest {
  url: string
  method: 'GET' | 'POST'
  /** What is sent beside `host` and the framing, which the sender writes. */
  headers: Record<string, string>
  body?: string | Uint8Array
  timeouts: Timeouts
  /** Aborted when the client leaves. */
  signal: AbortSignal
}

export interface UpstreamResponse {
  status: number
  /** Null when the field is not there; any case; may be called on its own. */
  header(name: string): string | null
  body: ByteSource
}

export type Send = (request: UpstreamRequest) => Promise<UpstreamResponse>
