import { lingering } from '../platform/linger.ts'
import type { ClientSide } from '../protocol/dialects/dialect.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { tooLarge } from './body.ts'
import { callerClient, requestIdOf } from './caller.ts'
import { allowedOrigin, corsHeaders } from './cors.ts'
import type { Gateway } from './gateway.ts'
import { errorResponse } from './respond.ts'
import { routes } from './router.ts'

/** Longer addresses are none of ours; the runtime itself stops at 16 KB for all of a request's head. */
const MAXIMUM_URL_CHARACTERS = 8_192
/** A client may go on for so long with sending what nobody wants: closed at once, it would not read its answer. */
const LINGER_SILENCE_MILLISECONDS = 250
const LINGER_MILLISECONDS = 10_000

/** What asks a model: it may be refused while the gateway is behind. All else is answered always. */
const callPaths = new Set(
  routes.filter(({ method, access }) => method === 'POST' && access === 'key').map(({ path }) => path),
)

/**
 * The answer to what need not be looked at closely: an address or a declared body that is too long, and calls while the
 * gateway is behind with its work (promises G5, G10). Undefined: go on. Nothing is asked about who calls, and nothing kept.
 */
export function refuseEarly(gateway: Gateway, request: Request): Response | undefined {
  const { url } = request
  if (url.length > MAXIMUM_URL_CHARACTERS) return refusal(gateway, request, pathOf(url), uriTooLong())
  if (request.method !== 'POST') return undefined
  const path = pathOf(url)
  if (!callPaths.has(path)) return undefined
  if (gateway.shedding.refuses()) return overloaded(gateway, request, path)
  const { maxBodyBytes } = gateway.snapshot().limits
  if (Number(request.headers.get('content-length') ?? 0) <= maxBodyBytes) return undefined
  const answer = refusal(gateway, request, path, tooLarge(maxBodyBytes))
  return lingering(request, answer, {
    bytes: maxBodyBytes,
    silenceMs: LINGER_SILENCE_MILLISECONDS,
    totalMs: LINGER_MILLISECONDS,
  })
}

/** Without the host, the query, and a slash at the end. */
function pathOf(url: string): string {
  const host = url.indexOf('//')
  const start = host === -1 ? 0 : url.indexOf('/', host + 2)
  const query = url.indexOf('?', start)
  const path = url.slice(start, query === -1 ? undefined : query)
  return path.endsWith('/') ? path.slice(0, -1) : path
}

function refusal(gateway: Gateway, request: Request, path: string, error: GatewayError): Response {
  const response = errorResponse(error, callerClient(gateway, request, path), requestIdOf(request.headers))
  const origin = request.headers.get('origin')
  const snapshot = gateway.snapshot()
  if (origin !== null && allowedOrigin(snapshot, origin) !== undefined)
    for (const [name, value] of corsHeaders(snapshot, origin)) response.headers.set(name, value)
  return response
}

function uriTooLong(): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The address is longer than ${MAXIMUM_URL_CHARACTERS} characters`,
    {
      status: 414,
      code: 'uri_too_long',
    },
  )
}

/** Thousands are refused a second: all but the id is ready. */
interface Prepared {
  seconds: number
  body(id: string): string
}

const prepared = new Map<ClientSide, Prepared>()
/** Stands for the id while the body is prepared. */
const ID = 'req_id'

function overloaded(gateway: Gateway, request: Request, path: string): Response {
  const { headers } = request
  const seconds = gateway.shedding.retryAfterSeconds()
  const client = callerClient(gateway, request, path)
  // A page's browser wants more of an answer.
  if (headers.has('origin')) return refusal(gateway, request, path, overload(seconds))
  let ready = prepared.get(client)
  if (ready?.seconds !== seconds) prepared.set(client, (ready = prepare(client, seconds)))
  const id = requestIdOf(headers)
  return new Response(ready.body(id), {
    status: 503,
    headers: {
      'content-type': 'application/json',
      'retry-after': String(seconds),
      'x-request-id': id,
      'request-id': id,
    },
  })
}

function prepare(client: ClientSide, seconds: number): Prepared {
  const [before = '', after] = JSON.stringify(client.encodeError(overload(seconds), ID).body).split(`"${ID}"`)
  // Not every dialect says it in the body.
  return { seconds, body: after === undefined ? () => before : (id) => `${before}"${id}"${after}` }
}

function overload(retryAfterSeconds: number): GatewayError {
  return new GatewayError(
    'unavailable',
    'This gateway has more work than it can do at the moment; try again',
    {
      code: 'overloaded',
      retryAfterSeconds,
    },
  )
}
