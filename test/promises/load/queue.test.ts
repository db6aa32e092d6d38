import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Office, openOffice } from '../keys/support/office.ts'
import { type Answered, ask, countOf, until } from '../limits/support/ask.ts'
import { figure, percentile, size } from '../support/figure.ts'

/** `limits.max_inflight` with a queue: tenants take turns, nobody waits in vain for long, and what is said is true. */

const PLACES = 4
const QUEUE = 30
const CALL_MS = 100
const WAIT_MS = 1_500

let office: Office
let url: string
const keys: Record<string, string> = {}
beforeAll(async () => {
  office = await openOffice({
    toml: `[limits]\nmax_inflight = ${PLACES}\nqueue = { size = ${QUEUE}, wait_ms = ${WAIT_MS} }\n[server]\ndrain_seconds = 5\n`,
  })
  url = office.gateways[0]?.url ?? ''
  for (const tenant of ['noisy', 'quiet', 'other']) keys[tenant] = (await office.issue({ tenant })).key
})
afterAll(() => office.close())

const call = (tenant: string, ms = CALL_MS, signal?: AbortSignal): Promise<Answered> =>
  ask(url, {
    key: keys[tenant] ?? '',
    content: `hello [fault:stall-head@${ms}]`,
    ...(signal ? { signal } : {}),
  })

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
}

test('one tenant with far more calls than there is room does not keep the others from theirs', async () => {
  const rounds = size(10, 100)
  const flood = { answers: [] as Answered[], isOver: false }
  const flooding = Array.from({ length: 60 }, async () => {
    while (!flood.isOver) flood.answers.push(await call('noisy'))
  })
  await until(() => flood.answers.length > 20)
  const quiet: Answered[] = []
  for (let round = 0; round < rounds; round += 1)
    quiet.push(...(await Promise.all([call('quiet'), call('other')])))
  flood.isOver = true
  await Promise.all(flooding)
  const times = quiet.map(({ milliseconds }) => milliseconds)
  const refused = flood.answers.filter(({ status }) => status === 503)
  figure('queue', {
    n: quiet.length,
    refused_of_quiet_tenants: quiet.length - countOf(quiet, 200),
    p50_ms: Math.round(percentile(times, 0.5)),
    p99_ms: Math.round(percentile(times, 0.99)),
    alone_ms: CALL_MS,
    calls_of_noisy: flood.answers.length,
    refused_of_noisy: refused.length,
  })
  expect(countOf(quiet, 200)).toBe(quiet.length)
  // A turn for each of three tenants with four places: never the whole queue.
  expect(percentile(times, 0.5)).toBeLessThan(CALL_MS * 5)
  expect(refused.length).toBeGreaterThan(0)
  for (const { text } of refused) expect(text).toContain('"code":"max_inflight"')
  const said = refused.map(({ headers }) => Number(headers.get('retry-after')))
  // Thirty wait, four places come free every 100 ms or so; at first nobody knows that.
  expect(Math.min(...said)).toBeGreaterThanOrEqual(1)
  expect(percentile(said, 0.5)).toBeLessThanOrEqual(3)
}, 120_000)

describe('whoever waits', () => {
  /** Takes all places for so long. */
  const fill = async (ms: number): Promise<Promise<Answered>[]> => {
    const before = office.upstream.answering()
    const calls = Array.from({ length: PLACES }, () => call('noisy', ms))
    await until(() => office.upstream.answering() === before + PLACES)
    return calls
  }

  test('is counted, and served when a place comes free; its record says how long it waited', async () => {
    const full = await fill(500)
    const waiting = [call('quiet'), call('quiet')]
    await until(async () => (await metric('xjp_queue_depth')) === 2)
    for (const answer of await Promise.all([...full, ...waiting])) expect(answer.status).toBe(200)
    expect(await metric('xjp_queue_depth')).toBe(0)
    expect(await metric('xjp_queue_wait_seconds_count')).toBeGreaterThanOrEqual(2)
  })

  test('is refused after the time, with when to come again', async () => {
    const full = await fill(WAIT_MS + 1_500)
    const late = await call('quiet')
    expect([late.status, late.text.includes('"code":"queue_timeout"')]).toEqual([503, true])
    expect(late.milliseconds).toBeGreaterThan(WAIT_MS - 20)
    expect(late.milliseconds).toBeLessThan(WAIT_MS + 500)
    const seconds = Number(late.headers.get('retry-after'))
    expect(seconds).toBeGreaterThanOrEqual(1)
    await Promise.all(full)
    await Bun.sleep(Math.max(0, seconds * 1000 - 1_500))
    expect((await call('quiet')).status).toBe(200)
  })

  test('and leaves is forgotten: nothing goes upstream for it', async () => {
    const full = await fill(600)
    const leaving = new AbortController()
    const gone = call('quiet', CALL_MS, leaving.signal).catch(() => 'left')
    await until(async () => (await metric('xjp_queue_depth')) === 1)
    const before = office.upstream.ledger.entries.length
    leaving.abort()
    expect(await gone).toBe('left')
    await until(async () => (await metric('xjp_queue_depth')) === 0)
    await Promise.all(full)
    expect(office.upstream.ledger.entries.length).toBe(before)
  })

  test('is told of the shutdown at once, while open calls go on', async () => {
    const full = await fill(1_200)
    const waiting = call('quiet')
    await until(async () => (await metric('xjp_queue_depth')) === 1)
    const begun = performance.now()
    const [gateway] = office.gateways
    const exit = gateway?.stop()
    const refused = await waiting
    expect([refused.status, refused.text.includes('"code":"draining"')]).toEqual([503, true])
    expect(performance.now() - begun).toBeLessThan(600)
    expect(refused.headers.get('connection')).toBe('close')
    for (const answer of await Promise.all(full)) expect(answer.status).toBe(200)
    expect(await exit).toBe(0)
  })
})
