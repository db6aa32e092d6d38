import { afterAll, describe, expect, test } from 'bun:test'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import type { Entry } from '../../rig/ledger.ts'
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

interface Watched {
  calls: number
  /** Answers that were not 200, of those that came when the cool-down had to be known. */
  failed: number
  /** Milliseconds after the first 429 at which the limiting upstream was called. */
  calledAt: number[]
}

/** One call every 100 ms to each replica, for as long as the upstream asked to be left alone. */
async function watch({ upstream, gateways }: Fleet, mark: string): Promise<Watched> {
  const isLimiting = ({ vendor, body }: Entry): boolean => vendor === 'openai' && body.includes(mark)
  let begun = Number.NaN
  const calledAt: number[] = []
  const { ledger } = upstream
  const add = ledger.add.bind(ledger)
  ledger.add = (entry) => {
    add(entry)
    if (!isLimiting(entry)) return
    if (Number.isNaN(begun)) begun = performance.now()
    calledAt.push(performance.now() - begun)
  }
  let failed = 0
  const watching = startPace(10 * gateways.length, async (count) => {
    const { url } = gateways[count % gateways.length] as GatewayProcess
    const seen = await ask(url, chatFront, {
      model: 'm',
      content: `${mark} ${count}`,
      stream: count % 2 === 0,
    })
    if (seen.status !== 200) failed += 1
  })
  // Nearly as long: at the end of the watch it is still in force.
  await Bun.sleep(ASKED_SECONDS * 1_000 - 1_000)
  const calls = await watching.stop()
  ledger.add = add
  return { calls, failed, calledAt }
}

describe('B13', () => {
  test('a cool-down holds on every replica within a second', async () => {
    const redis = await ownRedis()
    closing.push(() => redis.close())
    const all = await fleet(redis.url)
    const mark = limiting('openai', () => [['retry-after', String(ASKED_SECONDS)]])
    const { calls, failed, calledAt } = await watch(all, mark)
    const late = calledAt.filter((at) => at > WITHIN_MS).length
    const statuses = await Promise.all(all.gateways.map(({ url }) => statusOf(url)))
    figure('B13', {
      replicas: REPLICAS,
      calls,
      failed,
      calls_to_the_cooled_within_1s: calledAt.length,
      calls_to_the_cooled_after_1s: late,
      last_at_ms: Math.round(Math.max(...calledAt)),
    })
    expect(calledAt.length).toBeGreaterThan(0)
    expect(late).toBe(0)
    expect(failed).toBe(0)
    for (const { cooldowns } of statuses)
      expect(cooldowns).toMatchObject([{ provider: 'openai', model: 'gpt-4.1', reason: 'rate_limited' }])
  }, 60_000)

  test('without Redis it holds on each replica that was told', async () => {
    const redis = await ownRedis()
    closing.push(() => redis.close())
    const all = await fleet(redis.url)
    await redis.kill()
    const mark = limiting('openai', () => [['retry-after', String(ASKED_SECONDS)]])
    const { calls, failed, calledAt } = await watch(all, mark)
    figure('B13 without Redis', {
      replicas: REPLICAS,
      calls,
      failed,
      calls_to_the_cooled: calledAt.length,
    })
    // Each is told by the upstream itself: by one call, or by one more that was on its way then.
    expect(calledAt.length).toBeGreaterThan(0)
    expect(calledAt.length).toBeLessThanOrEqual(2 * REPLICAS)
    expect(failed).toBe(0)
  }, 60_000)

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
