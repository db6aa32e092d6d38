import type { Accounts } from './accounts.ts'
import type { Snapshot } from './config/snapshot.ts'
import { ActiveCalls } from './endpoints/active-calls.ts'
import type { Gateway } from './endpoints/gateway.ts'
import { loadControl } from './endpoints/load-control.ts'
import type { Operations } from './endpoints/operations.ts'
import type { CallObserver, ClientDialect } from './pipeline/call.ts'
import { compose } from './pipeline/call.ts'
import { exchange, type Outside } from './pipeline/exchange.ts'
import { newId } from './platform/random.ts'
import { account } from './policies/account.ts'
import { attempt } from './policies/attempt.ts'
import { authorise } from './policies/authorise.ts'
import { continuity } from './policies/continuity.ts'
import { idempotency } from './policies/idempotency.ts'
import { limit, limitRequests } from './policies/limit.ts'
import { meter } from './policies/meter.ts'
import { countingTarget, route } from './policies/route.ts'
import { turns } from './policies/turns.ts'
import { validate } from './policies/validate.ts'
import { chatCompletions } from './protocol/dialects/chat-completions/dialect.ts'
import type { Dialect } from './protocol/dialects/dialect.ts'
import { generateContent } from './protocol/dialects/generate-content/dialect.ts'
import { messages } from './protocol/dialects/messages/dialect.ts'
import type { Services } from './providers/provider.ts'
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
 *  1. meter        reads along and keeps usage and finish in `call.record`; sees refused calls too
 *  2. authorise    refuses models the caller's key is not for, before anything says whether they exist
 *  3. validate     refuses what the configuration forbids, before any cost
 *  4. idempotency  answers a repeated call with the first one's answer
 *  5. continuity   adds `call.restored`: reasoning state that the client dropped; request-body.ts reads it
 *  6. route        public name → `call.targets`
 *  7. limit        reserves requests, tokens, money and a slot; settles when the call is over
 *  8. turns        lets others have their turn before a large body is encoded
 *  9. attempt      retries and falls back over the targets; runs what follows many times, each with one target
 * 10. account      writes the attempt down before a byte leaves
 * 11. exchange     one request to one target; resolves at the first content (the commit point)
 */
export function createGateway(parts: {
  snapshot(): Snapshot
  services: Services
  accounts: Accounts
  observers: readonly CallObserver[]
  operations: Operations
  log: Logger
  redactor: Redactor
}): Gateway {
  const { accounts } = parts
  const outside: Outside = { dialects, send, services: parts.services, now: Date.now, newId }
  const policies = [
    meter,
    authorise,
    validate,
    idempotency(accounts.idempotency),
    continuity(accounts.vault),
    route({ resilience: accounts.resilience, random: Math.random }),
    limit(accounts.limits),
    turns,
    attempt({
      resilience: accounts.resilience,
      random: Math.random,
      now: () => performance.now(),
      sleep,
    }),
    account(accounts.accounting),
  ]
  return {
    ...parts,
    identify: (request, exchange) => accounts.identifier.identify(request, exchange),
    begin: (call) => accounts.accounting.begin(call),
    refused: (refusal) => accounts.accounting.refused(refusal),
    limitRequests: (call) => limitRequests(accounts.limits, call),
    countingTarget: (call) => countingTarget(call, accounts.resilience),
    stores: accounts.stores,
    clients: { 'chat-completions': asClient(chatCompletions), messages: asClient(messages) },
    handle: compose(policies, (call) => {
      const [target] = call.targets
      if (!target) throw new Error('the attempt policy hands on one target')
      return exchange(call, target, outside)
    }),
    outside,
    active: new ActiveCalls(),
    ...loadControl(parts),
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
