import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { AttemptRecord, Call, Policy } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'

export interface AttemptOutside {
  /** Uniform in [0, 1). */
  random(): number
  /** Resolves after the time, rejects when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** A wait that the upstream asked for is only sat out when it is short; otherwise the next target is tried. */
const MAXIMUM_WAIT_MILLISECONDS = 10_000
const MAXIMUM_BACKOFF_MILLISECONDS = 8_000

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
    for (const target of targets) {
      for (let tries = 0; ; tries += 1) {
        const error = await tryOnce(call, target, next)
        if (!(error instanceof GatewayError)) return error
        if (call.signal.aborted) throw error
        if (target === targets[0]) first = error
        if (!mayRetry(error) || tries >= target.retry.maxRetries) break
        const wait = waitBefore(error, tries, target.retry.backoffMs, outside.random())
        if (wait > MAXIMUM_WAIT_MILLISECONDS) break
        await outside.sleep(wait, call.signal)
      }
      const last = call.record.attempts.at(-1)?.error
      if (last && !mayFallBack(last)) break
    }
    throw first ?? new GatewayError('internal', 'The model has no route')
  }

type Attempted = Awaited<ReturnType<ReturnType<Policy>>>

async function tryOnce(
  call: Call,
  target: Target,
  next: ReturnType<Policy>,
): Promise<Attempted | GatewayError> {
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

/** Errors after which the same target may do better; work that may have been done is not repeated (promise B15). */
function mayRetry(error: GatewayError): boolean {
  if (error.details.code === 'connection_lost' || error.kind === 'timeout') return false
  if (error.kind === 'upstream_unauthenticated') return false
  return errorKinds[error.kind].retry
}

function mayFallBack(error: GatewayError): boolean {
  return errorKinds[error.kind].retry || error.kind === 'quota_exhausted' || error.kind === 'payment_required'
}

/** Full jitter, unless the upstream said how long to wait. */
function waitBefore(error: GatewayError, tries: number, base: number, random: number): number {
  const asked = error.details.retryAfterSeconds
  if (asked !== undefined) return asked * 1000
  return random * Math.min(MAXIMUM_BACKOFF_MILLISECONDS, base * 2 ** tries)
}
