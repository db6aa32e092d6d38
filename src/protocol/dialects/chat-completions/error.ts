import { type ErrorDetails, errorKinds, GatewayError } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../model/json.ts'
import { defined, numberOf, objectOf, textOf } from '../../model/loose.ts'
import { kindOf, wireErrors } from './error-kinds.ts'
import { waitOf } from './rate-limit.ts'
import { DIALECT } from './wire.ts'

/** Status and body for a client (protocol.md §2.14); an upstream's own error of this dialect passes unmodified. */
export function encodeError(error: GatewayError): { status: number; body: JsonObject } {
  const body = passedOn(error)
  const status = body === undefined ? error.status : (error.details.upstream?.status ?? error.status)
  return { status: shown(status), body: body ?? { error: errorMember(error) } }
}

/** The event that ends a begun stream; every SDK raises it (§2.14). */
export function encodeStreamError(error: GatewayError): string {
  const member = passedOn(error)?.['error'] ?? errorMember(error)
  return `data: ${JSON.stringify({ error: member })}\n\n`
}

/** 529 belongs to another dialect; clients of this one know 503 (protocol.md §2.14). */
function shown(status: number): number {
  return status === 529 ? 503 : status
}

/** Our credentials' failure is ours: the client must not read it as its own 401. */
function passedOn({ kind, details }: GatewayError): JsonObject | undefined {
  if (details.upstream?.dialect !== DIALECT || kind === 'upstream_unauthenticated') return undefined
  const body = parseJson(details.upstream.body)
  return isObject(body) && isObject(body['error']) ? body : undefined
}

function errorMember({ kind, message, details }: GatewayError): JsonObject {
  const { type, code } = wireErrors[kind]
  const isOurs = kind === 'upstream_unauthenticated'
  return { message, type, param: details.param ?? null, code: isOurs ? code : (details.code ?? code) }
}

interface ErrorWords {
  message: string
  type: string
  code: string
  param: string
  /** Every word that may name the class of the error, the most exact first. */
  words: string[]
  /** A status inside the error itself: numeric `code`, `status_code`, `status`. */
  status: number
}

/** Reads every variant seen: object, text, array, FastAPI's `detail`, nested messages (§3, 89). */
function wordsOf(value: Json | undefined): ErrorWords {
  const list = Array.isArray(value) ? value[0] : value
  const error = objectOf(list) ?? { message: list }
  const nested = objectOf(error['error'])
  if (nested) return wordsOf(nested)
  const metadata = objectOf(error['metadata']) ?? {}
  const [type, code, param] = [textOf(error['type']), textOf(error['code']), textOf(error['param'])]
  const words = [textOf(metadata['error_type']), code, type].filter((word) => word !== '')
  const status = [error['code'], error['status_code'], error['status']].map(numberOf).find(isStatus) ?? 0
  return { message: messageOf(error, metadata), type, code, param, words, status }
}

function isStatus(number: number | undefined): number is number {
  return number !== undefined && number >= 400 && number < 600
}

/** A router's own sentence says little; what its provider said stands in `metadata.raw` (§5.2). */
function messageOf(error: JsonObject, metadata: JsonObject): string {
  const message =
    [error['message'], error['detail'], error['error']].map(readable).find((text) => text !== '') ?? ''
  const raw = textOf(metadata['raw'])
  return raw === '' || message.includes(raw) ? message : `${message}: ${raw}`
}

function readable(value: Json | undefined): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}

/** An error that came inside a 200, whole or streamed. */
export function errorInBody(value: Json): GatewayError {
  const { message, words, code, param, status } = wordsOf(value)
  const kind = kindOf(words, status, message)
  return new GatewayError(
    kind,
    message || 'the upstream reported an error without a message',
    defined<ErrorDetails>({
      param: param || undefined,
      code: code || undefined,
      upstream: {
        dialect: DIALECT,
        status: status || errorKinds[kind].status,
        body: JSON.stringify({ error: value }),
      },
    }),
  )
}

/** An answer with an error status. `headers` gives a header by its lower-case name. */
export function decodeError(
  status: number,
  body: string,
  headers: (name: string) => string | null,
): GatewayError {
  const { message, words, type, code, param } = wordsOf(parseJson(body))
  const kind = kindOf(words, status, message)
  return new GatewayError(
    kind,
    message || `the upstream answered ${status} without a readable error`,
    defined<ErrorDetails>({
      status: statusShown(kind, status),
      param: param || undefined,
      code: code || undefined,
      retryAfterSeconds: waitOf(headers, kind === 'rate_limited' ? type : undefined),
      upstream: { dialect: DIALECT, status, body },
    }),
  )
}

/** The upstream's status where it says more than our own for this kind. */
function statusShown(kind: GatewayError['kind'], status: number): number | undefined {
  if (kind === 'upstream_unauthenticated' || status < 400) return undefined
  const isStandard = status < 520 || status === 529
  return isStandard && new GatewayError(kind, '').status !== status ? status : undefined
}
