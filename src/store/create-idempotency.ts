import { MemoryIdempotency } from './memory/idempotency.ts'
import type { IdempotencyState } from './ports/shared-state.ts'
import type { RedisConnection } from './redis/connection.ts'
import { Deliveries } from './redis/deliveries.ts'
import { RedisIdempotency } from './redis/idempotency.ts'
import { recoverIdempotency } from './redis/idempotency-recovery.ts'
import { ShadowedIdempotency } from './shadowed-idempotency.ts'

/** What a process remembers of its own when Redis decides: enough for what Redis may lose. */
const SHADOW_BYTES = 16 * 1024 * 1024

/** Idempotency for this process: over Redis when there is one, else in memory. `close` when the process ends. */
export function createIdempotency({ now, redis }: { now(): number; redis?: RedisConnection }): {
  state: IdempotencyState
  close(): Promise<void>
} {
  if (!redis) return { state: new MemoryIdempotency(now), close: async () => {} }
  const deliveries = new Deliveries({ now })
  const shared = new RedisIdempotency(redis, deliveries, now)
  const own = new MemoryIdempotency(now, SHADOW_BYTES)
  const stop = recoverIdempotency({ redis, shared, own, deliveries, now })
  return {
    state: new ShadowedIdempotency(shared, own),
    async close() {
      stop()
      await shared.releaseAll()
      deliveries.close()
    },
  }
}
