import type { Call, CallObserver, Refusal } from '../pipeline/call.ts'
import { attemptLine, beginningLine, callLine, refusalLine } from './call-line.ts'
import type { Gateway } from './gateway.ts'

/** Everything is over: what policies wait for runs, then the call is logged, both from its record. */
export function endCall(gateway: Gateway, call: Call): void {
  for (const end of call.ends) isolated(gateway, call.id, 'a call could not be concluded', end)
  const milliseconds = performance.now() - call.startedAt
  tellObservers(gateway, call.id, (observer) => observer.ended?.(call, milliseconds))
  logCall(gateway, call, milliseconds)
}

/** A call is known: who looks on is told. */
export function callBegun(gateway: Gateway, call: Call): void {
  tellObservers(gateway, call.id, (observer) => observer.begun?.(call))
  if (gateway.log.writes('debug')) gateway.log.debug('request begun', beginningLine(call))
}

/** A request that never became a call is over. */
export function requestRefused(gateway: Gateway, refusal: Refusal): void {
  gateway.refused(refusal)
  tellObservers(gateway, refusal.requestId, (observer) => observer.refused?.(refusal))
  logRefusal(gateway, refusal)
}

function tellObservers(gateway: Gateway, id: string, tell: (observer: CallObserver) => void): void {
  for (const observer of gateway.observers)
    isolated(gateway, id, 'a call could not be observed', () => tell(observer))
}

/** They must not throw; one that does keeps neither the others from their work nor the client from its answer. */
function isolated({ log }: Gateway, id: string, message: string, work: () => void): void {
  try {
    work()
  } catch (thrown) {
    log.error(message, { request_id: id, cause: String(thrown) })
  }
}

/** One line a request; where somebody looks closely, one for each of its attempts before it. */
function logCall({ log }: Gateway, call: Call, milliseconds: number): void {
  const { record } = call
  if (log.writes('debug'))
    for (const attempt of record.attempts) log.debug('attempt', attemptLine(call, attempt))
  const failed = record.error !== undefined && record.endedBy !== 'client'
  log[failed ? 'warn' : 'info']('request', callLine(call, milliseconds))
}

function logRefusal({ log }: Gateway, refusal: Refusal): void {
  const milliseconds = performance.now() - refusal.startedAt
  log[refusal.endedBy === 'client' ? 'info' : 'warn']('request', refusalLine(refusal, milliseconds))
}
