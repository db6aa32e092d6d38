import { describe, expect, test } from 'bun:test'
import { admin } from '../../stores/redis-admin.ts'
import { startRelay } from '../../stores/redis-relay.ts'
import { ownRedis } from '../../support/services/redis.ts'
import { type Office, openOffice } from '../keys/support/office.ts'
import { figure, percentile } from '../support/figure.ts'
import { type Answered, ask, countOf, until } from './support/ask.ts'

/**
 * D7: losing Redis changes limits only as the policy says, visibly, and nobody waits for it longer than one
 * command time-out.
 */

const TIMEOUT = 100
const LIMIT = 20
const CALLS = 30
/** What is left of the limit for one of two replicas. */
const SHARE = 10

const policies: readonly { policy: string; admitted: number; refusedWith: number }[] = [
  { policy: 'local', admitted: SHARE, refusedWith: 429 },
  { policy: 'deny', admitted: 0, refusedWith: 503 },
  { policy: 'allow', admitted: CALLS, refusedWith: 0 },
]

async function redisState(office: Office): Promise<boolean | undefined> {
  const response = await fetch(`${office.gateways[0]?.url}/readyz`)
  const { stores } = (await response.json()) as { stores: { store: string; up: boolean }[] }
  return stores.find(({ store }) => store === 'redis')?.up
}

/** Calls one after another with a key of their own. */
async function calls(office: Office, count: number): Promise<Answered[]> {
  const { key } = await office.issue({ limits: { requestsPerMinute: LIMIT } })
  const answers: Answered[] = []
  for (let made = 0; made < count; made += 1) answers.push(await ask(office.gateways[0]?.url ?? '', { key }))
  return answers
}

for (const { policy, admitted, refusedWith } of policies)
  describe(`promise D7: ${policy}`, () => {
    test.concurrent('killed, frozen, paused, slow and blackholed', async () => {
      const redis = await ownRedis()
      const relay = await startRelay(redis.port)
      const office = await openOffice({
        redisUrl: relay.url,
        toml: `[redis.on_loss]\nrequests = "${policy}"\n`,
        redisToml: 'replicas = 2\n',
      })
      const losses: readonly (readonly [string, () => unknown, () => unknown])[] = [
        ['killed', () => redis.kill(), () => redis.start()],
        ['frozen', () => redis.freeze(), () => redis.thaw()],
        [
          'paused',
          () => admin(redis.url, 'CLIENT', 'PAUSE', '600000', 'ALL'),
          () => redis.kill().then(redis.start),
        ],
        ['slow', () => relay.delay(500), () => relay.delay(0)],
        ['blackholed', () => relay.delay(Number.POSITIVE_INFINITY), () => relay.delay(0)],
      ]
      try {
        await until(async () => (await redisState(office)) === true)
        const usual = percentile(
          (await calls(office, 15)).map(({ milliseconds }) => milliseconds),
          0.5,
        )
        for (const [how, lose, regain] of losses) {
          await lose()
          const lostAt = performance.now()
          const answers = await calls(office, CALLS)
          const waits = answers.map(({ milliseconds }) => milliseconds)
          expect({ how, admitted: countOf(answers, 200) }).toEqual({ how, admitted })
          expect(countOf(answers, refusedWith)).toBe(CALLS - admitted)
          for (const { status, headers } of answers)
            if (status !== 200) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
          await until(async () => (await redisState(office)) === false, 1_000)
          expect(performance.now() - lostAt).toBeLessThan(1_000 + 1_500)
          // One time-out for the call that finds out, nothing for those behind it.
          expect(Math.max(...waits)).toBeLessThan(TIMEOUT + 200 + 5 * usual)
          expect(percentile(waits.slice(3), 0.9)).toBeLessThan(TIMEOUT)
          await regain()
          await until(async () => (await redisState(office)) === true)
          expect(countOf(await calls(office, CALLS), 200)).toBe(LIMIT)
          figure('D7', { policy, how, admitted, longest_wait_ms: Math.round(Math.max(...waits)) })
        }
      } finally {
        await office.close()
        await relay.close()
        await redis.close()
      }
    }, 120_000)
  })
