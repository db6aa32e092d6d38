import { newId } from '../../platform/random.ts'
import type { MemoryIdempotency } from '../memory/idempotency.ts'
import type { RedisConnection } from './connection.ts'
import type { Deliveries } from './deliveries.ts'
import type { RedisIdempotency } from './idempotency.ts'

export interface RecoveryParts {
  redis: Pick<RedisConnection, 'prefix' | 'run' | 'onHealth'>
  shared: RedisIdempotency
  /** What this process has answered itself. */
  own: MemoryIdempotency
  deliveries: Deliveries
  now(): number
  /** How long the other replicas are given to tell what they know. */
  settleMs?: number
}

const SETTLE_MILLISECONDS = 1_000
/** After so long an absence leases may have lapsed that nobody could renew. */
const LONG_ABSENCE_MILLISECONDS = 10_000
const MARK_MILLISECONDS = 7 * 86_400_000

/**
 * Notices when Redis has come back without what it knew (a restart without a disk, a fail-over). Every process leaves a
 * mark there: where it is gone, keys are refused for a moment, and each process tells again what it executes and has
 * answered, so that no replica executes what another has done. The same moment is given after a long absence, for what
 * could not be told meanwhile.
 */
export function recoverIdempotency(parts: RecoveryParts): () => void {
  const { redis, shared, own, deliveries, now, settleMs = SETTLE_MILLISECONDS } = parts
  const mark = [
    'SET',
    `${redis.prefix}idempotency:process:${newId()}`,
    '1',
    'NX',
    'PX',
    String(MARK_MILLISECONDS),
  ]
  let wasMarked = false
  let returns = 0
  let awaySince: number | undefined
  let settling: ReturnType<typeof setTimeout> | undefined

  async function back(): Promise<void> {
    clearTimeout(settling)
    shared.pause()
    returns += 1
    const current = returns
    const resume = (): void => {
      // It may have gone and come back meanwhile.
      if (current === returns) shared.resume()
    }
    try {
      const isNew = (await redis.run(mark)) !== null
      const isLost = isNew && wasMarked
      const wasLong = awaySince !== undefined && now() - awaySince > LONG_ABSENCE_MILLISECONDS
      wasMarked = true
      awaySince = undefined
      await shared.renewAll()
      await deliveries.deliver()
      if (!isLost && !wasLong) return resume()
      settling = setTimeout(resume, settleMs)
      if (isLost)
        for (const { scope, fingerprint, answer, keepMs } of own.answers())
          await shared.restore(scope, fingerprint, answer, keepMs)
    } catch {
      // Away again, so nothing can be claimed; this begins anew when it is back.
      resume()
    }
  }

  const stop = redis.onHealth(({ up }) => {
    if (up) void back()
    else awaySince ??= now()
  })
  return () => {
    stop()
    clearTimeout(settling)
  }
}
