import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { MemoryIdempotency } from '../../src/store/memory/idempotency.ts'
import type { IdempotencyState } from '../../src/store/ports/shared-state.ts'
import { Deliveries } from '../../src/store/redis/deliveries.ts'
import { RedisIdempotency } from '../../src/store/redis/idempotency.ts'
import { ShadowedIdempotency } from '../../src/store/shadowed-idempotency.ts'
import { type RecordedRedis, recordedRedis, until } from './support/recorded-redis.ts'

/** What every implementation keeps to, on the real thing. Times are short: a store has its own clock. */

const LEASE_MS = 150
const KEEP_MS = 60_000

interface Subject {
  name: string
  open(): IdempotencyState
}

let server: RecordedRedis
const deliveries = new Deliveries({ now: Date.now })

beforeAll(async () => {
  server = await recordedRedis()
})
afterAll(() => {
  deliveries.close()
  return server.connection.close()
})

const redis = (): IdempotencyState => new RedisIdempotency(server, deliveries, Date.now)
const subjects: Subject[] = [
  { name: 'memory', open: () => new MemoryIdempotency(Date.now) },
  { name: 'Redis', open: redis },
  {
    name: 'Redis with a memory of its own',
    open: () => new ShadowedIdempotency(redis(), new MemoryIdempotency(Date.now)),
  },
]

let serial = 0
/** What a policy hands on: text of clients is in it. */
const newScope = (): string => JSON.stringify(['tenant', null, 'messages', `k*?[a]${(serial += 1)}`])

async function executing(state: IdempotencyState, scope: string, lease = LEASE_MS): Promise<string> {
  const claim = await state.claim(scope, 'body', lease)
  if (claim.state !== 'execute') throw new Error(`expected to execute, got ${claim.state}`)
  return claim.token
}

describe.each(subjects)('idempotency: $name', ({ open }) => {
  const answer = Buffer.from([0, 255, 10, 13, ...Buffer.from('é')])

  test('of a hundred at once one executes', async () => {
    const subject = open()
    const scope = newScope()
    const claims = await Promise.all(
      Array.from({ length: 100 }, async () => subject.claim(scope, 'body', 10_000)),
    )
    const states = claims.map((claim) => claim.state)
    expect(states.filter((state) => state === 'execute')).toHaveLength(1)
    expect(states.filter((state) => state === 'in-flight')).toHaveLength(99)
  })

  test('the answer is what was kept, byte for byte', async () => {
    const state = open()
    const scope = newScope()
    await state.complete(scope, await executing(state, scope), answer, KEEP_MS)
    const claim = await state.claim(scope, 'body', LEASE_MS)
    expect(claim.state === 'done' && Buffer.from(claim.answer).equals(answer)).toBe(true)
  })

  test('another body is told apart, before and after', async () => {
    const state = open()
    const scope = newScope()
    const token = await executing(state, scope, 10_000)
    expect(await state.claim(scope, 'other', LEASE_MS)).toEqual({ state: 'mismatch' })
    await state.complete(scope, token, answer, KEEP_MS)
    expect(await state.claim(scope, 'other', LEASE_MS)).toEqual({ state: 'mismatch' })
  })

  test('scopes do not meet', async () => {
    const state = open()
    const [one, other] = [newScope(), newScope()]
    await state.complete(one, await executing(state, one), Buffer.from('1'), KEEP_MS)
    await state.complete(other, await executing(state, other), Buffer.from('2'), KEEP_MS)
    const claim = await state.claim(one, 'body', LEASE_MS)
    expect(claim.state === 'done' && Buffer.from(claim.answer).toString()).toBe('1')
  })

  test('a released key is free for any body', async () => {
    const state = open()
    const scope = newScope()
    await state.release(scope, await executing(state, scope, 10_000))
    expect((await state.claim(scope, 'other', LEASE_MS)).state).toBe('execute')
  })

  test('a lease lapses, and not before its time', async () => {
    const state = open()
    const scope = newScope()
    const from = performance.now()
    await executing(state, scope)
    await until(async () => (await state.claim(scope, 'body', LEASE_MS)).state === 'execute')
    expect(performance.now() - from).toBeGreaterThanOrEqual(LEASE_MS - 2)
  })

  test('a renewed one goes on', async () => {
    const state = open()
    const scope = newScope()
    const from = performance.now()
    const token = await executing(state, scope)
    expect(await state.renew(scope, token, 4 * LEASE_MS)).toBe(true)
    await until(async () => (await state.claim(scope, 'body', LEASE_MS)).state === 'execute')
    expect(performance.now() - from).toBeGreaterThanOrEqual(4 * LEASE_MS - 2)
  })

  test('who lost its lease to another changes nothing any more', async () => {
    const state = open()
    const scope = newScope()
    const lost = await executing(state, scope, 1)
    await until(async () => (await state.claim(scope, 'body', 10_000)).state === 'execute')
    expect(await state.renew(scope, lost, LEASE_MS)).toBe(false)
    await state.release(scope, lost)
    await state.complete(scope, lost, answer, KEEP_MS)
    expect(await state.claim(scope, 'body', LEASE_MS)).toEqual({ state: 'in-flight' })
  })

  test('who lost it to nobody still keeps its answer', async () => {
    const state = open()
    const scope = newScope()
    const token = await executing(state, scope, 1)
    await Bun.sleep(5)
    await state.complete(scope, token, answer, KEEP_MS)
    expect((await state.claim(scope, 'body', LEASE_MS)).state).toBe('done')
  })

  test('an answer is forgotten after its time', async () => {
    const state = open()
    const scope = newScope()
    await state.complete(scope, await executing(state, scope), answer, LEASE_MS)
    expect((await state.claim(scope, 'body', LEASE_MS)).state).toBe('done')
    await until(async () => (await state.claim(scope, 'body', LEASE_MS)).state === 'execute')
  })

  test('an answer is not changed by a late word of its own call', async () => {
    const state = open()
    const scope = newScope()
    const token = await executing(state, scope)
    await state.complete(scope, token, answer, KEEP_MS)
    expect(await state.renew(scope, token, LEASE_MS)).toBe(false)
    await state.release(scope, token)
    expect((await state.claim(scope, 'body', LEASE_MS)).state).toBe('done')
  })
})

test('Redis never sees a client’s words: names, bodies and answers are blinded or sealed', async () => {
  const state = redis()
  const scope = JSON.stringify(['tenant-word', 'key_word', 'messages', 'client-word'])
  const claim = await state.claim(scope, 'fingerprint-word', LEASE_MS)
  if (claim.state === 'execute')
    await state.complete(scope, claim.token, Buffer.from('answer-word answer-word'), KEEP_MS)
  expect(claim.state).toBe('execute')
  expect(server.tells(server.said.length - 2)).toBe(false)
})
