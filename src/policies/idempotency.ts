import type { Call, Policy, Reply } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { IdempotencyClaim, IdempotencyState } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { type Ending, judgement, recorded, replayOf } from './idempotency-answer.ts'
import { clientKey, fingerprintOf, KEY_HEADER, scopeOf } from './idempotency-key.ts'

export interface IdempotencyOptions {
  /** How long a key stays taken after its process died; renewed while the call runs. */
  leaseMs?: number
  /** Calls `run` over and over; gives what stops it. */
  every?(milliseconds: number, run: () => void): () => void
}

const LEASE_MILLISECONDS = 30_000
/**
 * A lease is renewed this many times before it would lapse. Often, because a renewal also tells a store that has lost
 * everything that the key is taken.
 */
const RENEWALS = 10
const RETRY_SECONDS = 1

/**
 * `Idempotency-Key`: a request that is sent again with the same key is executed once. The first call executes, a twin
 * meanwhile gets 409, another body 422; when the answer is there, every repetition gets it again, byte for byte, and
 * uses nothing. A call that gave its client nothing frees the key.
 */
export const idempotency =
  (
    state: IdempotencyState,
    { leaseMs = LEASE_MILLISECONDS, every = interval }: IdempotencyOptions = {},
  ): Policy =>
  (next) =>
  (call) => {
    const key = clientKey(call.headers)
    if (key === undefined) return next(call)
    if (call.request.stream && !call.snapshot.idempotency.replayStreams) throw streamsAreOff()
    return keyed(call, key)

    async function keyed(call: Call, key: string): Promise<Reply> {
      const scope = scopeOf(call, key)
      const claim = await claimed(state, scope, fingerprintOf(call), leaseMs)
      if (claim.state === 'done') return replayed(call, claim.answer)
      if (claim.state !== 'execute') throw refusals[claim.state]()
      return executed(call, scope, claim.token)
    }

    async function executed(call: Call, scope: string, token: string): Promise<Reply> {
      const { ttlSeconds, maxAnswerBytes } = call.snapshot.idempotency
      const stop = every(leaseMs / RENEWALS, () => void quietly(() => state.renew(scope, token, leaseMs)))
      const ending: Ending = {
        complete(answer) {
          stop()
          return quietly(() => state.complete(scope, token, answer, ttlSeconds * 1000))
        },
        release() {
          stop()
          return quietly(() => state.release(scope, token))
        },
      }
      try {
        return await recorded(call, await next(call), maxAnswerBytes, ending)
      } catch (thrown) {
        const answer = call.signal.aborted ? undefined : judgement(thrown, call)
        await (answer ? ending.complete(answer) : ending.release())
        throw thrown
      }
    }
  }

async function claimed(
  state: IdempotencyState,
  scope: string,
  fingerprint: string,
  leaseMs: number,
): Promise<IdempotencyClaim> {
  try {
    return await state.claim(scope, fingerprint, leaseMs)
  } catch (thrown) {
    if (!(thrown instanceof StoreUnavailable)) throw thrown
    // Executing it without knowing could do it twice: the client decides whether to wait or to go without a key.
    throw new GatewayError(
      'unavailable',
      `${KEY_HEADER}: the store that keeps these keys cannot be reached; nothing was executed, send the request again`,
      { code: 'idempotency_unavailable', retryAfterSeconds: RETRY_SECONDS, cause: thrown },
    )
  }
}

/** What cannot be told to the store now is told later or lapses: the answer itself is not held up by it. */
async function quietly(tell: () => unknown): Promise<void> {
  try {
    await tell()
  } catch (thrown) {
    if (!(thrown instanceof StoreUnavailable)) throw thrown
  }
}

function replayed(call: Call, answer: Uint8Array): Reply {
  const reply = replayOf(call, answer)
  call.record.replay = true
  call.record.endedBy = 'complete'
  return reply
}

const refusals = {
  'in-flight': () =>
    new GatewayError(
      'conflict',
      `${KEY_HEADER}: a request with this key is being executed; send the same request again later to get its answer`,
      { code: 'idempotency_in_flight', param: KEY_HEADER, retryAfterSeconds: RETRY_SECONDS },
    ),
  mismatch: () =>
    new GatewayError(
      'unprocessable',
      `${KEY_HEADER}: this key was used for another request; a new request needs a new key`,
      { code: 'idempotency_mismatch', param: KEY_HEADER },
    ),
}

function streamsAreOff(): GatewayError {
  return new GatewayError(
    'conflict',
    `${KEY_HEADER}: streams are not kept on this gateway (idempotency.replay_streams); send the request without stream, or without the key`,
    { code: 'idempotency_stream', param: KEY_HEADER },
  )
}

function interval(milliseconds: number, run: () => void): () => void {
  const timer = setInterval(run, milliseconds)
  return () => clearInterval(timer)
}
