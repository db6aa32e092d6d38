import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { AttemptRecord, Call, Policy } from '../pipeline/call.ts'
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
    const count = Math.min(targets.length, MAXIMUM_ATTEMPTS)
    let first: GatewayError | undefined
    for (let place = 0; place < count; place += 1) {
      const target = targets[place] as Target
      // Retries of one target never eat the only try of a later one.
      const left = MAXIMUM_ATTEMPTS - call.record.attempts.length - (count - place - 1)
      const most = Math.min(target.retry.maxRetries + 1, left)
      call.targets = [target]
      let failure: GatewayError
      let tries = 0
      do {
        const record = begun(call, target)
        try {
          return await next(call)
        } catch (thrown) {
          failure = record.error = toGatewayError(thrown)
        } finally {
          record.milliseconds = performance.now() - record.startedAt
        }
        tries += 1
      } while (tries < most && (await worthAnother(failure, tries, call, target, outside)))
      if (call.signal.aborted) throw failure
      first ??= failure
      if (!mayFallBack(failure)) break
    }
    throw first ?? new GatewayError('internal', 'The model has no route')
  }

function begun(call: Call, target: Target): AttemptRecord {
  const record: AttemptRecord = {
    target: target.label,
    provider: target.settings.name,
    model: target.model,
    startedAt: performance.now(),
    milliseconds: 0,
  }
  call.attempt = record
  call.record.attempts.push(record)
  return record
}

/** Whether the same target may do better; resolves when the time for it has come. */
async function worthAnother(
  failure: GatewayError,
  tries: number,
  call: Call,
  target: Target,
  outside: AttemptOutside,
): Promise<boolean> {
  if (call.signal.aborted || !mayRetry(failure)) return false
  const wait = waitBefore(failure, tries - 1, target.retry.backoffMs, outside.random())
  return wait <= MAXIMUM_WAIT_MILLISECONDS && (await waited(outside.sleep(wait, call.signal), call.signal))
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
