import { afterAll, beforeAll, expect, test } from 'bun:test'
import { createIdempotency } from '../../src/store/create-idempotency.ts'
import type { IdempotencyClaim, IdempotencyState } from '../../src/store/ports/shared-state.ts'
import { RedisConnection } from '../../src/store/redis/connection.ts'
import { type OwnRedis, ownRedis } from '../support/services/redis.ts'
import { until } from './support/recorded-redis.ts'

/** A Redis that keeps nothing on a disk is ended and started again: what replicas know is told to it anew. */

let server: OwnRedis
const open: { redis: RedisConnection; close(): Promise<void>; state: IdempotencyState }[] = []

function replica() {
  const redis = new RedisConnection({
    url: server.url,
    prefix: 'recovery:',
    commandTimeoutMs: 1_000,
    now: Date.now,
  })
  const made = { redis, ...createIdempotency({ now: Date.now, redis }) }
  open.push(made)
  return made
}

beforeAll(async () => {
  server = await ownRedis()
})
afterAll(async () => {
  for (const { redis, close } of open) {
    await close()
    await redis.close()
  }
  await server.close()
})

/** Claims a key as soon as the replica can be asked: one that has just come up is told first what it has lost. */
async function claimed(state: IdempotencyState, scope: string): Promise<IdempotencyClaim> {
  let claim: IdempotencyClaim | undefined
  await until(async () => {
    try {
      claim = await state.claim(scope, 'body', 30_000)
      return true
    } catch {
      return false
    }
  })
  return claim as IdempotencyClaim
}

async function executing(state: IdempotencyState, scope: string): Promise<string> {
  const claim = await claimed(state, scope)
  if (claim.state !== 'execute') throw new Error(claim.state)
  return claim.token
}

/** What a replica says of a key when it can be asked again. */
async function stateOf(state: IdempotencyState, scope: string): Promise<string> {
  return (await claimed(state, scope)).state
}

test('calls that run and answers that were given stay known everywhere', async () => {
  const [one, other] = [replica(), replica()]
  await until(() => one.redis.isUp && other.redis.isUp)
  for (let round = 0; round < 5; round += 1) {
    const [running, answered, freed] = ['running', 'answered', 'freed'].map((name) => `${name}-${round}`) as [
      string,
      string,
      string,
    ]
    const token = await executing(one.state, running)
    await one.state.complete(answered, await executing(one.state, answered), Buffer.from('answer'), 60_000)
    const freedToken = await executing(one.state, freed)
    await server.kill()
    await until(() => !one.redis.isUp && !other.redis.isUp)
    await one.state.release(freed, freedToken)
    await server.start()
    expect(await stateOf(other.state, running)).toBe('in-flight')
    expect(await stateOf(other.state, answered)).toBe('done')
    expect(await stateOf(other.state, freed)).toBe('execute')
    await one.state.complete(running, token, Buffer.from('late'), 60_000)
    expect(await stateOf(other.state, running)).toBe('done')
  }
}, 60_000)

test('a process that ends leaves no key behind', async () => {
  const [one, other] = [replica(), replica()]
  await until(() => one.redis.isUp && other.redis.isUp)
  await executing(one.state, 'ends')
  expect(await stateOf(other.state, 'ends')).toBe('in-flight')
  await one.close()
  expect(await stateOf(other.state, 'ends')).toBe('execute')
})

test('a server that was only frozen has lost nothing, and nobody waits for it to settle', async () => {
  const { redis, state } = replica()
  await until(() => redis.isUp)
  await state.complete('frozen', await executing(state, 'frozen'), Buffer.from('answer'), 60_000)
  server.freeze()
  expect(state.claim('frozen', 'body', 1_000)).rejects.toThrow()
  await until(() => !redis.isUp)
  server.thaw()
  await until(() => redis.isUp)
  const from = performance.now()
  expect(await stateOf(state, 'frozen')).toBe('done')
  expect(performance.now() - from).toBeLessThan(500)
}, 30_000)
