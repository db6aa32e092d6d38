import type { ErrorKind, GatewayError } from '../../model/error.ts'
import { isObject, type JsonObject, parseJson } from '../../model/json.ts'
import { DIALECT } from './wire.ts'

/** protocol.md §2.14 */
const types: Record<ErrorKind, string> = {
  invalid_request: 'invalid_request_error',
  context_too_long: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  unauthenticated: 'authentication_error',
  payment_required: 'billing_error',
  forbidden: 'permission_error',
  not_found: 'not_found_error',
  model_not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  conflict: 'conflict_error',
  too_large: 'request_too_large',
  unsupported_media_type: 'invalid_request_error',
  unprocessable: 'invalid_request_error',
  rate_limited: 'rate_limit_error',
  quota_exhausted: 'rate_limit_error',
  client_closed: 'api_error',
  internal: 'api_error',
  upstream_invalid: 'api_error',
  upstream_failed: 'api_error',
  upstream_unauthenticated: 'api_error',
  overloaded: 'overloaded_error',
  unavailable: 'api_error',
  timeout: 'timeout_error',
}

/** Clients of this dialect know overload by this status. */
const OVERLOADED = 529

/** What agents look for before they shorten a conversation. */
const TOO_LONG = 'prompt is too long'

/** Status and body before the first byte; what this dialect's own upstream said passes unmodified. */
export function encodeError(error: GatewayError, requestId: string): { status: number; body: JsonObject } {
  const own = upstreamBody(error)
  if (own) return own
  const status = error.kind === 'overloaded' ? OVERLOADED : error.status
  return { status, body: bodyOf(error, requestId) }
}

/** Ends a stream that has begun (protocol.md §2.14): nothing may follow. */
export function encodeStreamError(error: GatewayError, requestId: string): string {
  const own = upstreamBody(error)?.body
  const body = own
    ? { type: 'error', error: own.error, request_id: own.request_id ?? requestId }
    : bodyOf(error, requestId)
  return `event: error\ndata: ${JSON.stringify(body)}\n\n`
}

function bodyOf(error: GatewayError, requestId: string): JsonObject {
  return { type: 'error', error: { type: types[error.kind], message: wording(error) }, request_id: requestId }
}

function wording({ kind, message }: GatewayError): string {
  if (kind !== 'context_too_long' || message.toLowerCase().includes(TOO_LONG)) return message
  return `${TOO_LONG}: ${message}`
}

/** The upstream's own body, if it is this dialect's error shape. Our credentials' failure is never the client's. */
function upstreamBody(error: GatewayError): { status: number; body: JsonObject } | undefined {
  const { upstream } = error.details
  if (upstream?.dialect !== DIALECT || error.kind === 'upstream_unauthenticated') return undefined
  const body = parseJson(upstream.body)
  if (!isObject(body) || body.type !== 'error' || !isObject(body.error)) return undefined
  if (typeof body.error.type !== 'string' || typeof body.error.message !== 'string') return undefined
  return { status: upstream.status, body }
}
