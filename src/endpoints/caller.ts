import { newId } from '../platform/random.ts'
import type { ClientSide } from '../protocol/dialects/dialect.ts'
import type { Gateway } from './gateway.ts'

/** Request ids go into logs and headers: only harmless ones are taken over. */
const harmlessId = /^[A-Za-z0-9_.:-]{1,128}$/

export function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id')
  return given !== null && harmlessId.test(given) ? given : `req_${newId()}`
}

/** The dialect errors are told in where the route does not say: by its headers, a caller shows what it speaks. */
export function callerClient(gateway: Gateway, request: Request, path: string): ClientSide {
  const speaksMessages = path.startsWith('/v1/messages') || request.headers.has('anthropic-version')
  const dialect = gateway.clients[speaksMessages ? 'messages' : 'chat-completions']
  if (!dialect) throw new Error('a client dialect is missing')
  return dialect.client
}
