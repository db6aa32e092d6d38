import type { Snapshot } from './config/snapshot.ts'
import { ActiveCalls, type Gateway } from './endpoints/gateway.ts'
import type { ClientDialect } from './pipeline/call.ts'
import { compose } from './pipeline/call.ts'
import { exchange, type Outside } from './pipeline/exchange.ts'
import { newId } from './platform/random.ts'
import { attempt } from './policies/attempt.ts'
import { continuity } from './policies/continuity.ts'
import { identify } from './policies/identify.ts'
import { meter } from './policies/meter.ts'
import { route } from './policies/route.ts'
import { validate } from './policies/validate.ts'
import { chatCompletions } from './protocol/dialects/chat-completions/dialect.ts'
import type { Dialect } from './protocol/dialects/dialect.ts'
import { generateContent } from './protocol/dialects/generate-content/dialect.ts'
import { messages } from './protocol/dialects/messages/dialect.ts'
import type { Services } from './providers/provider.ts'
import { MemoryVault } from './store/vault.ts'
import type { Logger } from './telemetry/log.ts'
import type { Redactor } from './telemetry/redact.ts'
import { send } from './upstream/send.ts'

const dialects = {
  'chat-completions': chatCompletions,
  messages,
  'generate-content': generateContent,
  responses: undefined,
}

/**
 * Builds a gateway out of its parts. The order of the policies is the contract:
 *  1. meter       reads along and keeps usage and finish in `call.record`; sees refused calls too
 *  2. identify    who calls: everything below may rely on `call.tenant`
 *  3. validate    refuses what the configuration forbids, before any cost
 *  4. continuity  adds `call.restored`: reasoning state that the client dropped; request-body.ts reads it
 *  5. route       public name → `call.targets`
 *  6. attempt     retries and falls back over the targets; runs 7 many times, each with one target
 *  7. exchange    one request to one target; resolves at the first content (the commit point)
 */
export function createGateway(parts: {
  snapshot(): Snapshot
  services: Services
  log: Logger
  redactor: Redactor
}): Gateway {
  const outside: Outside = { dialects, send, services: parts.services, now: Date.now, newId }
  const policies = [
    meter,
    identify,
    validate,
    continuity(new MemoryVault(Date.now)),
    route,
    attempt({ random: Math.random, sleep }),
  ]
  return {
    ...parts,
    identify: () => ({ tenant: 'open' }),
    clients: { 'chat-completions': asClient(chatCompletions), messages: asClient(messages) },
    handle: compose(policies, (call) => {
      const [target] = call.targets
      if (!target) throw new Error('the attempt policy hands on one target')
      return exchange(call, target, outside)
    }),
    outside,
    active: new ActiveCalls(),
    draining: false,
    startedAt: performance.now(),
  }
}

function asClient(dialect: Dialect): ClientDialect {
  if (!dialect.client) throw new Error(`${dialect.name} has no client side`)
  return { ...dialect, client: dialect.client }
}

function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, milliseconds)
    signal.addEventListener('abort', wake)
  })
}
