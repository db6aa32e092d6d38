import { afterAll, beforeAll, expect, test } from 'bun:test'
import { testRedis } from '../../support/services/redis.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront, fronts, messagesFront } from '../support/fronts.ts'
import type { Seen } from '../support/stage.ts'
import { codeOf, isReplay, keyed, openReplicas, type Replicas } from './support/replicas.ts'

/** E1 of simultaneous identical requests with one key, the upstream sees one. */

const AT_ONCE = 100
const ROUNDS = size(10, 200)

const stages = [
  { name: 'one process, in memory', count: 1, redis: false },
  { name: 'three replicas over one Redis', count: 3, redis: true },
]
const opened = new Map<string, Replicas>()
beforeAll(async () => {
  const { url } = await testRedis()
  for (const { name, count, redis } of stages)
    opened.set(name, await openReplicas({ count, ...(redis ? { redisUrl: url } : {}) }))
})
afterAll(async () => {
  for (const replicas of opened.values()) await replicas.close()
})

test.each(stages)(
  'E1: a hundred twins at once, $name',
  async ({ name }) => {
    const { upstream, gateways } = opened.get(name) as Replicas
    let executions = 0
    let most = 0
    let replayed = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const word = `twin-${name}-${round}-end`
      const front = round % 2 === 0 ? chatFront : messagesFront
      const send = (at: number): Promise<Seen> =>
        keyed(gateways[at % gateways.length]?.url ?? '', front, `key-${round}`, {
          model: 'messages',
          content: `${word} [fault:stall-start@30]`,
          stream: false,
        })
      const seen = await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => send(at)))
      const answers = seen.filter(({ status }) => status === 200)
      const others = seen.filter(({ status }) => status !== 200)
      expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
      expect(answers.filter((answer) => !isReplay(answer))).toHaveLength(1)
      for (const other of others)
        expect([other.status, other.headers.get('retry-after'), front.errorFault(other.json)]).toEqual([
          409,
          '1',
          undefined,
        ])
      // Who comes later gets the same, wherever it asks.
      for (const at of gateways.keys()) {
        const late = await send(at)
        expect([late.status, isReplay(late), late.text]).toEqual([200, true, answers[0]?.text ?? ''])
      }
      const count = upstream.ledger.withText(word).length
      executions += count
      most = Math.max(most, count)
      replayed += answers.length - 1
      upstream.ledger.clear()
    }
    figure('E1', { rounds: ROUNDS, at_once: AT_ONCE, replicas: gateways.length, executions, most, replayed })
    expect(most).toBe(1)
  },
  { timeout: 600_000 },
)

test('E1: 409 tells what to do', async () => {
  const { gateways, upstream } = opened.get('one process, in memory') as Replicas
  for (const front of fronts) {
    const key = `told-${front.name}-end`
    const asked = { model: 'messages', content: `${key} [fault:stall-start@200]`, stream: false }
    const first = keyed(gateways[0]?.url ?? '', front, key, asked)
    await upstream.ledger.until(() => upstream.ledger.withText(key).length > 0)
    const twin = await keyed(gateways[0]?.url ?? '', front, key, asked)
    expect(twin.status).toBe(409)
    expect(front.errorMessage(twin.json)).toContain('send the same request again later')
    if (front.name === 'chat-completions') expect(codeOf(twin)).toBe('idempotency_in_flight')
    expect((await first).status).toBe(200)
  }
})
