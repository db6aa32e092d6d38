import { type ErrorKind, GatewayError, kindOfUpstreamStatus } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../model/json.ts'
import { objectsOf } from '../../model/loose.ts'
import { duration, retryAfter } from '../../model/retry-after.ts'
import { DIALECT } from './wire.ts'

/** google.rpc.Code names (protocol.md §1.4). Codes decide before HTTP statuses, prose only where no code helps. */
const kindByStatus: ReadonlyMap<string, ErrorKind> = new Map<string, ErrorKind>(
  Object.entries({
    INVALID_ARGUMENT: 'invalid_request',
    FAILED_PRECONDITION: 'invalid_request',
    OUT_OF_RANGE: 'invalid_request',
    UNAUTHENTICATED: 'upstream_unauthenticated',
    PERMISSION_DENIED: 'forbidden',
    NOT_FOUND: 'not_found',
    ALREADY_EXISTS: 'conflict',
    ABORTED: 'conflict',
    RESOURCE_EXHAUSTED: 'rate_limited',
    CANCELLED: 'upstream_failed',
    UNKNOWN: 'upstream_failed',
    INTERNAL: 'upstream_failed',
    DATA_LOSS: 'upstream_failed',
    UNIMPLEMENTED: 'unsupported',
    UNAVAILABLE: 'overloaded',
    DEADLINE_EXCEEDED: 'timeout',
  }),
)

/** A bad key is a 400 INVALID_ARGUMENT here: only the reason tells. */
const keyReasons = new Set([
  'API_KEY_INVALID',
  'API_KEY_EXPIRED',
  'ACCESS_TOKEN_EXPIRED',
  'CREDENTIALS_MISSING',
])

/** The vendor gives these no code of their own. */
const kindByWording: readonly { kind: ErrorKind; of: ErrorKind; wording: RegExp }[] = [
  { of: 'invalid_request', kind: 'context_too_long', wording: /token count\b.*\bexceeds/is },
  { of: 'invalid_request', kind: 'upstream_unauthenticated', wording: /^API key (not valid|expired)/i },
  { of: 'not_found', kind: 'model_not_found', wording: /\bmodels?\b/i },
]

export function decodeError(
  status: number,
  body: string,
  headers: (name: string) => string | null,
): GatewayError {
  return errorOf(parseJson(body), status, body, retryAfter(headers))
}

/** The error a body or a stream event holds. `status` is the HTTP status, or 0 to take the error's own code. */
export function errorOf(parsed: Json | undefined, status: number, body: string, told?: number): GatewayError {
  const error = errorObject(parsed)
  const httpStatus = status || numberOf(error['code']) || 500
  const message = typeof error['message'] === 'string' ? error['message'] : ''
  const details = objectsOf(error['details'])
  const retryAfterSeconds = told ?? retryDelay(details)
  return new GatewayError(
    kindOf(error, details, message, httpStatus),
    message === '' ? `the upstream answered with HTTP ${httpStatus} and no readable error` : message,
    {
      upstream: { dialect: DIALECT, status: httpStatus, body },
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
  )
}

/** `{error: {…}}`, the same in an array, or the OAuth form `{error: "…", error_description}`. */
function errorObject(parsed: Json | undefined): JsonObject {
  const holder = Array.isArray(parsed) ? parsed[0] : parsed
  if (!isObject(holder)) return {}
  const error = holder['error']
  if (isObject(error)) return error
  if (typeof error === 'string') return { message: holder['error_description'] ?? error }
  return {}
}

function kindOf(error: JsonObject, details: JsonObject[], message: string, status: number): ErrorKind {
  if (details.some((detail) => keyReasons.has(String(detail['reason'])))) return 'upstream_unauthenticated'
  const kind = kindByStatus.get(String(error['status'])) ?? kindOfUpstreamStatus(status)
  return kindByWording.find((row) => row.of === kind && row.wording.test(message))?.kind ?? kind
}

/** `RetryInfo.retryDelay`: a duration such as `13s` or `0.5s`, in seconds. */
function retryDelay(details: JsonObject[]): number | undefined {
  for (const { retryDelay: delay } of details) {
    const seconds = typeof delay === 'string' ? duration(delay) : undefined
    if (seconds !== undefined) return seconds
  }
  return undefined
}

function numberOf(value: Json | undefined): number {
  return typeof value === 'number' && value >= 400 && value < 600 ? value : 0
}
