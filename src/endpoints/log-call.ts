import type { Call } from '../pipeline/call.ts'
import type { Gateway } from './gateway.ts'

/** Everything is over: what policies wait for runs, then the call is logged, both from its record. */
export function endCall(gateway: Gateway, call: Call): void {
  for (const end of call.ends) ended(gateway, call, end)
  logCall(gateway, call)
}

/** They must not throw; one that does keeps neither the others from their work nor the client from its answer. */
function ended({ log }: Gateway, call: Call, end: () => void): void {
  try {
    end()
  } catch (thrown) {
    log.error('a call could not be concluded', { request_id: call.id, cause: String(thrown) })
  }
}

/** One line a request. */
function logCall(gateway: Gateway, call: Call): void {
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
    latency_ms: rounded(performance.now() - call.startedAt),
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
