import { GatewayError } from '../../protocol/model/error.ts'
import { isObject, type Json } from '../../protocol/model/json.ts'

export interface FetchInit {
  method: 'GET' | 'POST'
  headers: Readonly<Record<string, string>>
  body?: string
  signal: AbortSignal
}

/** One HTTP exchange. `body` is the parsed JSON, or the text when it is none. Rejects when nothing came back. */
export type FetchJson = (url: string, init: FetchInit) => Promise<{ status: number; body: Json }>

/** What credentials need of the world; all of it is injected. */
export interface GoogleOutside {
  fetchJson: FetchJson
  /** Milliseconds since 1970. */
  now(): number
  /** The file's text; undefined when there is no such file. */
  readFile(path: string): Promise<string | undefined>
  environment: Readonly<Record<string, string | undefined>>
}

/** Scope of every token asked for (protocol.md §5.3). */
export const cloudScope = 'https://www.googleapis.com/auth/cloud-platform'

/** A token as an endpoint gave it; `expiresAt` in milliseconds since 1970. */
export interface Grant {
  token: string
  expiresAt: number
  project?: string
}

/** Fetches a fresh token each time it is called. */
export type Granter = () => Promise<Grant>

export function refused(message: string, cause?: unknown): GatewayError {
  return new GatewayError('upstream_unauthenticated', `Google credentials: ${message}`, { cause })
}

const timeoutMs = 10_000

/**
 * One call to a token service. 4xx is `upstream_unauthenticated` with the service's own code and words, anything
 * else that fails `upstream_failed`. `secrets` are taken out of these words, should they be echoed.
 */
export async function callService(
  outside: GoogleOutside,
  service: string,
  url: string,
  request: {
    method: 'GET' | 'POST'
    headers?: Record<string, string>
    body?: string
    secrets?: readonly string[]
  },
  patienceMs = timeoutMs,
): Promise<Json> {
  const { method, headers = {}, body, secrets = [] } = request
  const init = {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(patienceMs),
  }
  let answer: { status: number; body: Json }
  try {
    answer = await outside.fetchJson(url, init)
  } catch (thrown) {
    throw new GatewayError(
      'upstream_failed',
      `Google credentials: ${service} could not be reached in ${patienceMs} ms`,
      {
        cause: thrown,
      },
    )
  }
  if (answer.status >= 200 && answer.status < 300) return answer.body
  const said = scrub(reasonIn(answer.body), secrets).slice(0, 400)
  const message = `${service} answered ${answer.status}${said === '' ? '' : `: ${said}`}`
  const isRefusal =
    answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429
  throw isRefusal ? refused(message) : new GatewayError('upstream_failed', `Google credentials: ${message}`)
}

/** OAuth writes `{error, error_description}`, Google's other services `{error: {status, message}}`. */
function reasonIn(body: Json): string {
  if (!isObject(body)) return ''
  const { error, error_description: description } = body
  if (isObject(error)) return join(error['status'], error['message'])
  return join(error, description)
}

function join(...parts: (Json | undefined)[]): string {
  const texts = parts.filter((part) => typeof part === 'string' && part !== '')
  return texts.join(': ')
}

function scrub(text: string, secrets: readonly string[]): string {
  return secrets.reduce(
    (clean, secret) => (secret === '' ? clean : clean.replaceAll(secret, '[redacted]')),
    text,
  )
}

export const form = { 'content-type': 'application/x-www-form-urlencoded' } as const

export function formBody(fields: Readonly<Record<string, string>>): string {
  return new URLSearchParams(fields).toString()
}

/** `{access_token, expires_in}` of an OAuth answer. */
export function oauthGrant(outside: GoogleOutside, service: string, body: Json): Grant {
  const token = isObject(body) ? body['access_token'] : undefined
  const seconds = isObject(body) ? Number(body['expires_in']) : Number.NaN
  if (typeof token !== 'string' || token === '')
    throw new GatewayError(
      'upstream_failed',
      `Google credentials: ${service} answered without an access_token`,
    )
  return { token, expiresAt: outside.now() + (Number.isFinite(seconds) ? seconds : 3_600) * 1_000 }
}
