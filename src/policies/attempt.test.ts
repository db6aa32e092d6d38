import { describe, expect, test } from 'bun:test'
import type { Reply } from '../pipeline/call.ts'
import { type ErrorDetails, type ErrorKind, errorKinds, GatewayError } from '../protocol/model/error.ts'
import { attempt } from './attempt.ts'
import { callWith, targetNamed } from './testing.ts'

const reply: Reply = { status: 200, headers: {}, body: 'answer' }

interface Run {
  reply?: Reply
  error?: unknown
  /** Labels of the targets in the order they were tried. */
  tried: string[]
  waits: number[]
}

interface Setting {
  targets?: string[]
  maxRetries?: number
  random?: () => number
  /** Aborts the call at the n-th sleep. */
  abortAtWait?: number
}

/** Runs the policy; `outcome` says how each try of each target ends. */
async function run(outcome: (label: string, tries: number) => unknown, setting: Setting = {}): Promise<Run> {
  const { targets = ['first'], maxRetries = 3, random = () => 0.5, abortAtWait } = setting
  const controller = new AbortController()
  const found: Run = { tried: [], waits: [] }
  const policy = attempt({
    random,
    async sleep(milliseconds) {
      found.waits.push(milliseconds)
      if (found.waits.length === abortAtWait) controller.abort()
    },
  })
  const call = callWith({
    signal: controller.signal,
    targets: targets.map((label) => targetNamed(label, { maxRetries, backoffMs: 500 })),
  })
  const handler = policy(async (seen) => {
    const label = seen.targets[0]?.label ?? ''
    expect(seen.targets).toHaveLength(1)
    found.tried.push(label)
    const result = outcome(label, found.tried.filter((one) => one === label).length)
    if (result === undefined) return reply
    throw result
  })
  try {
    found.reply = await handler(call)
  } catch (thrown) {
    found.error = thrown
  }
  expect(call.record.attempts.map(({ target }) => target)).toEqual(found.tried)
  for (const { milliseconds } of call.record.attempts) expect(milliseconds).toBeGreaterThanOrEqual(0)
  return found
}

function failing(kind: ErrorKind, details: ErrorDetails = {}): GatewayError {
  return new GatewayError(kind, kind, details)
}

describe('promise B1: the retry table', () => {
  /** Tries of one target, and whether the next target is tried. */
  const table: [string, GatewayError, number, boolean][] = [
    ['rate limited', failing('rate_limited'), 4, true],
    ['overloaded', failing('overloaded'), 4, true],
    ['upstream failed', failing('upstream_failed'), 4, true],
    ['no connection', failing('upstream_failed', { code: 'connection_failed' }), 4, true],
    ['not its protocol', failing('upstream_invalid'), 4, true],
    [
      'connection lost when the work may be done',
      failing('upstream_failed', { code: 'connection_lost' }),
      1,
      true,
    ],
    ['not HTTP', failing('upstream_invalid', { code: 'upstream_not_http' }), 1, true],
    ['timeout', failing('timeout'), 1, true],
    ['our key refused', failing('upstream_unauthenticated'), 1, true],
    ['out of quota', failing('quota_exhausted'), 1, true],
    ['payment required', failing('payment_required'), 1, true],
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
  for (const [name, error, tries, fallsBack] of table)
    test(`${name}: ${tries} tries, ${fallsBack ? 'then' : 'not'} the next target`, async () => {
      const { tried } = await run((label) => (label === 'first' ? error : undefined), {
        targets: ['first', 'second'],
      })
      const expected = Array.from({ length: tries }, () => 'first')
      expect(tried).toEqual(fallsBack ? [...expected, 'second'] : expected)
    })

  test('every kind of error stands in the table', () => {
    const covered = new Set(table.map(([, { kind }]) => kind))
    expect(Object.keys(errorKinds).filter((kind) => !covered.has(kind as ErrorKind))).toEqual([])
    console.info(`B1: n=${table.length} rows`)
  })

  test('what is not an error of ours is an internal one: nothing is tried again', async () => {
    const { tried, error } = await run(() => new TypeError('x is undefined'), {
      targets: ['first', 'second'],
    })
    expect(tried).toEqual(['first'])
    expect(error).toBeInstanceOf(GatewayError)
    expect((error as GatewayError).kind).toBe('internal')
    expect((error as GatewayError).message).not.toContain('undefined')
  })
})

describe('the way through the targets', () => {
  test('a success ends it', async () => {
    const found = await run((_, tries) => (tries < 3 ? failing('overloaded') : undefined), {
      targets: ['first', 'second'],
    })
    expect(found.reply).toBe(reply)
    expect(found.tried).toEqual(['first', 'first', 'first'])
  })

  test('when all fail, the client gets what the first said last', async () => {
    const { error, tried } = await run(
      (label, tries) => new GatewayError('upstream_failed', `${label} ${tries}`),
      {
        targets: ['first', 'second', 'third'],
        maxRetries: 1,
      },
    )
    expect(tried).toEqual(['first', 'first', 'second', 'second', 'third', 'third'])
    expect((error as GatewayError).message).toBe('first 2')
  })

  test('a later target whose error forbids more ends it, with the first error', async () => {
    const { error, tried } = await run(
      (label) => failing(label === 'first' ? 'timeout' : 'invalid_request'),
      {
        targets: ['first', 'second', 'third'],
      },
    )
    expect(tried).toEqual(['first', 'second'])
    expect((error as GatewayError).kind).toBe('timeout')
  })

  test('no retries when none are wanted', async () => {
    expect((await run(() => failing('overloaded'), { maxRetries: 0 })).tried).toEqual(['first'])
  })

  test('no target at all is an internal error', async () => {
    expect(((await run(() => undefined, { targets: [] })).error as GatewayError).kind).toBe('internal')
  })

  test('promise B4: the attempts of one request are bounded, and every target that fits has its turn', async () => {
    let n = 0
    for (let targets = 1; targets <= 14; targets += 1)
      for (let maxRetries = 0; maxRetries <= 12; maxRetries += 1) {
        const labels = Array.from({ length: targets }, (_, number) => `t${number}`)
        const { tried } = await run(() => failing('overloaded'), { targets: labels, maxRetries })
        n += 1
        expect(tried.length).toBeLessThanOrEqual(Math.min(10, targets * (maxRetries + 1)))
        expect(new Set(tried)).toEqual(new Set(labels.slice(0, 10)))
      }
    console.info(`B4: n=${n} chains, at most 10 attempts`)
  })
})

describe('leaving', () => {
  test('during a try: nothing more is tried', async () => {
    const controller = new AbortController()
    const call = callWith({
      signal: controller.signal,
      targets: [targetNamed('first'), targetNamed('second')],
    })
    let tries = 0
    const handler = attempt({ random: () => 0.5, sleep: () => Promise.resolve() })(async () => {
      tries += 1
      controller.abort()
      throw failing('overloaded')
    })
    await expect(handler(call)).rejects.toThrow('overloaded')
    expect(tries).toBe(1)
  })

  test('during a wait that ends early: nothing more is tried', async () => {
    const { tried } = await run(() => failing('overloaded'), { abortAtWait: 2, targets: ['first', 'second'] })
    expect(tried).toEqual(['first', 'first'])
  })

  test('during a wait that rejects: the same, and it is the error of the try that comes out', async () => {
    const controller = new AbortController()
    const call = callWith({ signal: controller.signal, targets: [targetNamed('first')] })
    const policy = attempt({
      random: () => 0.5,
      sleep() {
        controller.abort()
        return Promise.reject(new DOMException('aborted', 'AbortError'))
      },
    })
    await expect(policy(() => Promise.reject(failing('overloaded')))(call)).rejects.toThrow('overloaded')
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
      const { waits } = await run(() => failing('overloaded'), { maxRetries: 6, random })
      waits.forEach((wait, at) => {
        perTry[at]?.push(wait)
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

  const asked: [string, number, number[], string[]][] = [
    ['two seconds: obeyed', 2, [2_000], ['first', 'first']],
    ['nothing: the backoff stays', 0, [250], ['first', 'first']],
    ['less than the backoff: the backoff stays', 0.1, [250], ['first', 'first']],
    ['a negative time: the backoff stays', -60, [250], ['first', 'first']],
    ['too long: the next target at once', 60, [], ['first', 'second']],
    ['absurdly long', 1e12, [], ['first', 'second']],
  ]
  for (const [name, retryAfterSeconds, waits, tried] of asked)
    test(`the upstream asks for ${name}`, async () => {
      const answers = (label: string, tries: number): unknown =>
        label === 'first' && tries === 1 ? failing('rate_limited', { retryAfterSeconds }) : undefined
      const found = await run(answers, { targets: ['first', 'second'], maxRetries: 1 })
      expect(found.waits).toEqual(waits)
      expect(found.tried).toEqual(tried)
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
