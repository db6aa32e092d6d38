import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { AttemptRecord, Call, Handler, Policy, Reply } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'

export interface AttemptOutside {
  /** Uniform in [0, 1). */
  random(): number
  /** Resolves after the time; resolves or rejects at once when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** A wait that the upstream asked for is only sat out when it is short; otherwise the next target is tried. */
const MAXIMUM_WAIT_MILLISECONDS = 10_000
const MAXIMUM_BACKOFF_MILLISECONDS = 8_000
/** However many targets and retries are configured, one request never causes more (promise B4). */
const MAXIMUM_ATTEMPTS = 10

/**
 * Tries the targets in order, each with its own retries, until one gives its first content. Nothing is tried again
 * after that: the inner handler only throws before it. When all fail, the client gets the first target's error.
 */
export const attempt =
  (outside: AttemptOutside): Policy =>
  (next) =>
  async (call) => {
    const { targets } = call
    let first: GatewayError | undefined
    for (const [place, target] of targets.slice(0, MAXIMUM_ATTEMPTS).entries()) {
      // Retries of one target never eat the only try of a later one.
      const later = Math.min(targets.length, MAXIMUM_ATTEMPTS) - place - 1
      const most = Math.min(
        target.retry.maxRetries + 1,
        MAXIMUM_ATTEMPTS - call.record.attempts.length - later,
      )
      const outcome = await tryTarget(call, target, most, next, outside)
      if (!(outcome instanceof GatewayError)) return outcome
      if (call.signal.aborted) throw outcome
      first ??= outcome
      if (!mayFallBack(outcome)) break
    }
    throw first ?? new GatewayError('internal', 'The model has no route')
  }

/** The answer of one target, or its last error after at most `most` tries. */
async function tryTarget(
  call: Call,
  target: Target,
  most: number,
  next: Handler,
  outside: AttemptOutside,
): Promise<Reply | GatewayError> {
  for (let tries = 1; ; tries += 1) {
    const outcome = await tryOnce(call, target, next)
    if (!(outcome instanceof GatewayError) || call.signal.aborted) return outcome
    if (!mayRetry(outcome) || tries >= most) return outcome
    const wait = waitBefore(outcome, tries - 1, target.retry.backoffMs, outside.random())
    if (wait > MAXIMUM_WAIT_MILLISECONDS) return outcome
    if (!(await waited(outside.sleep(wait, call.signal), call.signal))) return outcome
  }
}

/** Whether the time passed with the client still there. */
async function waited(sleep: Promise<void>, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep
  } catch (thrown) {
    if (!signal.aborted) throw thrown
  }
  return !signal.aborted
}

async function tryOnce(call: Call, target: Target, next: Handler): Promise<Reply | GatewayError> {
  const startedAt = performance.now()
  const record: AttemptRecord = { target: target.label, startedAt, milliseconds: 0 }
  call.record.attempts.push(record)
  call.targets = [target]
  try {
    return await next(call)
  } catch (thrown) {
    const error = toGatewayError(thrown)
    record.error = error
    return error
  } finally {
    record.milliseconds = performance.now() - startedAt
  }
}

/** Failures that leave open whether the upstream did the work: it is not asked to do it again (promise B15). */
const workMayBeDone = new Set(['connection_lost', 'upstream_not_http'])

/** Errors after which the same target may do better. */
function mayRetry({ kind, details }: GatewayError): boolean {
  if (kind === 'timeout' || kind === 'upstream_unauthenticated') return false
  return errorKinds[kind].retry && !workMayBeDone.has(details.code ?? '')
}

function mayFallBack(error: GatewayError): boolean {
  return errorKinds[error.kind].retry || error.kind === 'quota_exhausted' || error.kind === 'payment_required'
}

/** Full jitter, and never less than the upstream asked for. */
function waitBefore(error: GatewayError, earlier: number, base: number, random: number): number {
  const backoff = random * Math.min(MAXIMUM_BACKOFF_MILLISECONDS, base * 2 ** earlier)
  return Math.max(backoff, (error.details.retryAfterSeconds ?? 0) * 1000)
}
