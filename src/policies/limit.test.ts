import { describe, expect, test } from 'bun:test'
import { snapshotOf } from '../config/testing/load-text.ts'
import { createLimits } from '../limits/create.ts'
import type { Limits } from '../limits/limits.ts'
import type { Call, Handler } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import type { KeyLimits, KeyRecord } from '../store/ports/keys.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { parseDollars } from '../usage/money.ts'
import { limit, limitRequests } from './limit.ts'
import { callWith, requestWith } from './testing.ts'

const START = Date.UTC(2026, 10, 20, 12)

/** A clock, the limits behind it, and calls under them. */
function bench(toml = '', spent?: () => Promise<bigint>) {
  const snapshot = snapshotOf('xjp.toml', `[auth]\nmode = "keys"\n${toml}`)
  const clock = { wall: START, monotonic: 0 }
  const limits = createLimits({ now: () => clock.wall, monotonic: () => clock.monotonic, spent })
  return {
    clock,
    limits,
    pass(milliseconds: number) {
      clock.wall += milliseconds
      clock.monotonic += milliseconds
    },
    call: (key: KeyRecord | undefined, more: Partial<Call> = {}): Call =>
      callWith({
        snapshot,
        tenant: key?.tenant ?? 'open',
        identity: { tenant: key?.tenant ?? 'open', ...(key ? { key } : {}) },
        request: requestWith([{ role: 'user', content: [{ type: 'text', text: 'hello' }] }]),
        ends: [],
        replyHeaders: {},
        targets: [target('openai', 'cheap'), target('openai', 'dear')],
        ...more,
      }),
  }
}

function target(name: string, model: string): Target {
  const parts: Partial<Target> = {
    model,
    label: `${name}/${model}`,
    settings: { name } as Target['settings'],
  }
  return parts as Target
}

let keys = 0
function keyWith(limits: KeyLimits, more: Partial<KeyRecord> = {}): KeyRecord {
  keys += 1
  return {
    id: `key_${keys}`,
    hash: '',
    prefix: '',
    tenant: 'acme',
    description: '',
    scopes: [],
    limits,
    unlimitedRequests: false,
    tags: {},
    enabled: true,
    createdAt: 0,
    revision: 1,
    ...more,
  }
}

const passed: Handler = async () => ({ status: 200, headers: {}, body: '' })

/** The error of a refused call; undefined when it went on. */
async function run(limits: Limits, call: Call): Promise<GatewayError | undefined> {
  try {
    await limit(limits)(passed)(call)
    return undefined
  } catch (thrown) {
    return thrown as GatewayError
  }
}

/** The call is over, and the record is what it is. */
async function end(call: Call, record: Partial<Call['record']> = {}): Promise<void> {
  Object.assign(call.record, record)
  for (const each of call.ends) each()
  await Promise.resolve()
}

describe('limits of requests', () => {
  test('a refusal says which limit, its number and when to come back; headers agree', async () => {
    const { call, limits } = bench()
    const key = keyWith({ requestsPerMinute: 2 })
    const first = call(key)
    expect(await run(limits, first)).toBeUndefined()
    expect(first.replyHeaders).toMatchObject({
      'x-ratelimit-limit': '2',
      'x-ratelimit-remaining': '1',
      'x-ratelimit-limit-requests': '2',
    })
    await run(limits, call(key))
    const third = call(key)
    const error = await run(limits, third)
    expect(error).toMatchObject({ kind: 'rate_limited', details: { retryAfterSeconds: 61 } })
    expect(error?.message).toBe(
      'This key is limited to 2 requests a minute (requests_per_minute): try again in 1m1s',
    )
    expect(third.replyHeaders).toMatchObject({
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '61',
      'x-ratelimit-reset-requests': '1m1s',
      'x-xjp-limit': 'requests_per_minute',
    })
  })

  test('without a number a key gets the tenant’s, else the configuration’s with its burst, else 60', async () => {
    const counted = async (toml: string, key: KeyRecord): Promise<string | undefined> => {
      const { call, limits } = bench(toml)
      const made = call(key)
      await run(limits, made)
      return made.replyHeaders['x-ratelimit-limit']
    }
    const general = '[rate_limiting]\ndefault_rpm = 40\nburst_size = 7\n'
    expect(await counted('', keyWith({}))).toBe('60')
    expect(await counted(general, keyWith({}))).toBe('7')
    expect(await counted(general, keyWith({ requestsPerMinute: 30 }))).toBe('30')
    expect(await counted(general, keyWith({ requestsPerMinute: 30, burst: 5 }))).toBe('5')
    expect(await counted(`${general}[tenants.acme]\nrpm = 20\n`, keyWith({}))).toBe('20')
    expect(await counted(general, keyWith({}, { unlimitedRequests: true }))).toBeUndefined()
  })

  test('the keys of a tenant share its limit', async () => {
    const { call, limits } = bench('[tenants.acme]\nrpm = 2\n')
    for (const key of [keyWith({ requestsPerMinute: 9 }), keyWith({ requestsPerMinute: 9 })])
      expect(await run(limits, call(key))).toBeUndefined()
    const error = await run(limits, call(keyWith({ requestsPerMinute: 9 })))
    expect(error?.message).toStartWith('The keys of this tenant together are limited to 2 requests a minute')
    expect(await run(limits, call(keyWith({}, { tenant: 'other' })))).toBeUndefined()
  })

  test('count_tokens is a request like others', () => {
    const { call, limits } = bench()
    const key = keyWith({ requestsPerMinute: 1, budgetPerDay: 1n })
    const admitted: unknown = limitRequests(limits, call(key))
    expect(admitted).toBeUndefined()
    expect(() => limitRequests(limits, call(key))).toThrow('limited to 1 request a minute')
  })

  test('D9: a client that obeys the headers is never refused, 1,000 cycles', async () => {
    const { call, limits, pass } = bench()
    const key = keyWith({ requestsPerMinute: 7, burst: 3, requestsPerDay: 5_000 })
    let refusals = 0
    let again = 0
    for (let cycle = 0; cycle < 1_000; cycle += 1) {
      const made = call(key)
      const error = await run(limits, made)
      const reset = Number(made.replyHeaders['x-ratelimit-reset'])
      if (error) {
        refusals += 1
        expect(error.details.retryAfterSeconds).toBe(reset)
        pass(reset * 1_000)
        if (await run(limits, call(key))) again += 1
      } else if (cycle % 3 > 0 && made.replyHeaders['x-ratelimit-remaining'] === '0') pass(reset * 1_000)
    }
    expect(refusals).toBeGreaterThan(50)
    expect(again).toBe(0)
  })

  test('D11: steps of the clock give nothing away and take nothing', async () => {
    const { call, clock, limits } = bench()
    const key = keyWith({ requestsPerMinute: 2, requestsPerDay: 3 })
    await run(limits, call(key))
    await run(limits, call(key))
    for (const step of [3_600_000, -7_200_000, 86_400_000 * 366, -86_400_000 * 400]) {
      clock.wall += step
      expect(await run(limits, call(key))).toBeDefined()
    }
    clock.monotonic += 61_000
    expect(await run(limits, call(key))).toBeUndefined()
  })
})

describe('slots', () => {
  test('are free as soon as the call is over, before anything else that waits for the end', async () => {
    const { call, limits } = bench()
    const key = keyWith({ concurrency: 1 })
    const open = call(key)
    await run(limits, open)
    expect((await run(limits, call(key)))?.message).toContain('1 call open at the same time (concurrency)')
    open.ends[0]?.()
    expect(await run(limits, call(key))).toBeUndefined()
  })
})

describe('tokens', () => {
  test('are reserved with the bound of the request, and settled to what was used', async () => {
    const { call, limits } = bench()
    const key = keyWith({ tokensPerMinute: 1_000 })
    const bounded = { request: { ...call(undefined).request, maxOutputTokens: 600 } }
    const first = call(key, bounded)
    await run(limits, first)
    expect((await run(limits, call(key, bounded)))?.kind).toBe('rate_limited')
    await end(first, { endedBy: 'complete', usage: { inputTokens: 10, outputTokens: 90 } })
    const second = call(key, bounded)
    expect(await run(limits, second)).toBeUndefined()
    // Of 1,000: 100 used, 600 and the prompt reserved.
    expect(Number(second.replyHeaders['x-ratelimit-remaining-tokens'])).toBeWithin(280, 300)
  })

  test('an unbounded request fits into a limit that is smaller than the usual answer', async () => {
    const { call, limits } = bench()
    const made = call(keyWith({ tokensPerMinute: 500 }))
    expect(await run(limits, made)).toBeUndefined()
    expect(made.replyHeaders['x-ratelimit-remaining-tokens']).toBe('0')
  })

  test('a request that can never fit is told so, without a time', async () => {
    const { call, limits } = bench()
    const request = { ...call(undefined).request, maxOutputTokens: 501 }
    const error = await run(limits, call(keyWith({ tokensPerDay: 500 }), { request }))
    expect(error).toMatchObject({ kind: 'quota_exhausted', details: {} })
    expect(error?.details.retryAfterSeconds).toBeUndefined()
    expect(error?.message).toContain('ask for a shorter answer (max_tokens)')
  })

  const cases: readonly (readonly [string, Partial<Call['record']>, number])[] = [
    ['a call that failed before its answer', { endedBy: 'upstream' }, 1_000],
    ['an answer of which nobody knows what it used', { endedBy: 'complete' }, 396],
    ['an answer that broke off', { endedBy: 'upstream', firstByteMs: 1 }, 396],
    ['a reported zero', { endedBy: 'complete', usage: { inputTokens: 0, outputTokens: 0 } }, 1_000],
  ]
  for (const [title, record, left] of cases)
    test(`${title} leaves ${left}`, async () => {
      const { call, limits } = bench()
      const key = keyWith({ tokensPerMinute: 1_000, requestsPerMinute: 100 })
      const request = { ...call(undefined).request, maxOutputTokens: 600 }
      const made = call(key, { request, targets: [] })
      await run(limits, made)
      const reserved = 1_000 - Number(made.replyHeaders['x-ratelimit-remaining-tokens'])
      await end(made, record)
      const next = call(key, { request: { ...request, maxOutputTokens: 1 } })
      await run(limits, next)
      const prompt = reserved - 600
      expect(Number(next.replyHeaders['x-ratelimit-remaining-tokens'])).toBe(
        left === 1_000 ? 999 - prompt : 399 - 2 * prompt,
      )
      // Requests stay counted.
      expect(next.replyHeaders['x-ratelimit-remaining']).toBe('98')
    })
})

const PRICES =
  '[prices."openai/cheap"]\ninput = 0\noutput = 1\n[prices."openai/dear"]\ninput = 0\noutput = 10\n'

describe('money', () => {
  const bounded = (call: Call): Call['request'] => ({ ...call.request, maxOutputTokens: 100 })

  test('the dearest target is reserved, what it cost is kept', async () => {
    const { call, limits } = bench(PRICES)
    const key = keyWith({ budgetPerDay: parseDollars('0.001') })
    const request = bounded(call(key))
    const open = call(key, { request })
    expect(await run(limits, open)).toBeUndefined()
    const error = await run(limits, call(key, { request }))
    expect(error).toMatchObject({ kind: 'quota_exhausted', details: { retryAfterSeconds: 1 } })
    expect(error?.message).toContain('limited to 0.001 US dollars a day (budget_per_day)')
    await end(open, { endedBy: 'complete', cost: parseDollars('0.0002') })
    const refused = await run(limits, call(key, { request }))
    // Twelve hours are left of the day.
    expect(refused?.details.retryAfterSeconds).toBe(43_200)
    const smaller = call(key, { request: { ...request, maxOutputTokens: 80 } })
    expect(await run(limits, smaller)).toBeUndefined()
  })

  test('without a cost in the record the target that answered is priced', async () => {
    const { call, limits } = bench(PRICES)
    const key = keyWith({ budgetPerDay: parseDollars('0.001') })
    const request = bounded(call(key))
    const open = call(key, { request })
    await run(limits, open)
    open.targets = [target('openai', 'cheap')]
    await end(open, { endedBy: 'complete', usage: { inputTokens: 5, outputTokens: 100 } })
    expect(await run(limits, call(key, { request: { ...request, maxOutputTokens: 90 } }))).toBeUndefined()
  })

  test.each([1e15, 1e300, Number.MAX_VALUE])(
    'an answer of %p tokens is too dear, and no fault of ours',
    async (tokens) => {
      const { call, limits } = bench(PRICES)
      const key = keyWith({ budgetPerDay: parseDollars('1000'), tokensPerDay: 1_000_000 })
      const plain = call(key)
      const request = { ...plain.request, maxOutputTokens: tokens, candidates: 128 }
      expect(await run(limits, { ...plain, request })).toMatchObject({ kind: 'quota_exhausted', details: {} })
    },
  )

  test('a model without a price is refused under a budget, and only there', async () => {
    const { call, limits } = bench()
    const nowhere = { targets: [target('openai', 'never-heard-of')] }
    const error = await run(limits, call(keyWith({ budgetPerMonth: 1n }), nowhere))
    expect(error).toMatchObject({ kind: 'forbidden', details: { code: 'model_without_price' } })
    expect(await run(limits, call(keyWith({}), nowhere))).toBeUndefined()
  })

  test('begins with what was spent, and refuses when nobody can say', async () => {
    let spent = async (): Promise<bigint> => parseDollars('0.0005')
    const { call, limits } = bench(PRICES, () => spent())
    const half = call(keyWith({ budgetPerDay: parseDollars('0.001') }))
    expect((await run(limits, { ...half, request: bounded(half) }))?.kind).toBe('quota_exhausted')
    spent = () => Promise.reject(new StoreUnavailable('database', 'away'))
    const unknown = call(keyWith({ budgetPerDay: parseDollars('0.001') }))
    expect(await run(limits, { ...unknown, request: bounded(unknown) })).toMatchObject({
      kind: 'unavailable',
      status: 503,
      details: { retryAfterSeconds: 1 },
    })
  })

  test('a call that ended while its admission was on the way gives back what comes', async () => {
    let answer: ((spent: bigint) => void) | undefined
    const { call, limits } = bench(PRICES, () => new Promise((resolve) => (answer = resolve)))
    const key = keyWith({ budgetPerDay: parseDollars('0.001'), concurrency: 1 })
    const request = bounded(call(key))
    const left = call(key, { request })
    const waiting = run(limits, left)
    await end(left, { endedBy: 'client' })
    answer?.(0n)
    await waiting
    expect(await run(limits, call(key, { request }))).toBeUndefined()
  })
})

describe('cost', () => {
  const measured = (make: () => Call, limits: Limits): number => {
    const policy = limit(limits)(() => settled)
    const rounds = 50_000
    let best = Number.POSITIVE_INFINITY
    for (let series = 0; series < 5; series += 1) {
      const calls = Array.from({ length: rounds }, make)
      const begun = performance.now()
      for (const call of calls) {
        policy(call)
        for (const each of call.ends) each()
      }
      best = Math.min(best, ((performance.now() - begun) * 1_000) / rounds)
    }
    return best
  }
  const settled = Promise.resolve({ status: 200, headers: {}, body: '' })
  const plain = (call: Call): Call =>
    Object.assign({ restored: undefined }, call, { ends: [], replyHeaders: {} })

  test('nothing to speak of without limits, a few microseconds with them', () => {
    const { call, limits } = bench()
    const nobody = call(undefined)
    const key = call(keyWith({ requestsPerMinute: 1_000_000, concurrency: 1_000_000 }))
    const without = measured(() => plain(nobody), limits)
    const within = measured(() => plain(key), limits)
    console.info(
      `limit policy: ${without.toFixed(2)} µs without limits, ${within.toFixed(2)} µs with rpm and slots`,
    )
    expect(without).toBeLessThan(2)
    expect(within).toBeLessThan(15)
  })
})
