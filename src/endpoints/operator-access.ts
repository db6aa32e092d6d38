import { isLoopback } from '../config/loopback.ts'
import { cameThroughProxy } from '../keys/credential.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'

/** Beside a key in `authorization`, the administrator's token stands here. */
export const ADMINISTRATOR_HEADER = 'x-xjp-admin-token'

type Asking = Pick<Inbound, 'request' | 'exchange' | 'url'>

/**
 * Lets in who may see how the gateway does (`observability.access`). Throws 401 for everybody else, 429 for who tries
 * tokens, and 503 while nobody can say which is right. A right token is let in whoever tries beside it.
 */
export function checkOperator(gateway: Gateway, asking: Asking): void {
  const { access } = gateway.snapshot().observability
  if (access === 'public') return
  if (access === 'local' && isLocal(asking)) return
  const token = tokenOf(asking.request.headers)
  if (token === undefined) throw missing(access)
  const isRight = gateway.operations.isAdministrator(token)
  if (isRight === undefined) throw unknown()
  if (!isRight) throw wrong(gateway, asking)
}

/**
 * Whether the caller may have a call explained: the administrator, and on a gateway of this machine that asks for no
 * keys, or not yet, everybody on it.
 */
export function isAdministrator(gateway: Gateway, asking: Asking): boolean {
  const token = asking.request.headers.get(ADMINISTRATOR_HEADER)
  if (token !== null) return gateway.operations.isAdministrator(token) === true
  return gateway.snapshot().auth.mode !== 'keys' && isLocal(asking)
}

const bearer = /^bearer\s+(\S+)$/i

function tokenOf(headers: Headers): string | undefined {
  const given = headers.get(ADMINISTRATOR_HEADER)
  return given ?? bearer.exec(headers.get('authorization') ?? '')?.[1]
}

/**
 * Whether somebody on this machine asks, and on their own account: not through a proxy, and not a web page in their
 * browser, of another site or under a name of its own that leads here.
 */
function isLocal({ request: { headers }, exchange, url }: Asking): boolean {
  const address = exchange.clientAddress().replace(/^::ffff:/i, '')
  const origin = headers.get('origin')
  return (
    isLoopback(address) &&
    !cameThroughProxy(headers) &&
    isOwnName(url.hostname) &&
    (origin === null || isLoopback(hostOf(origin)))
  )
}

/** Names that no stranger can have: addresses, and names without a dot. */
function isOwnName(host: string): boolean {
  return /^\[.*\]$|^[\d.]+$|^[^.]+$|\.localhost$/i.test(host)
}

function hostOf(origin: string): string {
  return (URL.parse(origin)?.hostname ?? '').replace(/^\[(.*)\]$/, '$1')
}

function missing(access: string): GatewayError {
  const who = access === 'local' ? 'by callers on this machine and by administrators' : 'by administrators'
  return new GatewayError(
    'unauthenticated',
    `This page may be read ${who} (observability.access): send the administrator's token as "Authorization: Bearer …"`,
    { code: 'administrator_only' },
  )
}

/** Our trouble is nobody's 401 (promise F4). */
function unknown(): GatewayError {
  return new GatewayError(
    'unavailable',
    'The store that keeps the administrator’s token has not answered yet: try again',
    { code: 'administrator_unknown', retryAfterSeconds: 1 },
  )
}

function wrong({ operations }: Gateway, { exchange }: Asking): GatewayError {
  const wait = operations.guessed(exchange.clientAddress())
  if (wait === undefined)
    return new GatewayError('unauthenticated', 'This is not the administrator’s token of this gateway.', {
      code: 'invalid_administrator_token',
    })
  return new GatewayError('rate_limited', 'Too many wrong tokens: wait before you try another one.', {
    code: 'too_many_invalid_tokens',
    retryAfterSeconds: wait,
  })
}
