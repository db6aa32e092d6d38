import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { figure, percentile, size } from '../support/figure.ts'
import { type Front, fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage } from '../support/stage.ts'
import { failingMark, routesToml, UNSHED } from './support/routes.ts'

/**
 * B14 with nothing left to try we fail fast: all upstreams are down, streamed and not, 200 requests a second, and it
 * costs no more than serving them.
 */

const LIMIT_MS = 20
const RATE = 200
const SECONDS = size(4, 30)

let stage: Stage
beforeAll(async () => {
  const dead = ['a', 'b'].map(
    (name) =>
      `[providers.${name}]\ntype = "openai_compat"\napi_key = "none"\nbase_url = "http://127.0.0.1:9/v1"\n`,
  )
  const circuit = '[circuit]\nfailure_threshold = 3\nopen_ms = 60000\n'
  const down = ['a', 'b'].map((provider) => ({ provider, model: 'm', more: 'retry = { backoff_ms = 1 }' }))
  const limited = fronts.map(({ name }, index) =>
    routesToml(`limited-${name}`, [
      { provider: 'openai', model: `gpt-4.1-${index}`, more: 'retry = { max_retries = 0 }' },
    ]),
  )
  stage = await openStage({
    toml: [
      UNSHED,
      circuit,
      ...dead,
      routesToml('down', down),
      ...limited,
      routesToml('healthy', [{ provider: 'openai', model: 'gpt-4o-mini' }]),
    ].join(''),
  })
})
afterAll(() => stage.close())

/** Ticks of the processor that a process has used, in milliseconds. */
function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

interface Load {
  times: number[]
  /** How long `/healthz` took meanwhile: what the machine itself adds. */
  ruler: number[]
  statuses: Map<string, number>
  cpuMs: number
}

/** So many requests a second, at even intervals, whatever becomes of them. */
async function load(model: string, seconds: number): Promise<Load> {
  const times: number[] = []
  const ruler: number[] = []
  const statuses = new Map<string, number>()
  const open: Promise<void>[] = []
  const before = processorMs(stage.gateway.pid)
  const begun = performance.now()
  const measure = async (): Promise<void> => {
    const asked = performance.now()
    await (await fetch(`${stage.gateway.url}/healthz`)).text()
    ruler.push(performance.now() - asked)
  }
  const one = async (index: number): Promise<void> => {
    const front = fronts[index % 2] as Front
    const seen = await ask(stage.gateway.url, front, { model, content: 'hello', stream: index % 4 < 2 })
    times.push(seen.milliseconds)
    const retry = seen.headers.get('retry-after')
    const word = `${seen.status} ${retry === null ? 'no retry-after' : Number(retry) > 0} ${seen.headers.get('x-should-retry')}`
    statuses.set(word, (statuses.get(word) ?? 0) + 1)
  }
  for (let index = 0; index < seconds * RATE; index += 1) {
    const wait = begun + (index * 1_000) / RATE - performance.now()
    if (wait > 0) await Bun.sleep(wait)
    open.push(one(index))
    if (index % 2 === 0) open.push(measure())
  }
  await Promise.all(open)
  return { times, ruler, statuses, cpuMs: (processorMs(stage.gateway.pid) - before) / times.length }
}

describe('B14', () => {
  test('circuits are open: 503 and when to come again, at once, for less than an answer costs', async () => {
    const healthy = await load('healthy', SECONDS)
    expect([...healthy.statuses.keys()]).toEqual(['200 no retry-after null'])
    for (const front of fronts)
      for (let call = 0; call < 2; call += 1)
        await ask(stage.gateway.url, front, { model: 'down', content: 'hello', stream: false })
    const down = await load('down', SECONDS)
    const machine = percentile(down.ruler, 0.99)
    figure('B14', {
      n: down.times.length,
      a_second: RATE,
      p50_ms: percentile(down.times, 0.5).toFixed(1),
      p99_ms: percentile(down.times, 0.99).toFixed(1),
      healthz_p99_ms: machine.toFixed(1),
      limit_ms: LIMIT_MS,
      healthy_p99_ms: percentile(healthy.times, 0.99).toFixed(1),
      cpu_ms_a_request: down.cpuMs.toFixed(2),
      healthy_cpu_ms: healthy.cpuMs.toFixed(2),
    })
    expect(Object.fromEntries(down.statuses)).toEqual({ '503 true null': down.times.length })
    // On a machine that is busy with other things an empty answer waits as well.
    expect(percentile(down.times, 0.99)).toBeLessThanOrEqual(Math.max(LIMIT_MS, machine + LIMIT_MS))
    expect(down.cpuMs).toBeLessThanOrEqual(healthy.cpuMs)
  })

  test('limited: the upstream’s own words again, with what is left to wait; it is not asked', async () => {
    const mark = failingMark('openai', { status: 429, retryAfterSeconds: 30 })
    for (const front of fronts) {
      const model = `limited-${front.name}`
      const first = await ask(stage.gateway.url, front, { model, content: mark, stream: false })
      expect([first.status, first.headers.get('retry-after')]).toEqual([429, '30'])
      const asked = stage.upstream.ledger.entries.length
      await Bun.sleep(1_100)
      for (const stream of [true, false]) {
        const seen = await ask(stage.gateway.url, front, { model, content: 'hello', stream })
        expect(seen.status).toBe(429)
        expect(front.errorMessage(seen.json)).toContain('no luck at openai')
        expect(Number(seen.headers.get('retry-after'))).toBeLessThanOrEqual(29)
        expect(Number(seen.headers.get('retry-after'))).toBeGreaterThan(20)
        expect(seen.milliseconds).toBeLessThan(100)
      }
      expect(stage.upstream.ledger.entries.length).toBe(asked)
    }
  })
})
