import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createClient } from '@redis/client'
import { type OwnRedis, ownRedis } from '../../support/services/redis.ts'
import { figure } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { ask, type Seen } from '../support/stage.ts'
import { isReplay, keyed, openReplicas, type Replicas, until } from './support/replicas.ts'

/** E6 with the store down, keyed requests get a documented 503, not silent double execution. */

let redis: OwnRedis
let replicas: Replicas
beforeAll(async () => {
  redis = await ownRedis()
  replicas = await openReplicas({ count: 2, redisUrl: redis.url, commandTimeoutMs: 100 })
})
afterAll(async () => {
  await replicas.close()
  await redis.close()
  figure('E6', { n: trials, double_executions: doubled, slowest_503_ms: Math.round(slowest) })
})

let trials = 0
let doubled = 0
let slowest = 0
let serial = 0
const front = fronts[0] as Front

function send(at: number, word: string, fault = ''): Promise<Seen> {
  const url = replicas.gateways[at]?.url ?? ''
  return keyed(url, front, word, { model: 'messages', content: `${word} ${fault}`, stream: false })
}

const executions = (word: string): number => replicas.upstream.ledger.withText(word).length

async function pause(): Promise<void> {
  const client = createClient({ url: redis.url })
  await client.connect()
  await client.sendCommand(['CLIENT', 'PAUSE', '60000', 'ALL'])
  client.destroy()
}

const troubles: {
  name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
}[] = [
  { name: 'killed', begin: () => redis.kill(), end: () => redis.start() },
  { name: 'frozen', begin: () => redis.freeze(), end: () => redis.thaw() },
  // A paused server cannot be told to go on: it is ended, as an operator would.
  {
    name: 'paused',
    begin: pause,
    end: async () => {
      await redis.kill()
      await redis.start()
    },
  },
]

async function expectUnavailable(at: number, word: string): Promise<void> {
  const seen = await send(at, word)
  slowest = Math.max(slowest, seen.milliseconds)
  expect([seen.status, seen.headers.get('retry-after'), front.errorFault(seen.json)]).toEqual([
    503,
    '1',
    undefined,
  ])
  expect(front.errorMessage(seen.json)).toContain('nothing was executed')
}

/** Repeats until the gateway answers otherwise than with 503 or 409. */
async function settled(at: number, word: string, fault = ''): Promise<Seen> {
  let seen: Seen | undefined
  await until(async () => {
    seen = await send(at, word, fault)
    return seen.status !== 503 && seen.status !== 409
  }, 20_000)
  if (!seen) throw new Error('no answer')
  return seen
}

describe.each(troubles)('Redis $name', ({ begin, end }) => {
  test('E6: between the first call and its repetition', async () => {
    const word = `down-${(serial += 1)}-end`
    const first = await settled(0, word)
    expect(first.status).toBe(200)
    await begin()
    try {
      for (const at of [0, 1, 0, 1]) await expectUnavailable(at, word)
      // Requests without a key go as ever.
      const plain = await ask(replicas.gateways[0]?.url ?? '', front, {
        model: 'messages',
        content: 'plain',
        stream: false,
      })
      expect(plain.status).toBe(200)
    } finally {
      await end()
    }
    const again = await settled(0, word)
    trials += 1
    doubled += executions(word) - 1
    expect([again.status, isReplay(again), again.text]).toEqual([200, true, first.text])
    expect(executions(word)).toBe(1)
    // Also at the replica that did not execute it, and although a killed Redis has forgotten everything.
    const elsewhere = await settled(1, word)
    expect([isReplay(elsewhere), executions(word)]).toEqual([true, 1])
  })

  test('E6: while the call runs, and is answered meanwhile', async () => {
    const word = `during-${(serial += 1)}-end`
    const slow = '[fault:stall-start@700]'
    await settled(0, `warm-${serial}-end`)
    const first = send(0, word, slow)
    await until(() => executions(word) === 1)
    await begin()
    let answered: Seen
    try {
      for (const at of [1, 1]) {
        const seen = await send(at, word, slow)
        expect([409, 503]).toContain(seen.status)
      }
      answered = await first
      expect(answered.status).toBe(200)
    } finally {
      await end()
    }
    // The answer came when it could not be kept: it is kept as soon as it can, and given again everywhere.
    await until(async () => isReplay(await send(0, word, slow)), 20_000)
    const elsewhere = await settled(1, word, slow)
    trials += 1
    doubled += executions(word) - 1
    expect([isReplay(elsewhere), elsewhere.text, executions(word)]).toEqual([true, answered.text, 1])
  })

  test('E6: at the first request of all', async () => {
    const word = `first-${(serial += 1)}-end`
    await settled(0, `warm-${serial}-end`)
    await begin()
    try {
      await expectUnavailable(0, word)
      await expectUnavailable(1, word)
      expect(executions(word)).toBe(0)
    } finally {
      await end()
    }
    expect((await settled(1, word)).status).toBe(200)
    trials += 1
    doubled += executions(word) - 1
    expect(executions(word)).toBe(1)
  })
})
