import { afterAll, beforeAll, expect, test } from 'bun:test'
import { ClosedLoop } from '../../../bench/load.ts'
import { requestBytes, TARGETS } from '../../../bench/targets.ts'
import { Ticker } from '../../../bench/ticker.ts'
import { Upstream } from '../../../bench/upstream.ts'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { chatFront, fronts } from '../support/fronts.ts'
import { ask } from '../support/stage.ts'
import { cleanEnd } from './support/clean-end.ts'
import { type Answers, OfferedLoad } from './support/offered-load.ts'

/**
 * G5: more is offered than can be served. What is refused is refused quickly and in the right words, what is served
 * stays near the most that can be, and health and status always answer. The generator, the upstream and the gateway
 * share this machine's two cores.
 */

const SECONDS = size(5, 30)
const MAXIMUM_SECONDS = size(1.5, 5)
/** At least the ten thousand of the promise, and more than this machine can do. */
const OFFERED = 10_000
const TIMES = 1.5
const MAX_DELAY_MS = 250
const REFUSED_MS = 10
const HEALTH_MS = 20

const ticker = new Ticker()
let upstream: Upstream
let gateway: GatewayProcess
const target = TARGETS.find(({ name }) => name === 'chat')
if (target === undefined) throw new Error('there is a target "chat"')
const request = requestBytes(target, { stream: false })

beforeAll(async () => {
  ticker.start(false)
  upstream = new Upstream(ticker)
  gateway = await startGateway({
    config: { name: 'xjp.toml', text: `[auth]\nmode = "open"\n[limits]\nmax_delay_ms = ${MAX_DELAY_MS}\n` },
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${upstream.port}/v1`, OPENAI_API_KEY: 'bench' },
  })
})
afterAll(() => {
  gateway.kill('SIGKILL')
  upstream.close()
  ticker.stop()
})

/** The most it can serve: every connection asks again when it was answered. */
async function maximum(port: number): Promise<number> {
  const load = new ClosedLoop()
  await load.start({ port, request }, 64)
  await Bun.sleep(MAXIMUM_SECONDS * 1_000)
  const before = load.completed
  const begun = performance.now()
  await Bun.sleep(MAXIMUM_SECONDS * 1_000)
  const rate = ((load.completed - before) / (performance.now() - begun)) * 1_000
  load.stop()
  return rate
}

/** How long health, readiness and status took meanwhile; NaN for an answer that was not 200. */
async function watch(url: string, until: () => boolean): Promise<number[]> {
  const times: number[] = []
  for (let look = 0; !until(); look += 1) {
    const begun = performance.now()
    const path = ['/healthz', '/readyz', '/status', '/metrics'][look % 4]
    const { status } = await fetch(url + path)
    times.push(status === 200 ? performance.now() - begun : Number.NaN)
    await Bun.sleep(20)
  }
  return times
}

const rate = ({ byStatus }: Answers, status: number, seconds: number): number =>
  (byStatus.get(status)?.length ?? 0) / seconds
const p99 = ({ byStatus }: Answers, status: number): number => percentile(byStatus.get(status) ?? [], 0.99)

test('G5: far more is offered than can be served', async () => {
  const port = Number(new URL(gateway.url).port)
  const most = await maximum(port)
  const offered = Math.max(OFFERED, Math.round(most * TIMES))
  const load = new OfferedLoad(ticker, port, request)
  let isOver = false
  const watching = watch(gateway.url, () => isOver)
  await load.start(offered)
  // Until it is noticed, everything is late: that is counted apart.
  await Bun.sleep(2_000)
  const onset = load.take()
  await Bun.sleep(SECONDS * 1_000)
  const steady = load.take()
  // In both dialects, while it goes on: a client that comes now is told so in its own words.
  const refusals = await Promise.all(fronts.map((front) => refusal(front)))
  isOver = true
  const health = await watching
  load.stop()
  const served = rate(steady, 200, SECONDS)
  figure('G5', {
    offered_a_second: offered,
    seconds: SECONDS,
    maximum_a_second: Math.round(most),
    served_a_second: Math.round(served),
    goodput: Math.round((served / most) * 100) / 100,
    refused_a_second: Math.round(rate(steady, 503, SECONDS)),
    refused_p99_ms: Math.round(p99(steady, 503) * 10) / 10,
    refused_p99_onset_ms: Math.round(p99(onset, 503)),
    served_p99_ms: Math.round(p99(steady, 200)),
    health_n: health.length,
    health_p99_ms: Math.round(percentile(health, 0.99)),
    unsent: steady.unsent,
    lost: steady.lost + onset.lost,
  })
  expect([...steady.byStatus.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([])
  expect(steady.lost + onset.lost).toBe(0)
  expect(health.filter(Number.isNaN)).toEqual([])
  expect(refusals.filter(({ status }) => status !== 200 && status !== 503)).toEqual([])
  for (const { status, code, retryAfter } of refusals)
    if (status === 503) expect([code, retryAfter >= 1 && retryAfter <= 10]).toEqual(['overloaded', true])
  expect(served / most).toBeGreaterThan(isLong ? 0.9 : 0.4)
  if (isLong) {
    expect(p99(steady, 503)).toBeLessThan(REFUSED_MS)
    expect(percentile(health, 0.99)).toBeLessThan(HEALTH_MS)
  }
  // It is over soon after the load is.
  await Bun.sleep(2_000)
  expect(
    (await ask(gateway.url, chatFront, { model: 'openai/bench', content: 'x', stream: false })).status,
  ).toBe(200)
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text()
  const shed = Number(/^xjp_shed_total\{reason="overloaded"\} (\d+)$/m.exec(metrics)?.[1] ?? 0)
  expect(shed).toBeGreaterThanOrEqual((steady.byStatus.get(503)?.length ?? 0) > 0 ? 1 : 0)
  await cleanEnd(gateway)
}, 300_000)

/** One more call, of a dialect. */
async function refusal(
  front: (typeof fronts)[number],
): Promise<{ status: number; code: string; retryAfter: number }> {
  for (let each = 0; each < 50; each += 1) {
    const seen = await ask(gateway.url, front, { model: 'openai/bench', content: 'x', stream: false })
    if (seen.status !== 503) continue
    expect(front.errorFault(seen.json)).toBeUndefined()
    expect(front.errorMessage(seen.json)).toContain('more work than it can do')
    return { status: 503, code: 'overloaded', retryAfter: Number(seen.headers.get('retry-after')) }
  }
  return { status: 200, code: '', retryAfter: 0 }
}
