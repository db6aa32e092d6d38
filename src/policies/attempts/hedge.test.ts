import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../../protocol/model/error.ts'
import {
  type BenchOptions,
  bench,
  circuitOf,
  rememberingResilience,
  type Try,
  target,
  VirtualTime,
} from './testing.ts'

const failed = new GatewayError('upstream_failed', 'down')
const plain = { maxRetries: 0, backoffMs: 0 }
const pair = () => [target('first', { retry: plain }), target('second', { retry: plain })]
const model = { hedge: { afterMs: 100, budget: 1 } }

function hedged(outcomes: Record<string, Try>, more: BenchOptions = {}) {
  return bench({ targets: pair(), model, tries: (label) => outcomes[label], ...more })
}

describe('hedging', () => {
  test('the first content wins; the other is ended at the same moment and never heard', async () => {
    const { run, resilience, call } = hedged({ first: { afterMs: 1_000 }, second: { afterMs: 50 } })
    const found = await run()
    expect(found).toMatchObject({
      reply: { body: 'second' },
      heard: ['second'],
      begun: [0, 100],
      endedAt: 150,
    })
    expect(found.aborted).toEqual([{ label: 'first', at: 150 }])
    expect(found.attempts).toMatchObject([
      { target: 'first', reason: 'preferred', lost: true, milliseconds: 150 },
      { target: 'second', reason: 'hedge', milliseconds: 50 },
    ])
    expect(found.attempts[0]?.error).toBeUndefined()
    expect(call.attempt).toBe(found.attempts[1])
    expect(found.reply?.headers['attempts']).toBe('2')
    found.end()
    expect(resilience.outcomes).toEqual(['neutral', 'success'])
    expect([resilience.given, resilience.ended, resilience.released]).toEqual([2, 2, 2])
  })

  test('the first attempt may still win', async () => {
    const found = await hedged({ first: { afterMs: 140 }, second: { afterMs: 50 } }).run()
    expect(found).toMatchObject({ reply: { body: 'first' }, heard: ['first'], endedAt: 140 })
    expect(found.aborted).toEqual([{ label: 'second', at: 140 }])
    expect(found.attempts[1]).toMatchObject({ lost: true, reason: 'hedge', milliseconds: 40 })
  })

  test('a quick answer is not doubled', async () => {
    expect((await hedged({ first: { afterMs: 99 } }).run()).tried).toEqual(['first'])
  })

  test('a quick failure goes its usual way', async () => {
    const found = await hedged({ first: { afterMs: 50, error: failed } }).run()
    expect(found).toMatchObject({ tried: ['first', 'second'], begun: [0, 50], reply: { body: 'second' } })
    expect(found.attempts[1]?.reason).toBe('fallback')
  })

  test('when the slow one fails, the other is waited for', async () => {
    const found = await hedged({ first: { afterMs: 120, error: failed }, second: { afterMs: 500 } }).run()
    expect(found).toMatchObject({ reply: { body: 'second' }, endedAt: 600, tried: ['first', 'second'] })
    expect(found.attempts[0]?.lost).toBeUndefined()
    expect(found.attempts[0]?.error?.kind).toBe('upstream_failed')
  })

  test('when the second fails, the first is waited for', async () => {
    const found = await hedged({ first: { afterMs: 700 }, second: { error: failed } }).run()
    expect(found).toMatchObject({ reply: { body: 'first' }, endedAt: 700, tried: ['first', 'second'] })
  })

  test('when both fail, the client gets the first one’s error; neither is asked again without a retry', async () => {
    const { run, resilience } = hedged(
      {
        first: { afterMs: 200, error: new GatewayError('upstream_failed', 'first') },
        second: { afterMs: 10, error: new GatewayError('upstream_failed', 'second') },
        third: { error: new GatewayError('upstream_failed', 'third') },
      },
      { targets: [...pair(), target('third', { retry: plain })] },
    )
    const found = await run()
    expect(found).toMatchObject({ tried: ['first', 'second', 'third'], error: { message: 'first' } })
    expect([resilience.given, resilience.ended, resilience.released]).toEqual([3, 3, 3])
  })

  test('what was hedged to has its retries still', async () => {
    let asked = 0
    const found = await bench({
      targets: [
        target('first', { retry: plain }),
        target('second', { retry: { maxRetries: 1, backoffMs: 0 } }),
      ],
      model,
      tries: (label) => {
        if (label === 'first') return { afterMs: 200, error: failed }
        asked += 1
        return asked === 1 ? { error: failed } : undefined
      },
    }).run()
    expect(found).toMatchObject({ tried: ['first', 'second', 'second'], reply: { body: 'second' } })
    expect(found.attempts.map(({ reason }) => reason)).toEqual(['preferred', 'hedge', 'retry'])
  })

  test('one route that is closed is left out, for the next that is open', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const closing = target('second', { circuit: circuitOf(1), retry: plain })
    await bench({ targets: [closing], shared, tries: () => ({ error: failed }) }).run()
    const targets = [target('first'), closing, target('third')]
    const tries = (label: string) => (label === 'first' ? { afterMs: 500 } : undefined)
    expect((await bench({ targets, shared, model, tries }).run()).tried).toEqual(['first', 'third'])
  })

  const none: [string, BenchOptions][] = [
    ['one route only', { targets: [target('first')] }],
    ['only the first is wanted', { headers: { 'x-xjp-disable-fallbacks': 'true' } }],
    ['no budget', { model: { hedge: { afterMs: 100, budget: 0 } } }],
    ['no attempts left', { retry: { maxAttempts: 1 } }],
  ]
  for (const [name, more] of none)
    test(`${name}: there is none`, async () => {
      const found = await hedged({ first: { afterMs: 500 } }, more).run()
      expect(found).toMatchObject({ tried: ['first'], reply: { body: 'first' } })
    })

  test('its budget bounds what is doubled', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const options = { model: { hedge: { afterMs: 100, budget: 0.05 } }, shared, targets: pair() }
    let doubled = 0
    const calls = 1_000
    for (let call = 0; call < calls; call += 1) {
      const found = await bench({ ...options, tries: () => ({ afterMs: 300 }) }).run()
      doubled += found.tried.length - 1
      found.end()
    }
    console.info(`hedge budget: n=${calls} slow calls, doubled=${doubled}, share=0.05 and ten in reserve`)
    expect(doubled).toBeLessThanOrEqual(0.05 * calls + 10)
    expect(doubled).toBeGreaterThanOrEqual(0.05 * calls)
  })

  test('the deadline ends both', async () => {
    const slow = { first: { afterMs: 5_000 }, second: { afterMs: 5_000 } }
    const { run, resilience } = hedged(slow, { retry: { deadlineMs: 300 } })
    const found = await run()
    expect(found).toMatchObject({ error: { details: { code: 'timeout_deadline' } }, endedAt: 300 })
    expect(found.aborted.map(({ at }) => at)).toEqual([300, 300])
    expect([resilience.given, resilience.ended, resilience.released]).toEqual([2, 2, 2])
  })

  test('a client that leaves ends both, and nothing more is tried', async () => {
    const { run, time, controller, resilience } = hedged({
      first: { afterMs: 5_000 },
      second: { afterMs: 5_000 },
    })
    const leaving = time.sleep(250).then(() => controller.abort())
    const found = await run()
    await leaving
    expect(found).toMatchObject({
      error: { kind: 'client_closed' },
      endedAt: 250,
      tried: ['first', 'second'],
    })
    expect(resilience.outcomes).toEqual(['neutral', 'neutral'])
    expect([resilience.given, resilience.released]).toEqual([2, 2])
  })

  test('however two attempts go, one is heard, every pass is ended once, and no more are made than allowed', async () => {
    const outcome = fc.record({
      afterMs: fc.nat({ max: 400 }),
      error: fc.constantFrom(undefined, undefined, failed, new GatewayError('invalid_request', 'no')),
    })
    let n = 0
    const chain = fc.record({
      tries: fc.array(outcome, { minLength: 1, maxLength: 12 }),
      count: fc.integer({ min: 1, max: 4 }),
      maxRetries: fc.nat({ max: 2 }),
      maxAttempts: fc.integer({ min: 1, max: 6 }),
      deadlineMs: fc.constantFrom(undefined, 150, 450),
      leavesAt: fc.constantFrom(undefined, 10, 120, 300),
    })
    await fc.assert(
      fc.asyncProperty(chain, async ({ tries, count, maxRetries, maxAttempts, deadlineMs, leavesAt }) => {
        let serial = 0
        const { run, resilience, time, controller } = bench({
          model,
          targets: ['first', 'second', 'third', 'fourth']
            .slice(0, count)
            .map((label) => target(label, { retry: { maxRetries, backoffMs: 20 } })),
          tries: () => tries[serial++ % tries.length],
          retry: { maxAttempts, ...(deadlineMs === undefined ? {} : { deadlineMs }) },
        })
        if (leavesAt !== undefined) void time.sleep(leavesAt).then(() => controller.abort())
        const found = await run()
        found.end()
        n += 1
        expect(found.heard).toEqual(found.reply ? [found.reply.body as string] : [])
        expect(found.tried.length).toBeLessThanOrEqual(maxAttempts)
        expect([resilience.given, resilience.ended, resilience.released]).toEqual(
          Array.from({ length: 3 }, () => found.tried.length),
        )
        expect(found.attempts.filter(({ lost, error }) => !lost && !error)).toHaveLength(found.reply ? 1 : 0)
        if (deadlineMs !== undefined) expect(found.endedAt).toBeLessThanOrEqual(deadlineMs)
      }),
      { numRuns: 2_000, seed: 20_261_121 },
    )
    console.info(`hedging: n=${n} random courses, seed=20261121, wrong=0`)
  })
})
