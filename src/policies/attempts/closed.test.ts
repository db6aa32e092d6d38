import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../protocol/model/error.ts'
import { bench, circuitOf, type Run, rememberingResilience, target, VirtualTime } from './testing.ts'

const failed = new GatewayError('upstream_failed', 'down')
const limited = new GatewayError('rate_limited', 'slow down', {
  retryAfterSeconds: 30,
  upstream: { dialect: 'messages', status: 429, body: '{"type":"error"}' },
})

/** Calls one after another over one memory; `failing` says which targets fail, and how. */
function gateway(failing: Record<string, GatewayError | undefined>) {
  const time = new VirtualTime()
  const resilience = rememberingResilience(time)
  const retry = { maxRetries: 0, backoffMs: 0 }
  const targets = ['first', 'second'].map((label) => target(label, { circuit: circuitOf(2), retry }))
  const ask = (more: Parameters<typeof bench>[0] = {}): Promise<Run> =>
    bench({
      targets,
      tries: (label) => ({ error: failing[label] }),
      shared: { time, resilience },
      ...more,
    }).run()
  return { time, resilience, ask, failing }
}

describe('targets that are closed', () => {
  test('are passed over, and the record says why', async () => {
    const { ask } = gateway({ first: failed })
    expect((await ask()).tried).toEqual(['first', 'second'])
    await ask()
    const { tried, reply, call } = await ask()
    expect(tried).toEqual(['second'])
    expect(reply?.body).toBe('second')
    expect(call.record.passedOver).toEqual([{ target: 'first', reason: 'circuit_open' }])
    expect(call.record.attempts[0]?.reason).toBe('fallback')
  })

  test('are probed when they have rested, and the record says so', async () => {
    const { ask, time, failing } = gateway({ first: failed })
    await ask()
    await ask()
    failing['first'] = undefined
    await time.during(time.sleep(10_000))
    expect((await ask()).attempts[0]).toMatchObject({ target: 'first', reason: 'probe' })
    expect((await ask()).attempts[0]).toMatchObject({ target: 'first', reason: 'preferred' })
  })

  test('are not waited for: a retry that opens the circuit is the last one', async () => {
    const { tried } = await bench({
      targets: [target('first', { circuit: circuitOf(2) }), target('second')],
      tries: (label) => (label === 'first' ? { error: failed } : undefined),
    }).run()
    expect(tried).toEqual(['first', 'first', 'second'])
  })
})

describe('nothing is left', () => {
  test('circuits are open: 503, and when the first of them may be tried again', async () => {
    const { ask, time } = gateway({ first: failed, second: failed })
    await ask()
    await ask()
    await time.during(time.sleep(4_000))
    const { error, tried, endedAt } = await ask()
    expect(tried).toEqual([])
    expect(endedAt).toBe(time.now)
    expect(error).toMatchObject({
      kind: 'unavailable',
      details: { code: 'circuit_open', retryAfterSeconds: 6 },
    })
    expect(error?.message).toBe(
      'No route of m is open: first failed too often lately; second failed too often lately',
    )
  })

  test('all limit us: the first one’s own words, and what is left to wait', async () => {
    const { ask, time } = gateway({
      first: limited,
      second: new GatewayError('rate_limited', 'me too', { retryAfterSeconds: 20 }),
    })
    expect((await ask()).tried).toEqual(['first', 'second'])
    await time.during(time.sleep(5_000))
    const { error, tried, call } = await ask()
    expect(tried).toEqual([])
    expect(error).toMatchObject({
      kind: 'rate_limited',
      message: 'slow down',
      details: { upstream: limited.details.upstream, retryAfterSeconds: 15 },
    })
    expect(call.record.passedOver).toEqual([
      { target: 'first', reason: 'cooling' },
      { target: 'second', reason: 'cooling' },
    ])
  })

  test('one limits us, one is broken: 503', async () => {
    const { ask } = gateway({ first: limited, second: failed })
    await ask()
    await ask()
    const { error } = await ask()
    expect(error).toMatchObject({ kind: 'unavailable', details: { code: 'cooling', retryAfterSeconds: 10 } })
  })

  test('all places of its credentials are taken: 503 for a moment', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const narrow = target('first', { credential: { name: 'only', concurrency: 1 } })
    const first = await bench({ targets: [narrow], shared }).run()
    const { error, tried } = await bench({ targets: [narrow], shared }).run()
    expect(tried).toEqual([])
    expect(error).toMatchObject({ kind: 'unavailable', details: { code: 'busy', retryAfterSeconds: 1 } })
    first.end()
    expect((await bench({ targets: [narrow], shared }).run()).reply?.body).toBe('first')
  })
})

describe('the retry budget', () => {
  test('bounds further tries of a route, never the way to the next one', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const targets = [target('first'), target('second')]
    const tries = (label: string) => (label === 'first' ? { error: failed } : undefined)
    const counts: number[] = []
    for (let call = 0; call < 60; call += 1) {
      const { tried, reply } = await bench({ targets, tries, shared, random: () => 0 }).run()
      expect(reply?.body).toBe('second')
      counts.push(tried.filter((label) => label === 'first').length)
    }
    expect(counts.slice(0, 33)).toEqual(Array.from({ length: 33 }, () => 4))
    // A hundred in reserve and a tenth for each call.
    const sum = counts.reduce((total, count) => total + count, 0)
    expect(sum).toBeLessThanOrEqual(60 + 100 + 6)
    expect(counts.slice(40).filter((count) => count > 2)).toEqual([])
  })
})

describe('what becomes of an answer', () => {
  const broken = new GatewayError('upstream_failed', 'broke')
  const over = new GatewayError('rate_limited', 'over')
  const cases: [string, GatewayError | undefined, 'upstream' | 'gateway' | 'complete', number][] = [
    ['complete', undefined, 'complete', 0],
    ['broken by the upstream', broken, 'upstream', 1],
    ['ended by the gateway', broken, 'gateway', 0],
    ['ended with an error that is nobody’s fault', over, 'upstream', 0],
  ]
  for (const [name, error, endedBy, broke] of cases)
    test(`${name}: told ${broke} times, and its place is free once`, async () => {
      const { run, resilience, call } = bench()
      const found = await run()
      expect([resilience.ended, resilience.released]).toEqual([1, 0])
      Object.assign(call.record, { error, endedBy })
      found.end()
      expect([resilience.ended, resilience.released, resilience.broke]).toEqual([1, 1, broke])
    })
})
