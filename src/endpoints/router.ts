import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { Identity } from '../pipeline/call.ts'
import type { Exchange } from '../platform/serve.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { callerClient, requestIdOf } from './caller.ts'
import { allowedOrigin, corsHeaders, preflight } from './cors.ts'
import { countTokens } from './count-tokens.ts'
import type { Gateway } from './gateway.ts'
import { generate } from './generate.ts'
import { health, ready } from './health.ts'
import type { Inbound } from './inbound.ts'
import { metrics } from './metrics.ts'
import { listModels, showModel } from './models.ts'
import { checkOperator } from './operator-access.ts'
import { errorResponse } from './respond.ts'
import { status } from './status.ts'

type Endpoint = (gateway: Gateway, inbound: Inbound) => Response | Promise<Response>

interface Route {
  method: 'GET' | 'POST'
  /** Without the trailing slash; `*` at the end takes the rest. */
  path: string
  endpoint: Endpoint
  /**
   * `key`: who calls is found out first, and nobody unknown comes further. `operator`: who runs the gateway, as
   * `observability.access` says.
   */
  access: 'key' | 'operator' | 'public'
}

const chat = (gateway: Gateway, inbound: Inbound): Promise<Response> =>
  generate(gateway, inbound, 'chat-completions')
const messages = (gateway: Gateway, inbound: Inbound): Promise<Response> =>
  generate(gateway, inbound, 'messages')

/** Every public route. Paths without `/v1` serve clients whose base address has it already, or lacks it. */
export const routes: readonly Route[] = [
  { method: 'POST', path: '/v1/chat/completions', endpoint: chat, access: 'key' },
  { method: 'POST', path: '/chat/completions', endpoint: chat, access: 'key' },
  { method: 'POST', path: '/v1/messages', endpoint: messages, access: 'key' },
  { method: 'POST', path: '/v1/messages/count_tokens', endpoint: countTokens, access: 'key' },
  { method: 'GET', path: '/v1/models', endpoint: listModels, access: 'key' },
  { method: 'GET', path: '/models', endpoint: listModels, access: 'key' },
  { method: 'GET', path: '/v1/models/*', endpoint: showModel, access: 'key' },
  { method: 'GET', path: '/healthz', endpoint: health, access: 'public' },
  { method: 'GET', path: '/health', endpoint: health, access: 'public' },
  { method: 'GET', path: '/readyz', endpoint: ready, access: 'public' },
  { method: 'GET', path: '/metrics', endpoint: metrics, access: 'operator' },
  { method: 'GET', path: '/status', endpoint: status, access: 'operator' },
]

const exact = new Map(
  routes
    .filter((route) => !route.path.endsWith('*'))
    .map((route) => [`${route.method} ${route.path}`, route]),
)
const prefixed = routes.filter((route) => route.path.endsWith('*'))

function find(method: string, path: string): Route | undefined {
  return (
    exact.get(`${method} ${path}`) ??
    prefixed.find((route) => route.method === method && path.startsWith(route.path.slice(0, -1)))
  )
}

/** HTTP/1.0 probes name no host, and then the runtime gives the path alone. */
function urlOfPath(text: string): URL {
  const path = text.replace(/^[a-z]+:\/\/[^/?]*/i, '')
  // Behind a host of ours, so that `//x/healthz` is a path and not a host.
  return new URL(`http://localhost${path.startsWith('/') ? path : `/${path}`}`)
}

/**
 * Two hosts, or one that holds more than a host (`a/healthz?`), are no slip: something in front may read another path
 * out of them than we do (promise I13).
 */
function checkHost(host: string | null, isInUrl: boolean): void {
  if (host === null || host === '') return
  if (!isInUrl || host.includes(','))
    throw new GatewayError('invalid_request', 'host: expected one host name', { param: 'host' })
}

/** Answers one request; never throws. */
export async function answer(gateway: Gateway, request: Request, exchange: Exchange): Promise<Response> {
  const requestId = requestIdOf(request.headers)
  const parsed = URL.parse(request.url)
  const url = parsed ?? urlOfPath(request.url)
  const snapshot = gateway.snapshot()
  const origin = request.headers.get('origin')
  try {
    checkHost(request.headers.get('host'), parsed !== null)
    if (request.method === 'OPTIONS' && origin !== null) return preflight(snapshot, origin, request.headers)
    if (origin !== null && allowedOrigin(snapshot, origin) === undefined)
      throw new GatewayError(
        'forbidden',
        `origin: ${origin} may not call this gateway (server.cors.origins)`,
        { param: 'origin' },
      )
    const response = await dispatch(gateway, { request, url, exchange, requestId, identity: nobody })
    if (origin !== null)
      for (const [name, value] of corsHeaders(snapshot, origin)) response.headers.set(name, value)
    return response
  } catch (thrown) {
    const error = toGatewayError(thrown)
    if (error.kind === 'internal')
      gateway.log.error('request failed', {
        request_id: requestId,
        path: url.pathname,
        cause: String(error.details.cause ?? error),
      })
    return errorResponse(error, callerClient(gateway, request, url.pathname), requestId)
  }
}

/** On public routes nobody is asked who they are. */
const nobody: Identity = { tenant: 'open' }

function dispatch(gateway: Gateway, inbound: Inbound): Response | Promise<Response> {
  const { request, url } = inbound
  // A trailing slash is a slip, two are another path.
  const path =
    url.pathname.length > 1 && url.pathname.endsWith('/') ? url.pathname.slice(0, -1) : url.pathname
  const found = find(request.method === 'HEAD' ? 'GET' : request.method, path)
  if (found?.access === 'operator') checkOperator(gateway, inbound)
  if (found && found.access !== 'key') return found.endpoint(gateway, inbound)
  const enter = (identity: Identity): Response | Promise<Response> => {
    inbound.identity = identity
    return found ? found.endpoint(gateway, inbound) : refuse(request.method, path)
  }
  const identity = gateway.identify(request, inbound.exchange)
  return identity instanceof Promise ? identity.then(enter) : enter(identity)
}

function refuse(given: string, path: string): never {
  const allowed = ['GET', 'POST'].filter((method) => find(method, path))
  if (allowed.length > 0)
    throw new GatewayError('method_not_allowed', `${given} ${path}: expected ${allowed.join(' or ')}`)
  throw new GatewayError('not_found', `${given} ${path} is not a route of this gateway`)
}
