import type { AttemptRecord, Call, Identity, Refusal } from '../pipeline/call.ts'
import { contentFree } from '../pipeline/content-free.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import type { LogFields } from '../telemetry/log-line.ts'
import { fitting, listed } from './fitting.ts'

/**
 * Bytes that a member may take in a line. Clients choose names and upstreams their words, and in an outage every call
 * brings its line: together they stay below two kilobytes (promise F7).
 */
const NAME_BYTES = 120
const ERROR_BYTES = 320
const FAILED_BYTES = 480
const DROPPED_BYTES = 240
const PASSED_OVER_BYTES = 160
/** One attempt's failure within the list of them. */
const FAILURE_BYTES = 160

/** The one line of a call that is over, all of it from the call's record. */
export function callLine(call: Call, milliseconds: number): LogFields {
  const { record } = call
  const { usage, error, attempts } = record
  const said = error && wordsOf(call, error)
  return {
    request_id: call.id,
    trace_id: call.trace?.traceId,
    ...caller(call.identity),
    endpoint: record.endpoint,
    model: fitting(record.model, NAME_BYTES),
    provider: record.provider,
    target: record.target && fitting(record.target, NAME_BYTES),
    credential: attempts.findLast(({ lost }) => lost !== true)?.credential,
    stream: record.stream,
    status: record.status,
    ended_by: record.endedBy,
    finish_reason: record.finish?.reason,
    latency_ms: rounded(milliseconds),
    first_content_ms: record.firstByteMs === undefined ? undefined : rounded(record.firstByteMs),
    queued_ms: record.queuedMs === undefined ? undefined : rounded(record.queuedMs),
    balance: record.balance,
    attempts: attempts.length,
    hedged_attempts: counted(attempts, ({ reason }) => reason === 'hedge'),
    lost_attempts: counted(attempts, ({ lost }) => lost === true),
    failed_attempts: failures(call, said),
    passed_over: passedOver(call),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    reasoning_tokens: usage?.reasoningTokens,
    cached_tokens: usage?.cacheReadTokens,
    usage_estimated: usage?.estimated,
    cost_usd: record.cost === undefined ? undefined : dollars(record.cost),
    bytes_sent: record.bytesSent,
    replay: record.replay,
    dropped:
      record.dropped.length === 0
        ? undefined
        : listed(
            record.dropped.map((loss) => `${loss.path}: ${loss.why}`),
            DROPPED_BYTES,
          ),
    error_type: error?.kind,
    error: said,
    config_version: call.snapshot.version,
  }
}

/** The one line of a request that never became a call. */
export function refusalLine(refusal: Refusal, milliseconds: number): LogFields {
  const { requestId, identity, endpoint, status, endedBy, error } = refusal
  return {
    request_id: requestId,
    ...caller(identity),
    endpoint,
    status,
    ended_by: endedBy,
    latency_ms: rounded(milliseconds),
    attempts: 0,
    error_type: error.kind,
    error: fitting(contentFree(error, undefined), ERROR_BYTES),
  }
}

/** Members of the line that says that a call is under way; for the level `debug`. */
export function beginningLine(call: Call): LogFields {
  const { record, request } = call
  return {
    request_id: call.id,
    ...caller(call.identity),
    endpoint: record.endpoint,
    model: fitting(record.model, NAME_BYTES),
    stream: record.stream,
    messages: request.messages.length,
    tools: request.tools?.length,
    body_bytes: call.body.byteLength,
    config_version: call.snapshot.version,
  }
}

/** Members of the line that says what an attempt was and became; for the level `debug`. */
export function attemptLine(call: Call, attempt: AttemptRecord): LogFields {
  const { startedAt, sentAt, answeredAt, error } = attempt
  return {
    request_id: call.id,
    target: fitting(attempt.target, NAME_BYTES),
    credential: attempt.credential,
    reason: attempt.reason,
    waited_ms: attempt.waitedMs === undefined ? undefined : rounded(attempt.waitedMs),
    began_ms: rounded(startedAt - call.startedAt),
    sent_ms: sentAt === undefined ? undefined : rounded(sentAt - startedAt),
    answered_ms: answeredAt === undefined ? undefined : rounded(answeredAt - startedAt),
    milliseconds: rounded(attempt.milliseconds),
    status: attempt.status,
    lost: attempt.lost,
    error_type: error?.kind,
    error_code: error?.details.code,
    retry_after_seconds: error?.details.retryAfterSeconds,
    error: error && wordsOf(call, error),
  }
}

function caller({ tenant, key }: Identity): LogFields {
  return { tenant_id: tenant, key_id: key?.id, key: key?.prefix }
}

/** Each failed attempt; one that failed as the one before is counted, and words that the line has are not repeated. */
function failures(call: Call, said: string | undefined): string[] | undefined {
  const times = new Map<string, number>()
  for (const { target, error } of call.record.attempts) {
    if (!error) continue
    const words = wordsOf(call, error)
    const text = fitting(`${target}: ${error.kind}${words === said ? '' : `: ${words}`}`, FAILURE_BYTES)
    times.set(text, (times.get(text) ?? 0) + 1)
  }
  if (times.size === 0) return undefined
  return listed(
    [...times].map(([text, count]) => (count === 1 ? text : `${text} (×${count})`)),
    FAILED_BYTES,
  )
}

/** What an error says, without secrets, which a cut would hide from the log's own look, and without content. */
function wordsOf({ scrub, request }: Call, error: GatewayError): string {
  return fitting(scrub(contentFree(error, request)), ERROR_BYTES)
}

function passedOver({ record: { passedOver: all = [] } }: Call): string[] | undefined {
  if (all.length === 0) return undefined
  const texts = all.map(({ target, reason }) => `${target}: ${reason}`)
  return listed([...new Set(texts)], PASSED_OVER_BYTES)
}

function counted(
  attempts: readonly AttemptRecord[],
  is: (attempt: AttemptRecord) => boolean,
): number | undefined {
  const count = attempts.filter(is).length
  return count === 0 ? undefined : count
}

const PICODOLLARS = 1e12

/** For people and sums of logs: a double has every digit up to nine thousand dollars a call. */
function dollars(picodollars: bigint): number {
  return Number(picodollars) / PICODOLLARS
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
