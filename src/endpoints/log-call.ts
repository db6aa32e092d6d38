import type { Call, CallObserver, Refusal } from '../pipeline/call.ts'
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
}

/** A request that never became a call is over. */
export function requestRefused(gateway: Gateway, refusal: Refusal): void {
  gateway.refused(refusal)
  tellObservers(gateway, refusal.requestId, (observer) => observer.refused?.(refusal))
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

/** One line a request. */
function logCall(gateway: Gateway, call: Call, milliseconds: number): void {
  const { record } = call
  const { usage, error } = record
  const failed = error !== undefined && record.endedBy !== 'client'
  gateway.log[failed ? 'warn' : 'info']('request', {
    request_id: call.id,
    tenant_id: call.tenant,
    key_id: call.identity.key?.id,
    endpoint: record.endpoint,
    model: record.model,
    provider: record.provider,
    target: record.target,
    stream: record.stream,
    status: record.status,
    ended_by: record.endedBy,
    finish_reason: record.finish?.reason,
    latency_ms: rounded(milliseconds),
    first_content_ms: record.firstByteMs === undefined ? undefined : rounded(record.firstByteMs),
    attempts: record.attempts.length,
    failed_attempts: failures(call),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    reasoning_tokens: usage?.reasoningTokens,
    cached_tokens: usage?.cacheReadTokens,
    usage_estimated: usage?.estimated,
    bytes_sent: record.bytesSent,
    replay: record.replay,
    dropped:
      record.dropped.length > 0 ? record.dropped.map((loss) => `${loss.path}: ${loss.why}`) : undefined,
    error_type: error?.kind,
    error: error?.message,
    config_version: call.snapshot.version,
  })
}

function failures(call: Call): string[] | undefined {
  const failed = call.record.attempts.filter((attempt) => attempt.error)
  if (failed.length === 0) return undefined
  return failed.map((attempt) => `${attempt.target}: ${attempt.error?.kind}: ${attempt.error?.message}`)
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
