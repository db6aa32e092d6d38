import { afterAll, describe, expect, test } from 'bun:test'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { ownRedis } from '../../support/services/redis.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml } from '../support/stage.ts'
import { startPace, statusOf } from './support/watch.ts'

// B13: a cool-down holds on every replica within a second; without Redis on each replica that was told.

const REPLICAS = 3
/** The upstream asks for this, and is watched for that long. */
const ASKED_SECONDS = size(6, 30)
const WITHIN_MS = 1_000

const closing: (() => Promise<unknown>)[] = []
afterAll(async () => {
  for (const close of closing.reverse()) await close()
})

interface Fleet {
  upstream: Upstream
  gateways: GatewayProcess[]
}

/** Two routes; the first gets three calls of four. */
async function fleet(redisUrl: string | undefined, count = REPLICAS): Promise<Fleet> {
  const upstream = await startUpstream()
  closing.push(() => upstream.close())
  const models = [
    modelToml('direct', { provider: 'openai', model: 'gpt-4.1' }),
    ...['openai', 'anthropic'].map(
      (provider, place) =>
        `[[models.m.routes]]\nprovider = "${provider}"\nprovider_model_id = "${place === 0 ? 'gpt-4.1' : 'claude-opus-4-6'}"\nweight = ${place === 0 ? 3 : 1}\n`,
    ),
  ]
  const text = `[auth]\nmode = "open"\n[limits]\nmax_delay_ms = 0\n[retry]\nmax_retries = 0\n${models.join('')}`
  const environment = { ...upstream.environment, ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }) }
  const gateways: GatewayProcess[] = []
  for (let number = 0; number < count; number += 1) {
    const gateway = await startGateway({ config: { name: 'xjp.toml', text }, env: environment })
    gateways.push(gateway)
    closing.push(() => {
      gateway.kill('SIGKILL')
      return gateway.exited
    })
  }
  return { upstream, gateways }
}

/** A mark that makes one vendor limit us, with these headers. */
function limiting(vendor: string, headers: () => [string, string][]): string {
  const mark = customFault({
    reply: (reply) => ({
      ...reply,
      status: 429,
      headers: [...reply.headers.filter(([name]) => name.toLowerCase() !== 'date'), ...headers()],
    }),
  })
  return mark.replace('[fault:', `[${vendor}-fault:`)
}

/** One call, in milliseconds of one clock. */
interface Watched {
  replica: number
  begun: number
  ended: number
  status: number
  /** It went to the upstream that limits. */
  wasLimited: boolean
}

interface Watch {
  calls: readonly Watched[]
  /** What each replica said of itself half-way. */
  cooldowns: readonly unknown[]
}

/** One call every 100 ms to each replica, for nearly as long as the upstream asked to be left alone. */
async function watch({ upstream, gateways }: Fleet, mark: string): Promise<Watch> {
  const calls: Watched[] = []
  const wasLimited = (word: string): boolean =>
    upstream.ledger.withText(word).some(({ vendor }) => vendor === 'openai')
  const watching = startPace(10 * gateways.length, async (count) => {
    const replica = count % gateways.length
    const word = `word-${count}-end`
    const asked = { model: 'm', content: `${mark} ${word}`, stream: count % 2 === 0 }
    const begun = performance.now()
    const { status } = await ask(gateways[replica]?.url ?? '', chatFront, asked)
    calls.push({ replica, begun, ended: performance.now(), status, wasLimited: wasLimited(word) })
  })
  await Bun.sleep(ASKED_SECONDS * 500)
  const statuses = await Promise.all(gateways.map(({ url }) => statusOf(url)))
  await Bun.sleep(ASKED_SECONDS * 500 - 1_000)
  await watching.stop()
  return { calls, cooldowns: statuses.map(({ cooldowns }) => cooldowns) }
}

/** When the first of them was answered that had been limited: by then its replica knew. */
function toldAt(calls: readonly Watched[]): number {
  return Math.min(...calls.filter(({ wasLimited }) => wasLimited).map(({ ended }) => ended))
}

function countFailed(calls: readonly Watched[]): number {
  return calls.filter(({ status }) => status !== 200).length
}

describe('B13', () => {
  test('a cool-down holds on every replica within a second', async () => {
    const redis = await ownRedis()
    closing.push(() => redis.close())
    const all = await fleet(redis.url)
    const mark = limiting('openai', () => [['retry-after', String(ASKED_SECONDS)]])
    const { calls, cooldowns } = await watch(all, mark)
    const limited = calls.filter(({ wasLimited }) => wasLimited)
    const since = limited.map(({ begun }) => begun - toldAt(calls))
    const late = since.filter((milliseconds) => milliseconds > WITHIN_MS)
    figure('B13', {
      replicas: REPLICAS,
      calls: calls.length,
      failed: countFailed(calls),
      calls_to_the_cooled: limited.length,
      of_them_after_1s: late.length,
      last_after_ms: Math.round(Math.max(...since)),
    })
    expect(limited.length).toBeGreaterThan(0)
    expect(late).toEqual([])
    expect(countFailed(calls)).toBe(0)
    for (const each of cooldowns)
      expect(each).toMatchObject([{ provider: 'openai', model: 'gpt-4.1', reason: 'rate_limited' }])
  }, 120_000)

  test('without Redis it holds on each replica that was told', async () => {
    const redis = await ownRedis()
    closing.push(() => redis.close())
    const all = await fleet(redis.url)
    await redis.kill()
    const mark = limiting('openai', () => [['retry-after', String(ASKED_SECONDS)]])
    const { calls } = await watch(all, mark)
    const limited = calls.filter(({ wasLimited }) => wasLimited)
    const late = all.gateways.flatMap((_, replica) => {
      const own = calls.filter((call) => call.replica === replica)
      return own.filter(({ wasLimited, begun }) => wasLimited && begun > toldAt(own))
    })
    figure('B13 without Redis', {
      replicas: REPLICAS,
      calls: calls.length,
      failed: countFailed(calls),
      calls_to_the_cooled: limited.length,
      of_them_after_the_replica_was_told: late.length,
    })
    expect(limited.length).toBeGreaterThan(0)
    expect(late).toEqual([])
    expect(countFailed(calls)).toBe(0)
  }, 120_000)

  test('while it cools the client gets the upstream’s own 429 at once; a date in the header counts too', async () => {
    const all = await fleet(undefined, 1)
    const [gateway] = all.gateways as [GatewayProcess]
    // The answer has no date of its own: it counts from now. Dates have whole seconds.
    const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 20_000)
    const mark = limiting('openai', () => [['retry-after', until.toUTCString()]])
    const first = await ask(gateway.url, chatFront, { model: 'direct', content: mark, stream: false })
    const requests = all.upstream.ledger.entries.length
    const again = await ask(gateway.url, chatFront, { model: 'direct', content: 'another', stream: false })
    expect([first.status, again.status]).toEqual([429, 429])
    expect(again.text).toBe(first.text)
    const left = Number(again.headers.get('retry-after'))
    expect(left).toBeGreaterThanOrEqual(15)
    expect(left).toBeLessThanOrEqual(21)
    expect(all.upstream.ledger.entries.length).toBe(requests)
    const { cooldowns } = await statusOf(gateway.url)
    expect(Math.abs(Date.parse(cooldowns[0]?.until ?? '') - until.getTime())).toBeLessThan(2_000)
  })
})
