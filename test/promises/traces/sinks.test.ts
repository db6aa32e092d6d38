import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import {
  type FaultySink,
  type SinkFault,
  startFaultySink,
  startOtlpCollector,
} from '../../rig/otlp-collector.ts'
import { UNBOUNDED } from '../attempts/support/routes.ts'
import { figure, isLong, percentile, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { type Exporter, tracingToml } from './support/traced.ts'

/** F9 a hung telemetry sink never delays a request: it costs what is waiting for it, which is bounded and counted. */

const RATE = 100
const SECONDS = size(4, 60)
/** Rounds in which the machine may have been busy with something else. */
const ROUNDS = 4
const CHANGE = 0.05
/** What a clock of milliseconds and a shared machine make of two equal gateways. */
const NOISE_MS = 1

const toml = UNBOUNDED + modelToml('m', { provider: 'openai', model: 'gpt-4.1' })

function stageWith(exporter: Exporter, url: string, more = ''): Promise<Stage> {
  return openStage({ toml: tracingToml(exporter, { grpcUrl: url, httpUrl: url }, more) + toml })
}

async function request({ gateway }: Stage, content = '[scene:text]'): Promise<number> {
  const { status, milliseconds } = await ask(gateway.url, chatFront, { model: 'm', content, stream: false })
  if (status !== 200) throw new Error(`status ${status}`)
  return milliseconds
}

/** Requests at a steady rate, one stage after the other, whatever becomes of them; times by stage. */
async function offered(stages: readonly Stage[], seconds: number): Promise<number[][]> {
  const times = stages.map((): number[] => [])
  const open: Promise<void>[] = []
  const begun = performance.now()
  for (let count = 0; count < RATE * seconds; count += 1) {
    const wait = begun + (count * 1000) / RATE - performance.now()
    if (wait > 0) await Bun.sleep(wait)
    // Which comes first changes, so that neither has the other's work in its way more often.
    const order = count % 2 === 0 ? stages.keys() : [...stages.keys()].toReversed()
    for (const index of order)
      open.push(request(stages[index] as Stage).then((milliseconds) => void times[index]?.push(milliseconds)))
  }
  await Promise.all(open)
  return times
}

/** Beside a sink that is broken, against one that works. */
function isSame(works: number, broken: number): boolean {
  return broken <= works * (1 + CHANGE) + NOISE_MS
}

/** Spans thrown away, as `/metrics` says it. */
async function droppedSpans({ gateway }: Stage): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text()
  return Number(/^xjp_telemetry_dropped_total\{[^}]*"spans"[^}]*\} (\S+)$/m.exec(text)?.[1] ?? Number.NaN)
}

function said({ gateway }: Stage, message: string): number {
  return gateway.output().stdout.split(`"message":"${message}"`).length - 1
}

const faults: readonly SinkFault[] = ['hangs', 'resets', 'trickles', 'does not read']
/** Over HTTP, and the worst of them over gRPC too; in the long run all over both. */
const cells = faults.flatMap((fault) =>
  (['otlp_http', 'otlp_grpc'] as const)
    .filter((to) => to === 'otlp_http' || fault === 'hangs' || isLong)
    .map((to) => [fault, to] as const),
)

describe('F9: requests take as long as beside a collector that works', () => {
  test.each(cells)('it %s, %s', async (fault, exporter) => {
    const collector = await startOtlpCollector()
    const sink = await startFaultySink(fault)
    const stages = await Promise.all([
      stageWith(exporter, exporter === 'otlp_grpc' ? collector.grpcUrl : collector.httpUrl),
      stageWith(exporter, sink.url),
    ])
    await offered(stages, 1)
    const changes: number[] = []
    let passed = false
    for (let round = 0; round < ROUNDS && !passed; round += 1) {
      const [works = [], broken = []] = await offered(stages, SECONDS)
      const [p99Works, p99Broken] = [percentile(works, 0.99), percentile(broken, 0.99)]
      const [p50Works, p50Broken] = [percentile(works, 0.5), percentile(broken, 0.5)]
      changes.push(p50Broken / p50Works - 1, p99Broken / p99Works - 1)
      passed = isSame(p50Works, p50Broken) && isSame(p99Works, p99Broken)
      figure('F9', {
        sink: fault,
        exporter,
        n: broken.length,
        rps: RATE,
        p50: `${p50Works.toFixed(1)} → ${p50Broken.toFixed(1)} ms`,
        p99: `${p99Works.toFixed(1)} → ${p99Broken.toFixed(1)} ms`,
      })
    }
    expect(passed ? [] : changes).toEqual([])
    expect(sink.connections).toBeGreaterThan(0)
    expect(collector.spans.length).toBeGreaterThan(RATE * SECONDS)
    const [, broken] = stages
    expect(said(broken as Stage, 'traces cannot be exported')).toBeLessThanOrEqual(1)
    for (const stage of stages) await stage.close()
    sink.close()
    await collector.close()
  })
})

describe('F9: what waits is bounded', () => {
  let sink: FaultySink
  let stage: Stage
  beforeAll(async () => {
    sink = await startFaultySink('hangs')
    const content = 'trace_content = true\ndump_downstream = true\ntrace_body_max_bytes = 1_000_000'
    stage = await stageWith('otlp_http', sink.url, content)
  })
  afterAll(async () => {
    await stage.close()
    sink.close()
  })

  function residentMegabytes(): number {
    const pages = Number(readFileSync(`/proc/${stage.gateway.pid}/statm`, 'utf8').split(' ')[1])
    return (pages * 4096) / 2 ** 20
  }

  test('bodies of a hundred megabytes wait for nobody', async () => {
    // Each call has some two megabytes of bodies in its spans.
    const prompt = `[scene:text] ${'word '.repeat(100_000)}`
    await request(stage, prompt)
    const before = residentMegabytes()
    const calls = size(60, 400)
    for (let count = 0; count < calls; count += 1) await request(stage, prompt)
    const deadline = performance.now() + 10_000
    let dropped = await droppedSpans(stage)
    while (dropped < 2 * (calls - 20) && performance.now() < deadline) {
      await Bun.sleep(100)
      dropped = await droppedSpans(stage)
    }
    const grown = residentMegabytes() - before
    figure('F9', { calls, spans_dropped: dropped, grown_mb: grown.toFixed(0) })
    // Sixteen megabytes hold the spans of fewer than twenty such calls.
    expect(dropped).toBeGreaterThanOrEqual(2 * (calls - 20))
    expect(grown).toBeLessThan(150)
  }, 120_000)

  test('it is told once, and the requests of the end wait a second at most', async () => {
    // The first export has its time to fail.
    const deadline = performance.now() + 8_000
    while (said(stage, 'traces cannot be exported') === 0 && performance.now() < deadline) await Bun.sleep(50)
    const begun = performance.now()
    expect(await stage.gateway.stop()).toBe(0)
    const took = performance.now() - begun
    figure('F9', { stop_ms: took.toFixed(0) })
    expect(took).toBeLessThan(3_000)
    expect(said(stage, 'traces cannot be exported')).toBe(1)
    expect(said(stage, 'traces were lost at the end')).toBe(1)
  }, 20_000)
})

test('F9: a sink that is away does not delay the start, and one that comes is found', async () => {
  const sink = await startFaultySink('hangs')
  const port = Number(new URL(sink.url).port)
  const times: number[] = []
  for (const url of [sink.url, undefined, sink.url, undefined]) {
    const begun = performance.now()
    const one = await openStage({
      toml: (url === undefined ? '' : tracingToml('otlp_http', { grpcUrl: url, httpUrl: url })) + toml,
    })
    times.push(performance.now() - begun)
    await one.close()
  }
  const [hung = 0, none = 0, hungAgain = 0, noneAgain = 0] = times
  figure('F9', { start_ms: times.map((time) => time.toFixed(0)).join(' ') })
  expect(Math.min(hung, hungAgain)).toBeLessThan(Math.min(none, noneAgain) + 1_000)

  sink.close()
  const stage = await stageWith('otlp_http', sink.url)
  await request(stage)
  const deadline = performance.now() + 10_000
  while (said(stage, 'traces cannot be exported') === 0 && performance.now() < deadline) await Bun.sleep(20)
  const collector = await startOtlpCollector({ httpPort: port })
  await request(stage)
  await collector.until((spans) => spans.length >= 4, 30_000)
  while (said(stage, 'traces are exported again') === 0 && performance.now() < deadline + 30_000)
    await Bun.sleep(20)
  expect([said(stage, 'traces cannot be exported'), said(stage, 'traces are exported again')]).toEqual([1, 1])
  await stage.close()
  await collector.close()
}, 90_000)
