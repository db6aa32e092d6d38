import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../../protocol/model/error.ts'
import { bench, circuitOf, rememberingResilience, target, VirtualTime } from './testing.ts'

const failed = new GatewayError('upstream_failed', 'down')
const plain = { maxRetries: 0, backoffMs: 0 }
const chain = () => ['first', 'second', 'third'].map((label) => target(label, { retry: plain }))

describe('the time a call may take up to its first content', () => {
  const limits: [string, Parameters<typeof bench>[0], number][] = [
    ['the file’s', { retry: { deadlineMs: 700 } }, 700],
    ['the model’s in place of the file’s', { retry: { deadlineMs: 700 }, model: { deadlineMs: 900 } }, 900],
    [
      'the client’s, when it is less',
      { model: { deadlineMs: 900 }, headers: { 'x-xjp-timeout-ms': '400' } },
      400,
    ],
    [
      'no more than is configured',
      { model: { deadlineMs: 900 }, headers: { 'x-xjp-timeout-ms': '4000' } },
      900,
    ],
    ['the client’s alone', { headers: { 'x-xjp-timeout-ms': '86400000' } }, 86_400_000],
  ]
  for (const [name, options, limit] of limits)
    test(`${name}: what runs then is ended, with 504`, async () => {
      const { run } = bench({ targets: chain(), tries: () => ({ afterMs: 10 * limit }), ...options })
      const { error, endedAt, tried, aborted, attempts } = await run()
      expect(error).toMatchObject({ kind: 'timeout', details: { code: 'timeout_deadline' }, status: 504 })
      expect(endedAt).toBe(limit)
      expect(tried).toEqual(['first'])
      expect(aborted).toEqual([{ label: 'first', at: limit }])
      expect(attempts).toMatchObject([{ milliseconds: limit, error: { kind: 'timeout' } }])
    })

  test('it counts from the call’s arrival', async () => {
    const { run, call, time } = bench({ retry: { deadlineMs: 1_000 }, tries: () => ({ afterMs: 5_000 }) })
    Object.assign(call, { startedAt: time.now - 600 })
    expect((await run()).endedAt).toBe(400)
  })

  test('when it is over before the first try, none is made', async () => {
    const { run, call, time } = bench({ retry: { deadlineMs: 1_000 } })
    Object.assign(call, { startedAt: time.now - 951 })
    expect(await run()).toMatchObject({ tried: [], error: { details: { code: 'timeout_deadline' } } })
  })

  test('no try begins with less than a twentieth left: the first error comes out', async () => {
    const chained = (afterMs: number) =>
      bench({
        targets: chain(),
        retry: { deadlineMs: 1_000 },
        tries: () => ({ afterMs, error: failed }),
      }).run()
    expect((await chained(475)).tried).toEqual(['first', 'second', 'third'])
    expect(await chained(480)).toMatchObject({
      tried: ['first', 'second'],
      error: { kind: 'upstream_failed' },
      endedAt: 960,
    })
  })

  test('a wait that leaves too little is not begun', async () => {
    const limited = new GatewayError('rate_limited', 'slow', { retryAfterSeconds: 2 })
    const { tried, endedAt } = await bench({
      targets: [target('first'), target('second')],
      retry: { deadlineMs: 2_100 },
      tries: (label) => (label === 'first' ? { error: limited } : undefined),
    }).run()
    expect({ tried, endedAt }).toEqual({ tried: ['first', 'second'], endedAt: 0 })
  })

  test('after the first content it says nothing', async () => {
    const { run, time, resilience } = bench({ retry: { deadlineMs: 500 }, tries: () => ({ afterMs: 499 }) })
    const found = await run()
    await time.during(time.sleep(1_000))
    expect(found).toMatchObject({ reply: { body: 'first' }, heard: ['first'], aborted: [] })
    found.end()
    expect([resilience.given, resilience.ended, resilience.released]).toEqual([1, 1, 1])
  })

  test('the client’s leaving still ends an answer that has begun', async () => {
    const { run, controller } = bench({ retry: { deadlineMs: 500 } })
    const found = await run()
    controller.abort()
    expect(found.aborted).toHaveLength(1)
  })

  test('an upstream that does not notice holds nothing up, and what it says later is not heard', async () => {
    const { run, time } = bench({ retry: { deadlineMs: 500 }, tries: () => ({ afterMs: 800, deaf: true }) })
    const found = await run()
    expect(found).toMatchObject({ endedAt: 500, error: { kind: 'timeout' } })
    await time.during(time.sleep(1_000))
    expect(found.heard).toEqual([])
  })

  for (const wrong of ['', '0', '-5', '1.5', '1e3', 'soon', '86400001', '9999999999', ' 5 5'])
    test(`x-xjp-timeout-ms: ${JSON.stringify(wrong)} is refused, by its name`, async () => {
      const { error, tried } = await bench({ headers: { 'x-xjp-timeout-ms': wrong } }).run()
      expect(error).toMatchObject({
        kind: 'invalid_request',
        details: { param: 'x-xjp-timeout-ms' },
        status: 400,
      })
      expect(error?.message).toContain('x-xjp-timeout-ms')
      expect(tried).toEqual([])
    })
})

describe('what the deadline says about a route', () => {
  /** How often the circuit of the route, which opens at the second failure, lets a call pass. */
  async function asked(options: Parameters<typeof bench>[0]): Promise<number> {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const targets = [target('first', { circuit: circuitOf(2), retry: plain })]
    let tried = 0
    for (let call = 0; call < 5; call += 1)
      tried += (await bench({ targets, shared, tries: () => ({ afterMs: 1e9 }), ...options }).run()).tried
        .length
    return tried
  }

  test('promise B12: a time that clients choose opens no circuit', async () => {
    expect(await asked({ headers: { 'x-xjp-timeout-ms': '1' } })).toBe(5)
    expect(await asked({ headers: { 'x-xjp-timeout-ms': '99' }, retry: { deadlineMs: 100 } })).toBe(5)
  })

  test('one that the operator chose does', async () => {
    expect(await asked({ retry: { deadlineMs: 100 } })).toBe(2)
    expect(await asked({ retry: { deadlineMs: 100 }, headers: { 'x-xjp-timeout-ms': '5000' } })).toBe(2)
  })

  test('unless the attempt had little of it', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const targets = [target('first', { retry: plain }), target('second', { circuit: circuitOf(1) })]
    const tries = (label: string) => (label === 'first' ? { afterMs: 60, error: failed } : { afterMs: 1e9 })
    for (let call = 0; call < 3; call += 1)
      expect((await bench({ targets, tries, shared, retry: { deadlineMs: 100 } }).run()).tried).toEqual([
        'first',
        'second',
      ])
  })
})
