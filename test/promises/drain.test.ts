import { afterAll, describe, expect, test } from 'bun:test'
import type { Fault } from '../rig/fault/fault.ts'
import { until } from './limits/support/ask.ts'
import { customFault } from './support/custom-fault.ts'
import { figure, size } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Seen, type Stage, upstreams } from './support/stage.ts'

/**
 * H1 after SIGTERM no new work is taken and open streams finish; H2 at the drain limit the rest end with an error in
 * their client's dialect.
 */

const STREAMS = size(20, 200)
/** How long the streams of H1 last, and the drain limit of H2. */
const STREAM_MS = size(2_500, 20_000)
const LIMIT_SECONDS = size(1, 2)

async function stageWith(drainSeconds: number): Promise<Stage> {
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  return openStage({ toml: `[server]\ndrain_seconds = ${drainSeconds}\n${models.join('')}` })
}

/** Streams that last for so long, from all fronts and to all upstreams; resolves when all have begun. */
async function begin(stage: Stage, milliseconds: number): Promise<Promise<Seen>[]> {
  const fault: Fault = { paceMs: milliseconds / 40 }
  const streams = Array.from({ length: STREAMS }, (_, index) => {
    const front = fronts[index % 2] ?? fronts[0]
    const { dialect } = upstreams[index % 3] ?? upstreams[0]
    if (front === undefined) throw new Error('there is a front')
    const content = `[scene:long@24] ${customFault(fault)}`
    return ask(stage.gateway.url, front, { model: dialect, content, stream: true })
  })
  await stage.upstream.ledger.until((entries) => entries.length === STREAMS, 10_000)
  return streams
}

function endings(seen: readonly Seen[]): { whole: number; errors: number; cut: number } {
  const counts = { whole: 0, errors: 0, cut: 0 }
  seen.forEach(({ status: answered, json, events, broken }, index) => {
    const front = fronts[index % 2]
    const last = events.at(-1)
    // A stream that had not begun yet ends as a refusal.
    if (answered === 503 && front?.errorFault(json) === undefined) counts.errors += 1
    else if (last === undefined || front === undefined || broken) counts.cut += 1
    else if (events.some((event) => front.isEnd(event))) counts.whole += 1
    else if (front.isError(last)) counts.errors += 1
    else counts.cut += 1
  })
  return counts
}

async function status(url: string): Promise<number | 'refused'> {
  try {
    return (await fetch(url)).status
  } catch {
    return 'refused'
  }
}

describe('H1: SIGTERM under load', () => {
  let stage: Stage
  afterAll(() => stage.close())

  test('open streams finish, new work is refused, the program ends with 0', async () => {
    stage = await stageWith(30)
    const streams = await begin(stage, STREAM_MS)
    const begun = performance.now()
    const exit = stage.gateway.stop()
    await Bun.sleep(100)
    // A service manager tells the launcher and the program: the same order twice.
    stage.gateway.kill('SIGTERM')
    expect([503, 'refused']).toContain(await status(`${stage.gateway.url}/readyz`))
    const [front] = fronts
    const late =
      front &&
      (await ask(stage.gateway.url, front, { model: 'messages', content: 'late', stream: false }).catch(
        () => undefined,
      ))
    expect([503, undefined]).toContain(late?.status)
    const counts = endings(await Promise.all(streams))
    expect(counts).toEqual({ whole: STREAMS, errors: 0, cut: 0 })
    expect(await exit).toBe(0)
    figure('H1', {
      streams: STREAMS,
      cut: counts.cut,
      errors: counts.errors,
      ended_ms: Math.round(performance.now() - begun),
    })
  })
})

describe('H2: the drain limit', () => {
  let stage: Stage
  afterAll(() => stage.close())

  test('what is left ends with an error in its dialect, and the program with 0', async () => {
    stage = await stageWith(LIMIT_SECONDS)
    const streams = await begin(stage, 20_000)
    const begun = performance.now()
    const exit = stage.gateway.stop()
    const counts = endings(await Promise.all(streams))
    expect(counts).toEqual({ whole: 0, errors: STREAMS, cut: 0 })
    expect(await exit).toBe(0)
    const took = performance.now() - begun
    expect(took).toBeGreaterThan(LIMIT_SECONDS * 1_000 - 100)
    expect(took).toBeLessThan(LIMIT_SECONDS * 1_000 + 2_000)
    const lines = stage.gateway
      .output()
      .stdout.split('\n')
      .filter((line) => line.includes('"message":"request"'))
    expect(lines.filter((line) => line.includes('"ended_by":"gateway"'))).toHaveLength(STREAMS)
    figure('H2', {
      streams: STREAMS,
      dialect_errors: counts.errors,
      limit_ms: LIMIT_SECONDS * 1_000,
      ended_ms: Math.round(took),
    })
  })
})

test.each([1, 3, 8])('H1: %d whole answers that are the last to come are not cut off', async (count) => {
  const stage = await stageWith(30)
  const fault: Fault = { stalls: [{ at: 0, of: 'wire', ms: 400 }] }
  const asked = Array.from({ length: count }, (_, index) => {
    const front = fronts[index % 2] ?? fronts[0]
    if (front === undefined) throw new Error('there is a front')
    const content = `[scene:text] ${customFault(fault)}`
    return ask(stage.gateway.url, front, { model: 'messages', content, stream: false })
  })
  await stage.upstream.ledger.until((entries) => entries.length === count, 10_000)
  const exit = stage.gateway.stop()
  for (const seen of await Promise.all(asked)) expect([seen.status, seen.broken]).toEqual([200, false])
  expect(await exit).toBe(0)
  await stage.close()
})

test('H2: whole answers that do not come in time are refused in their dialect', async () => {
  const stage = await stageWith(1)
  const fault: Fault = { stalls: [{ at: 0, of: 'wire', ms: 20_000 }] }
  const asked = fronts.flatMap((front) =>
    upstreams.map(async ({ dialect }) => {
      const content = `[scene:text] ${customFault(fault)}`
      const seen = await ask(stage.gateway.url, front, { model: dialect, content, stream: false })
      expect([seen.status, front.errorFault(seen.json)]).toEqual([503, undefined])
      expect(front.errorMessage(seen.json)).toContain('shutting down')
    }),
  )
  await stage.upstream.ledger.until((entries) => entries.length === asked.length, 10_000)
  const exit = stage.gateway.stop()
  await Promise.all(asked)
  expect(await exit).toBe(0)
  await stage.close()
})

test('H1: with nothing to wait for it ends at once', async () => {
  const stage = await stageWith(30)
  const begun = performance.now()
  expect(await stage.gateway.stop()).toBe(0)
  expect(performance.now() - begun).toBeLessThan(1_000)
  await stage.close()
})

test('H1: answers of a gateway that drains are the last on their connections', async () => {
  const stage = await stageWith(30)
  const [stream] = await beginOne(stage)
  expect((await fetch(`${stage.gateway.url}/healthz`)).headers.get('connection')).not.toBe('close')
  const exit = stage.gateway.stop()
  await until(async () => (await status(`${stage.gateway.url}/readyz`)) === 503)
  for (const path of ['/healthz', '/readyz', '/status'])
    expect((await fetch(stage.gateway.url + path)).headers.get('connection')).toBe('close')
  const [front] = fronts
  const late =
    front && (await ask(stage.gateway.url, front, { model: 'messages', content: 'late', stream: false }))
  expect([late?.status, late?.headers.get('connection')]).toEqual([503, 'close'])
  expect((await stream)?.broken).toBe(false)
  expect(await exit).toBe(0)
  await stage.close()
})

test('H1: with server.drain_notice_seconds it is not ready at once, and takes new work for so long', async () => {
  const stage = await openStage({
    toml: `[server]\ndrain_seconds = 30\ndrain_notice_seconds = 1\n${modelToml('messages', { provider: 'anthropic', model: 'claude-opus-4-6' })}`,
  })
  const [front] = fronts
  if (front === undefined) throw new Error('there is a front')
  const call = () => ask(stage.gateway.url, front, { model: 'messages', content: 'hello', stream: false })
  await call()
  const begun = performance.now()
  const exit = stage.gateway.stop()
  await until(async () => (await status(`${stage.gateway.url}/readyz`)) === 503)
  const noticed = await call()
  expect([noticed.status, noticed.headers.get('connection')]).toEqual([200, 'close'])
  expect(await exit).toBe(0)
  expect(performance.now() - begun).toBeGreaterThan(990)
  await stage.close()
})

/** One stream of a second and a half, that has begun. */
async function beginOne(stage: Stage): Promise<Promise<Seen>[]> {
  const [front] = fronts
  if (front === undefined) throw new Error('there is a front')
  const content = `[scene:long@24] ${customFault({ paceMs: 60 })}`
  const stream = ask(stage.gateway.url, front, { model: 'messages', content, stream: true })
  await stage.upstream.ledger.until((entries) => entries.length === 1, 10_000)
  return [stream]
}
