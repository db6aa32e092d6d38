import { MemoryLimitState } from '../store/memory/limit-state.ts'
import type { MoneyScope } from '../store/ports/shared-state.ts'
import type { RedisConnection } from '../store/redis/connection.ts'
import { RedisLimitState } from '../store/redis/limit-state.ts'
import type { Limits } from './limits.ts'
import { LocalLimits } from './local.ts'
import { SharedLimits } from './shared.ts'

export interface LimitParts {
  /** Counters that replicas share; absent: this process counts for itself. */
  redis?: RedisConnection | undefined
  /** Money spent since a time, in picodollars (`UsageStore.spent`); absent without a store: budgets begin at nothing. */
  spent?: ((scope: MoneyScope, from: number) => Promise<bigint>) | undefined
  /** Resolves when everything this process has accounted for so far is in the store. */
  flushUsage?: (() => Promise<void>) | undefined
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds that only ever rise: steps of the clock move no window. */
  monotonic(): number
}

export function createLimits(parts: LimitParts): Limits {
  const { redis, now, monotonic } = parts
  const seed = async (scope: MoneyScope, from: number): Promise<bigint> => {
    if (!parts.spent) return 0n
    await parts.flushUsage?.()
    return parts.spent(scope, from)
  }
  if (!redis) return new LocalLimits(new MemoryLimitState({ now, monotonic, seed }), now)
  const own = (replicas: () => number): MemoryLimitState => {
    const share = async (scope: MoneyScope, from: number): Promise<bigint> =>
      divided(await seed(scope, from), BigInt(replicas()))
    return new MemoryLimitState({ now, monotonic, seed: share })
  }
  const shared = new RedisLimitState({ redis, now, seed })
  return new SharedLimits({ now, shared, isUp: () => redis.isUp, own })
}

/** Rounded up: what was spent is never made less. */
function divided(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by
}
