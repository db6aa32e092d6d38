import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type ErrorDetails, type ErrorKind, errorKinds, GatewayError } from '../protocol/model/error.ts'
import { type BenchOptions, bench, type Run, target } from './attempts/testing.ts'

function failing(kind: ErrorKind, details: ErrorDetails = {}): GatewayError {
  return new GatewayError(kind, kind, details)
}

/** What an upstream said with this status. */
function said(kind: ErrorKind, status: number, more: ErrorDetails = {}): GatewayError {
  return failing(kind, { upstream: { dialect: 'messages', status, body: '{}' }, ...more })
}

function run(
  outcome: (label: string, count: number) => unknown,
  {
    labels = ['first'],
    maxRetries = 3,
    ...more
  }: BenchOptions & { labels?: string[]; maxRetries?: number } = {},
): Promise<Run> {
  const retry = { maxRetries, backoffMs: 500 }
  return bench({
    targets: labels.map((label) => target(label, { retry })),
    tries: (label, count) => ({ error: outcome(label, count) }),
    ...more,
  }).run()
}

const both = { labels: ['first', 'second'] }

describe('promise B1: the retry table', () => {
  /** Tries of one target, and whether the next target is tried. */
  const table: [string, GatewayError, number, boolean][] = [
    ['rate limited', said('rate_limited', 429), 4, true],
    ['overloaded, 503', said('overloaded', 503), 4, true],
    ['overloaded, 529', said('overloaded', 529), 4, true],
    ['overloaded, 429', said('overloaded', 429), 4, true],
    ['failed, 500', said('upstream_failed', 500), 4, true],
    ['failed, 502', said('upstream_failed', 502), 4, true],
    ['timed out itself, 504', said('timeout', 504), 4, true],
    ['timed out itself, 408', said('timeout', 408), 4, true],
    ['said so in an event', said('overloaded', 200), 4, true],
    ['no connection', failing('upstream_failed', { code: 'connection_failed' }), 4, true],
    ['not its protocol', failing('upstream_invalid'), 4, true],
    ['method not allowed, 405', said('upstream_failed', 405), 1, true],
    ['closed by itself, 499', said('upstream_failed', 499), 1, true],
    [
      'connection lost: the work may be done',
      failing('upstream_failed', { code: 'connection_lost' }),
      1,
      true,
    ],
    ['broke off: the work was begun', failing('upstream_failed', { code: 'upstream_ended_early' }), 1, true],
    ['not HTTP', failing('upstream_invalid', { code: 'upstream_not_http' }), 1, true],
    ['a clock of ours', failing('timeout', { code: 'timeout_first_byte' }), 1, true],
    ['our key refused', said('upstream_unauthenticated', 401), 1, true],
    ['out of quota', said('quota_exhausted', 429), 1, true],
    ['payment required', said('payment_required', 402), 1, true],
    ...(
      [
        'invalid_request',
        'context_too_long',
        'unsupported',
        'unauthenticated',
        'forbidden',
        'not_found',
        'model_not_found',
        'method_not_allowed',
        'conflict',
        'too_large',
        'unsupported_media_type',
        'unprocessable',
        'internal',
        'unavailable',
        'client_closed',
      ] as const
    ).map((kind): [string, GatewayError, number, boolean] => [kind, failing(kind), 1, false]),
  ]
  let n = 0
  /** A time that an upstream asks for changes when it is tried again, not whether. */
  const asked: [string, number | undefined, number][] = [
    ['', undefined, 250],
    [' with retry-after', 2, 2_000],
  ]
  for (const [name, error, tries, fallsBack] of table)
    for (const [how, retryAfterSeconds, least] of asked)
      test(`${name}${how}: ${tries} tries, ${fallsBack ? 'then' : 'not'} the next target`, async () => {
        const withTime = new GatewayError(error.kind, error.message, {
          ...error.details,
          ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
        })
        const { tried, begun } = await run((label) => (label === 'first' ? withTime : undefined), both)
        const expected = Array.from({ length: tries }, () => 'first')
        expect(tried).toEqual(fallsBack ? [...expected, 'second'] : expected)
        if (tries > 1) expect((begun[1] ?? 0) - (begun[0] ?? 0)).toBeGreaterThanOrEqual(least)
        n += 1
      })

  test('every kind of error stands in the table', () => {
    const covered = new Set(table.map(([, { kind }]) => kind))
    expect(Object.keys(errorKinds).filter((kind) => !covered.has(kind as ErrorKind))).toEqual([])
    console.info(`B1: n=${n} rows, deviations=0`)
  })

  test('what is not an error of ours is an internal one: nothing is tried again', async () => {
    const { tried, error } = await run(() => new TypeError('x is undefined'), both)
    expect(tried).toEqual(['first'])
    expect(error?.kind).toBe('internal')
    expect(error?.message).not.toContain('undefined')
  })

  test('promise B15: what was sent is sent again only where the operator wants it', async () => {
    const lost = failing('upstream_failed', { code: 'connection_lost' })
    const retry = { retryAfterSent: true }
    expect((await run(() => lost)).tried).toEqual(['first'])
    expect((await run(() => lost, { retry })).tried).toEqual(['first', 'first', 'first', 'first'])
  })
})

describe('the way through the targets', () => {
  test('a success ends it', async () => {
    const found = await run((_, count) => (count < 3 ? failing('overloaded') : undefined), both)
    expect(found.reply?.body).toBe('first')
    expect(found.tried).toEqual(['first', 'first', 'first'])
    expect(found.attempts.map(({ reason }) => reason)).toEqual(['preferred', 'retry', 'retry'])
    expect(found.attempts.map(({ waitedMs }) => waitedMs)).toEqual([undefined, 250, 500])
  })

  test('what chose the first target is its reason', async () => {
    const { call, run: go } = bench()
    call.record.balance = 'sticky'
    expect((await go()).attempts[0]?.reason).toBe('sticky')
  })

  test('when all fail, the client gets what the first said last', async () => {
    const { error, tried, attempts } = await run(
      (label, count) => new GatewayError('upstream_failed', `${label} ${count}`),
      { labels: ['first', 'second', 'third'], maxRetries: 1 },
    )
    expect(tried).toEqual(['first', 'first', 'second', 'second', 'third', 'third'])
    expect(error?.message).toBe('first 2')
    expect(attempts.map((one) => one.error?.message)).toEqual([
      'first 1',
      'first 2',
      'second 1',
      'second 2',
      'third 1',
      'third 2',
    ])
  })

  test('a later target whose error forbids more ends it, with the first error', async () => {
    const { error, tried } = await run(
      (label) => failing(label === 'first' ? 'timeout' : 'invalid_request'),
      { labels: ['first', 'second', 'third'] },
    )
    expect(tried).toEqual(['first', 'second'])
    expect(error?.kind).toBe('timeout')
  })

  test('no retries when none are wanted', async () => {
    expect((await run(() => failing('overloaded'), { maxRetries: 0 })).tried).toEqual(['first'])
  })

  test('no target at all is an internal error', async () => {
    expect((await run(() => undefined, { labels: [] })).error?.kind).toBe('internal')
  })

  test('promise B4: attempts are bounded, and every target that fits has its turn', async () => {
    const kinds = Object.keys(errorKinds) as ErrorKind[]
    let n = 0
    let most = 0
    const chain = fc.record({
      labels: fc.uniqueArray(fc.stringMatching(/^[a-z]{3}$/), { minLength: 1, maxLength: 14 }),
      maxRetries: fc.nat({ max: 12 }),
      maxAttempts: fc.integer({ min: 1, max: 20 }),
      credentials: fc.uniqueArray(fc.stringMatching(/^[a-z]{2}$/), { maxLength: 4 }),
      errors: fc.array(fc.option(fc.constantFrom(...kinds), { freq: 6 }), { minLength: 1, maxLength: 30 }),
      retryAfterSeconds: fc.constantFrom(undefined, 0, 1, 9, 60),
    })
    await fc.assert(
      fc.asyncProperty(chain, async ({ labels, maxRetries, maxAttempts, credentials, errors, ...rest }) => {
        let serial = 0
        const { run: go, resilience } = bench({
          targets: labels.map((label) =>
            target(label, { retry: { maxRetries, backoffMs: 100 } }, credentials),
          ),
          retry: { maxAttempts },
          tries: () => {
            const kind = errors[serial++ % errors.length]
            return kind ? { error: failing(kind, rest as ErrorDetails) } : undefined
          },
        })
        const found = await go()
        n += 1
        most = Math.max(most, found.tried.length)
        expect(found.tried.length).toBeLessThanOrEqual(maxAttempts)
        expect(found.tried.length).toBeLessThanOrEqual(
          labels.length * (maxRetries + 1) * Math.max(1, credentials.length),
        )
        found.end()
        expect([resilience.given, resilience.ended, resilience.released]).toEqual(
          Array.from({ length: 3 }, () => found.tried.length),
        )
      }),
      { numRuns: 1_000, seed: 20_261_121 },
    )
    for (let count = 1; count <= 14; count += 1)
      for (let maxRetries = 0; maxRetries <= 12; maxRetries += 1) {
        const labels = Array.from({ length: count }, (_, number) => `t${number}`)
        const { tried } = await run(() => failing('overloaded'), { labels, maxRetries })
        n += 1
        expect(tried.length).toBeLessThanOrEqual(Math.min(10, count * (maxRetries + 1)))
        expect(new Set(tried)).toEqual(new Set(labels.slice(0, 10)))
      }
    console.info(`B4: n=${n} chains, seed=20261121, most=${most}, above the configured=0`)
  })
})

describe('leaving', () => {
  test('during a try: nothing more is tried', async () => {
    const { controller, run: go } = bench({
      targets: [target('first'), target('second')],
      tries: () => {
        controller.abort()
        return { error: failing('overloaded') }
      },
    })
    expect(await go()).toMatchObject({ tried: ['first'], error: { kind: 'client_closed' } })
  })

  test('during a wait: nothing more is tried, and it is the error of the try that comes out', async () => {
    const {
      controller,
      time,
      run: go,
      resilience,
    } = bench({
      targets: [target('first'), target('second')],
      tries: () => ({ error: failing('overloaded') }),
    })
    const leaving = time.sleep(600).then(() => controller.abort())
    const found = await go()
    await leaving
    expect(found).toMatchObject({ tried: ['first', 'first'], error: { kind: 'overloaded' } })
    expect([resilience.given, resilience.released]).toEqual([2, 2])
  })

  test('of the gateway itself (drain): what comes too late is let go, its pass too', async () => {
    const {
      call,
      run: go,
      resilience,
    } = bench({
      tries: () => {
        call.record.status = 503
        return undefined
      },
    })
    const found = await go()
    expect(found.reply?.body).toBe('first')
    expect([resilience.given, resilience.ended, resilience.released]).toEqual([1, 1, 1])
  })
})

describe('waiting', () => {
  test('promise B6: full jitter, uniform up to the doubled base and its cap', async () => {
    let seed = 20_261_120
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed / 2 ** 32
    }
    const perTry: number[][] = [[], [], [], [], [], []]
    while ((perTry[0]?.length ?? 0) < 1_000) {
      const { attempts } = await run(() => failing('overloaded'), { maxRetries: 6, random })
      attempts.slice(1).forEach(({ waitedMs = -1 }, at) => {
        perTry[at]?.push(waitedMs)
      })
    }
    const all = perTry.flatMap((waits, at) => waits.map((wait) => wait / Math.min(8_000, 500 * 2 ** at)))
    const distance = kolmogorov(all)
    // The 1 % point of the Kolmogorov distribution.
    const critical = 1.63 / Math.sqrt(all.length)
    console.info(
      `B6: n=${all.length} delays, distance ${distance.toFixed(4)}, critical ${critical.toFixed(4)}`,
    )
    expect(all.length).toBeGreaterThanOrEqual(5_000)
    expect(distance).toBeLessThan(critical)
    for (const waits of perTry) {
      const buckets = Array.from({ length: 10 }, () => 0)
      const most = Math.max(...waits) * 1.000_001
      for (const wait of waits)
        buckets[Math.floor((wait / most) * 10)] = (buckets[Math.floor((wait / most) * 10)] ?? 0) + 1
      expect(Math.max(...buckets)).toBeLessThan(1.3 * (waits.length / 10) + 4 * Math.sqrt(waits.length / 10))
    }
  })

  /** What is waited: what was asked, a moment for timers that ring early, and the jitter. */
  const asked: [string, number, number | undefined, string[]][] = [
    ['two seconds: obeyed', 2, 2_255, ['first', 'first']],
    ['nothing: the backoff alone', 0, 250, ['first', 'first']],
    ['a moment', 0.1, 355, ['first', 'first']],
    ['a negative time: the backoff alone', -60, 250, ['first', 'first']],
    ['as long as is sat out at most', 9.995, 10_250, ['first', 'first']],
    ['longer: the next target at once', 10.1, undefined, ['first', 'second']],
    ['absurdly long', 1e12, undefined, ['first', 'second']],
  ]
  for (const [name, retryAfterSeconds, waited, tried] of asked)
    test(`the upstream asks for ${name}`, async () => {
      const answers = (label: string, count: number): unknown =>
        label === 'first' && count === 1 ? failing('rate_limited', { retryAfterSeconds }) : undefined
      const found = await run(answers, { ...both, maxRetries: 1 })
      expect(found.tried).toEqual(tried)
      expect(found.attempts[1]?.waitedMs).toBe(waited as number)
    })

  test('how long is sat out is the operator’s to say', async () => {
    const answers = (_: string, count: number): unknown =>
      count === 1 ? failing('rate_limited', { retryAfterSeconds: 20 }) : undefined
    const found = await run(answers, { retry: { maxRetryAfterMs: 30_000 } })
    expect(found.reply?.body).toBe('first')
    expect(found.begun[1]).toBeGreaterThanOrEqual(20_000)
  })
})

/** The greatest distance between the sample and the uniform distribution on [0, 1). */
function kolmogorov(sample: readonly number[]): number {
  const sorted = [...sample].sort((one, other) => one - other)
  return sorted.reduce(
    (most, value, at) =>
      Math.max(most, Math.abs(value - at / sorted.length), Math.abs(value - (at + 1) / sorted.length)),
    0,
  )
}
