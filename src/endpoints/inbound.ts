import type { Identity } from '../pipeline/call.ts'
import type { Exchange } from '../platform/serve.ts'
import type { GatewayError } from '../protocol/model/error.ts'

/** One request as an endpoint gets it. */
export interface Inbound {
  request: Request
  url: URL
  exchange: Exchange
  requestId: string
  /** Who calls, as the router found out before anything was read; on public routes the tenant `open`. */
  identity: Identity
  /** What its client was told while its body was still being read. */
  givenUp?: GatewayError
}
