import type { Exchange } from '../platform/serve.ts'

/** One request as an endpoint gets it. */
export interface Inbound {
  request: Request
  url: URL
  exchange: Exchange
  requestId: string
}
