import { type ErrorKind, errorKinds, GatewayError, kindOfUpstreamStatus } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../model/json.ts'
import { textOf } from '../../model/loose.ts'
import { retryAfter } from '../../model/retry-after.ts'
import { DIALECT } from './wire.ts'

/** What an `error.type` means; `status` is what it comes with when it stands in a stream (protocol.md §1.3, §5.1). */
interface Meaning {
  kind: ErrorKind
  status: number
}

const meanings: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ['invalid_request_error', { kind: 'invalid_request', status: 400 }],
  ['authentication_error', { kind: 'upstream_unauthenticated', status: 401 }],
  ['billing_error', { kind: 'payment_required', status: 402 }],
  ['permission_error', { kind: 'forbidden', status: 403 }],
  ['not_found_error', { kind: 'not_found', status: 404 }],
  ['conflict_error', { kind: 'conflict', status: 409 }],
  ['request_too_large', { kind: 'too_large', status: 413 }],
  ['rate_limit_error', { kind: 'rate_limited', status: 429 }],
  ['api_error', { kind: 'upstream_failed', status: 500 }],
  ['timeout_error', { kind: 'timeout', status: 504 }],
  ['overloaded_error', { kind: 'overloaded', status: 529 }],
  ['invalid_auth', { kind: 'upstream_unauthenticated', status: 401 }],
  ['no_cookie_available', { kind: 'overloaded', status: 503 }],
  ['too_many_retries', { kind: 'overloaded', status: 503 }],
  ['invalid_cookie', { kind: 'overloaded', status: 503 }],
  ['exceeded_limit', { kind: 'rate_limited', status: 429 }],
  ['RESOURCE_EXHAUSTED', { kind: 'rate_limited', status: 429 }],
  ['UNAUTHENTICATED', { kind: 'upstream_unauthenticated', status: 401 }],
  ['PERMISSION_DENIED', { kind: 'forbidden', status: 403 }],
  ['NOT_FOUND', { kind: 'not_found', status: 404 }],
  ['INVALID_ARGUMENT', { kind: 'invalid_request', status: 400 }],
  ['FAILED_PRECONDITION', { kind: 'invalid_request', status: 400 }],
  ['DEADLINE_EXCEEDED', { kind: 'timeout', status: 504 }],
  ['UNAVAILABLE', { kind: 'overloaded', status: 503 }],
  ['INTERNAL', { kind: 'upstream_failed', status: 500 }],
])

/** Details of a 429 that no waiting cures. */
const spent: ReadonlySet<string> = new Set(['enforced_spend_limit_reached', 'contract_spend_limit_reached'])

/** The wire has no code for it, so its one documented wording decides. */
const TOO_LONG = /prompt is too long|exceed context limit|context window/i

/** An upstream's answer that is not 2xx: its own shape, a bare one, or Google's (protocol.md §5.1, §5.3). */
export function decodeError(
  status: number,
  body: string,
  headers: (name: string) => string | null,
): GatewayError {
  return upstreamError(status, parseJson(body), body, retryAfter(headers))
}

/** An error that came with status 200: as an event in a stream, or instead of an answer. */
export function errorOfBody(body: JsonObject, raw: string): GatewayError {
  return upstreamError(undefined, body, raw, undefined)
}

function upstreamError(
  status: number | undefined,
  parsed: Json | undefined,
  raw: string,
  retryAfterSeconds: number | undefined,
): GatewayError {
  const outer = Array.isArray(parsed) ? parsed[0] : parsed
  const error = isObject(outer) && isObject(outer.error) ? outer.error : {}
  const message =
    messageOf(outer, error) ?? (raw.slice(0, 500) || `the upstream answered with status ${status}`)
  const meaning = meaningOf(error)
  const effective = status ?? meaning?.status ?? numericCode(error) ?? 500
  const kind = refine(agreedKind(meaning, effective), error, message)
  return new GatewayError(kind, message, {
    ...shownStatus(kind, effective),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    upstream: { dialect: DIALECT, status: effective, body: raw },
  })
}

/** A client's fault by status stays one, whatever the type says (`api_error` with 422). */
function agreedKind(meaning: Meaning | undefined, status: number): ErrorKind {
  const byStatus = kindOfUpstreamStatus(status)
  if (meaning === undefined) return byStatus
  const blamesClient = status >= 400 && status < 500 && !errorKinds[byStatus].retry
  return blamesClient && meaning.kind === 'upstream_failed' ? byStatus : meaning.kind
}

function meaningOf(error: JsonObject): Meaning | undefined {
  return (
    meanings.get(textOf(error.type)) ??
    meanings.get(textOf(innerMessage(error).type)) ??
    meanings.get(textOf(error.status))
  )
}

/** Some hosts put the vendor's parsed error where the message belongs. */
function innerMessage(error: JsonObject): JsonObject {
  return isObject(error.message) ? error.message : {}
}

function messageOf(outer: Json | undefined, error: JsonObject): string | undefined {
  if (typeof error.message === 'string') return error.message
  const inner = innerMessage(error)
  if (typeof inner.message === 'string') return inner.message
  if (isObject(error.message)) return JSON.stringify(error.message)
  if (!isObject(outer)) return undefined
  for (const value of [outer.error, outer.message, outer.detail]) if (typeof value === 'string') return value
  return undefined
}

function numericCode(error: JsonObject): number | undefined {
  return typeof error.code === 'number' && error.code >= 400 && error.code < 600 ? error.code : undefined
}

function refine(kind: ErrorKind, error: JsonObject, message: string): ErrorKind {
  if (kind === 'invalid_request' && TOO_LONG.test(message)) return 'context_too_long'
  if (kind === 'not_found' && /^(publisher )?model\b/i.test(message)) return 'model_not_found'
  const code = isObject(error.details) ? textOf(error.details.error_code) : ''
  return kind === 'rate_limited' && spent.has(code) ? 'quota_exhausted' : kind
}

/** A client's fault keeps the upstream's number, and so does 529; a failing upstream gets the number of the kind. */
function shownStatus(kind: ErrorKind, status: number): { status?: number } {
  const clients = errorKinds[kind].status < 500 && status >= 400 && status < 500
  return clients || status === 529 ? { status } : {}
}
