import { afterEach, describe, expect, test } from 'bun:test'
import type { AdmissionLease, Claim, Decision, MoneyClaim } from '../../src/store/ports/shared-state.ts'
import { StoreUnavailable } from '../../src/store/ports/unavailable.ts'
import { RedisConnection } from '../../src/store/redis/connection.ts'
import { RedisLimitState } from '../../src/store/redis/limit-state.ts'
import { figure, size } from '../promises/support/figure.ts'
import { type OwnRedis, ownRedis } from '../support/services/redis.ts'
import { admitted, refused, untilUp } from './limit-subjects.ts'
import { admin } from './redis-admin.ts'
import { startRelay } from './redis-relay.ts'

// What limits in Redis lose, and do not lose, when Redis forgets, refuses, freezes or dies, and when a replica dies.

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function server(): Promise<OwnRedis> {
  const redis = await ownRedis()
  closing.push(() => redis.close())
  return redis
}

interface ReplicaOptions {
  url: string
  spent?: () => Promise<bigint>
  leaseMs?: number
  commandTimeoutMs?: number
}

interface Replica {
  redis: RedisConnection
  state: RedisLimitState
}

/** One replica's connection and state. */
async function replica(options: ReplicaOptions): Promise<Replica> {
  const { url, spent = async () => 0n, leaseMs, commandTimeoutMs = 1_000 } = options
  const redis = new RedisConnection({ url, prefix: 'r:', commandTimeoutMs, now: Date.now })
  const state = new RedisLimitState({ redis, now: Date.now, seed: spent, ...(leaseMs ? { leaseMs } : {}) })
  closing.push(async () => {
    await state.close()
    await redis.close()
  })
  await untilUp(redis)
  return { redis, state }
}

const slot = (limit: number): Claim => ({ kind: 'slot', name: 'slots', limit })
const rpm = (limit: number): Claim => ({ kind: 'window', name: 'rpm', limit, amount: 1, windowMs: 60_000 })
const UNTIL = Date.now() + 86_400_000
const budget = (limit: bigint, amount: bigint): MoneyClaim => ({
  kind: 'money',
  name: 'budget',
  limit,
  amount,
  scope: { tenant: 't' },
  from: 0,
  until: UNTIL,
})

async function until(check: () => Promise<boolean> | boolean, milliseconds = 10_000): Promise<void> {
  const end = Date.now() + milliseconds
  while (!(await check())) {
    if (Date.now() > end) throw new Error('it did not come to pass')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('over replicas', () => {
  test('D2: 500 simultaneous on a limit of 100 over three replicas admit 100', async () => {
    const own = await server()
    const replicas = await Promise.all([1, 2, 3].map(() => replica({ url: own.url })))
    const rounds = size(5, 50)
    for (let round = 0; round < rounds; round += 1) {
      const claim = { ...rpm(100), name: `round ${round}` }
      const decisions = await Promise.all(
        Array.from({ length: 500 }, (_, index) => replicas[index % 3]?.state.admit([claim])),
      )
      expect(decisions.filter((decision) => decision?.admitted)).toHaveLength(100)
    }
    figure('D2 (in process)', { rounds, simultaneous: 500, limit: 100, admitted_each: 100 })
  })

  test('D5: slots and reservations of a replica that died come free with its lease', async () => {
    const own = await server()
    const dead = await replica({ url: own.url, leaseMs: 900 })
    const alive = await replica({ url: own.url, leaseMs: 900 })
    for (let count = 0; count < 50; count += 1)
      await admitted(dead.state.admit([slot(51), budget(500n, 10n)]))
    const kept = await admitted(alive.state.admit([slot(51)]))
    await refused(alive.state.admit([slot(51)]))
    await refused(alive.state.admit([budget(500n, 1n)]))
    // As kill -9 does: the connection is gone and nothing was given back.
    await dead.redis.close()
    const begun = performance.now()
    await until(async () => (await alive.state.admit([slot(51), budget(500n, 10n)])).admitted)
    expect(performance.now() - begun).toBeLessThan(1_500)
    for (let count = 1; count < 50; count += 1)
      await admitted(alive.state.admit([slot(51), budget(500n, 10n)]))
    await refused(alive.state.admit([slot(51)]))
    // A slot that is held for longer than a lease is not lost to others.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    await refused(alive.state.admit([slot(51)]))
    kept.lease.release()
    await admitted(alive.state.admit([slot(51)]))
  })

  test('what is reserved stays reserved when Redis forgets everything, also for others', async () => {
    const own = await server()
    const one = await replica({ url: own.url, leaseMs: 600 })
    const other = await replica({ url: own.url, leaseMs: 600 })
    const call = await admitted(one.state.admit([slot(1), budget(10n, 8n)]))
    await admin(own.url, 'FLUSHALL')
    // The next renewal puts back what its calls hold.
    await until(async () => (await admin<number>(own.url, 'DBSIZE')) >= 4)
    await refused(other.state.admit([slot(1)]))
    expect((await refused(other.state.admit([budget(10n, 3n)]))).states[0]?.remaining).toBe(2)
    call.lease.settle([undefined, 1n])
    await until(async () => (await other.state.admit([slot(1)])).admitted)
    expect((await admitted(other.state.admit([budget(10n, 0n)]))).states[0]?.remaining).toBe(9)
  })
})

describe('D8: scripts that Redis does not know or may not keep', () => {
  test('SCRIPT FLUSH at any moment costs no error and no slot', async () => {
    const own = await server()
    const { state } = await replica({ url: own.url })
    const calls = size(300, 3_000)
    for (let count = 0; count < calls; count += 1) {
      if (count % 3 === 0) await admin(own.url, 'SCRIPT', 'FLUSH')
      const { lease } = await admitted(state.admit([slot(1), budget(1_000_000n, 10n)]))
      lease.settle([undefined, 1n])
    }
    expect((await admitted(state.admit([budget(1_000_000n, 0n)]))).states[0]?.remaining).toBe(
      1_000_000 - calls,
    )
  })

  test('without the SCRIPT command, and with nothing but what is needed', async () => {
    const own = await server()
    await admin(
      own.url,
      'ACL',
      'SETUSER',
      'gateway',
      'on',
      '>secret',
      '~r:*',
      '&r:*',
      '+@all',
      '-script',
      '-@admin',
    )
    const { state } = await replica({ url: own.url.replace('redis://', 'redis://gateway:secret@') })
    const { lease } = await admitted(state.admit([rpm(3), slot(1), budget(10n, 1n)]))
    lease.settle([undefined, undefined, 1n])
    await admitted(state.admit([rpm(3), slot(1), budget(10n, 1n)]))
  })
})

/** A database whose rows arrive a moment after the calls have ended. */
class Ledger {
  shipped = 0n
  total = 0n
  readonly #onTheWay = new Set<Promise<void>>()

  add(amount: bigint): void {
    this.total += amount
    const arrival = new Promise<void>((resolve) =>
      setTimeout(() => {
        this.shipped += amount
        this.#onTheWay.delete(arrival)
        resolve()
      }, Math.random() * 30),
    )
    this.#onTheWay.add(arrival)
  }

  /** As a replica asks it: after its own rows have arrived. */
  async spent(): Promise<bigint> {
    await Promise.all(this.#onTheWay)
    return this.shipped
  }
}

const LIMIT = 1_000_000n

/** Calls that spend what they reserve, or less, as fast as `clients` can; gives how many were made. */
async function spend(
  replicas: readonly Replica[],
  ledger: Ledger,
  calls: number,
  clients: number,
): Promise<void> {
  let left = calls
  const client = async (state: RedisLimitState): Promise<void> => {
    while (left > 0) {
      left -= 1
      const decision = await attempt(state)
      if (!decision?.admitted) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        continue
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
      const actual = BigInt(Math.floor(Math.random() * 101))
      ledger.add(actual)
      decision.lease.settle([actual])
    }
  }
  await Promise.all(
    Array.from({ length: clients }, (_, index) =>
      client((replicas[index % replicas.length] as Replica).state),
    ),
  )
}

async function attempt(state: RedisLimitState): Promise<Decision | undefined> {
  try {
    return await state.admit([budget(LIMIT, 100n)])
  } catch (thrown) {
    if (thrown instanceof StoreUnavailable && thrown.store === 'redis') return undefined
    throw thrown
  }
}

/** What the budget says was spent: exact, once everything has settled. */
async function counted(state: RedisLimitState): Promise<bigint> {
  const { states } = await admitted(state.admit([budget(LIMIT, 0n)]))
  return LIMIT - BigInt(states[0]?.remaining ?? 0)
}

describe('D8: a Redis that forgets', () => {
  const ways: readonly (readonly [string, (own: OwnRedis) => Promise<unknown>])[] = [
    ['FLUSHALL', (own) => admin(own.url, 'FLUSHALL')],
    ['eviction of the budget', (own) => admin(own.url, 'DEL', 'r:limit:budget')],
    ['kill and an empty start', (own) => own.kill().then(() => own.start())],
  ]
  for (const [how, forget] of ways)
    test(`${how} under load: no drift of the budget`, async () => {
      const own = await server()
      const ledger = new Ledger()
      const spent = (): Promise<bigint> => ledger.spent()
      const replicas = await Promise.all([1, 2].map(() => replica({ url: own.url, spent })))
      const rounds = size(3, 30)
      for (let round = 0; round < rounds; round += 1) {
        const spending = spend(replicas, ledger, 400, 16)
        await new Promise((resolve) => setTimeout(resolve, 60))
        await forget(own)
        await spending
        await Promise.all(replicas.map(({ redis }) => untilUp(redis)))
      }
      const [first] = replicas as [Replica]
      // Rows that were on their way are found by the looks that follow a seed.
      await until(async () => (await counted(first.state)) === ledger.total, 8_000)
      expect(ledger.total).toBeLessThanOrEqual(LIMIT)
      figure('D8', { how: how.replaceAll(' ', '_'), n: rounds, spent: String(ledger.total), drift: 0 })
    }, 300_000)
})

describe('D8: a replica of Redis that is promoted', () => {
  test('and lacks the last writes knows no less was spent', async () => {
    const [primary, standby] = await Promise.all([server(), server()])
    const relay = await startRelay(primary.port)
    closing.push(() => relay.close())
    const ledger = new Ledger()
    const one = await replica({ url: relay.url, spent: () => ledger.spent() })
    await admin(standby.url, 'REPLICAOF', '127.0.0.1', String(primary.port))
    await spend([one], ledger, 100, 8)
    const open = await admitted(one.state.admit([budget(LIMIT, 100n)]))
    await until(async () =>
      (await admin<string>(standby.url, 'INFO', 'replication')).includes('link_status:up'),
    )
    // From here on the standby hears nothing.
    await admin(standby.url, 'REPLICAOF', 'NO', 'ONE')
    await spend([one], ledger, 200, 8)
    await primary.kill()
    relay.to(standby.port)
    await untilUp(one.redis, false)
    await untilUp(one.redis)
    expect(await counted(one.state)).toBe(ledger.total + 100n)
    ledger.add(40n)
    open.lease.settle([40n])
    expect(await counted(one.state)).toBe(ledger.total)
    figure('D8', { how: 'promotion', n: 1, drift: 0 })
  })
})

describe('a Redis that freezes', () => {
  for (const frozenMs of [300, 1_500])
    test(`for ${frozenMs} ms leaves no slot and no money behind with calls that had given up`, async () => {
      const own = await server()
      const { redis, state } = await replica({ url: own.url, commandTimeoutMs: 100 })
      const held: AdmissionLease[] = []
      for (let count = 0; count < 5; count += 1)
        held.push((await admitted(state.admit([slot(50), budget(500n, 10n)]))).lease)
      own.freeze()
      const outcomes = await Promise.allSettled(
        Array.from({ length: 40 }, () => state.admit([slot(50), budget(500n, 10n)])),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(0)
      for (const lease of held) lease.settle([undefined, 1n])
      await new Promise((resolve) => setTimeout(resolve, frozenMs))
      own.thaw()
      await untilUp(redis)
      await until(async () => {
        const { states, lease } = await admitted(state.admit([slot(50), budget(500n, 0n)]))
        lease.settle([undefined, 0n])
        return states[0]?.remaining === 49 && states[1]?.remaining === 495
      }, 2_000)
      expect(state.size).toEqual({ open: 0, waiting: expect.any(Number) })
    })
})
