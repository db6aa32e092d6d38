import { MemoryLimitState } from '../../src/store/memory/limit-state.ts'
import type { Decision, LimitState, MoneyScope } from '../../src/store/ports/shared-state.ts'
import { RedisConnection } from '../../src/store/redis/connection.ts'
import { RedisLimitState } from '../../src/store/redis/limit-state.ts'
import { testRedis } from '../support/services/redis.ts'

/** A state of limits whose clock the test moves, and which asks the test what was spent. */
export interface Subject {
  state: LimitState
  now(): number
  advance(milliseconds: number): void
  /** What the store says was spent, by tenant. */
  spent: Map<string, bigint>
  /** How often it was asked. */
  asked(): number
  close(): Promise<void>
}

/** A Friday, half past noon. */
const START = Date.UTC(2026, 10, 20, 12, 30)

function world() {
  let now = START
  let asked = 0
  const spent = new Map<string, bigint>()
  return {
    spent,
    now: () => now,
    asked: () => asked,
    advance: (milliseconds: number) => {
      now += milliseconds
    },
    seed: async ({ tenant }: MoneyScope) => {
      asked += 1
      return spent.get(tenant) ?? 0n
    },
  }
}

async function memorySubject(): Promise<Subject> {
  const { now, seed, ...rest } = world()
  return { ...rest, now, state: new MemoryLimitState({ now, monotonic: now, seed }), close: async () => {} }
}

let connection: Promise<RedisConnection> | undefined

/** One connection for all subjects; each has a prefix of its own through its names. */
async function connected(): Promise<RedisConnection> {
  const { url, freshPrefix } = await testRedis()
  const redis = new RedisConnection({ url, prefix: freshPrefix(), commandTimeoutMs: 5_000, now: Date.now })
  await untilUp(redis)
  return redis
}

export async function untilUp(redis: RedisConnection, up = true, milliseconds = 10_000): Promise<void> {
  if (redis.isUp === up) return
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`Redis is not ${up ? 'up' : 'down'}: ${redis.health().reason}`)),
      milliseconds,
    )
    const stop = redis.onHealth((health) => {
      if (health.up !== up) return
      clearTimeout(timer)
      stop()
      resolve()
    })
  })
}

let names = 0

async function redisSubject(): Promise<Subject> {
  connection ??= connected()
  const redis = await connection
  const { now, seed, ...rest } = world()
  names += 1
  const state = new RedisLimitState({
    redis: underPrefix(redis, `${redis.prefix}${names}:`),
    now,
    seed,
    clock: now,
    // Renewals run by the real clock: leases are tested by themselves.
    leaseMs: 20 * 86_400_000,
  })
  return { ...rest, now, state, close: () => state.close() }
}

/** The same connection, with another prefix. */
export function underPrefix(redis: RedisConnection, prefix: string): RedisConnection {
  return new Proxy(redis, {
    get(target, name) {
      if (name === 'prefix') return prefix
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export const subjects: readonly { name: string; open(): Promise<Subject>; scale: number }[] = [
  { name: 'memory', open: memorySubject, scale: 1 },
  { name: 'Redis', open: redisSubject, scale: 0.15 },
]

export async function closeSubjects(): Promise<void> {
  await (await connection)?.close()
  connection = undefined
}

export async function admitted(decision: Decision | Promise<Decision>) {
  const settled = await decision
  if (!settled.admitted) throw new Error(`refused: ${JSON.stringify(settled.states)}`)
  return settled
}

export async function refused(decision: Decision | Promise<Decision>) {
  const settled = await decision
  if (settled.admitted) throw new Error(`admitted: ${JSON.stringify(settled.states)}`)
  return settled
}
