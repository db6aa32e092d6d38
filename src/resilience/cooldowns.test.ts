import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import { MemoryAnnouncements } from '../store/memory/announcements.ts'
import { COOLDOWN_TOPIC } from './cooldown-words.ts'
import { Cooldowns, LONGEST_COOLDOWN_MILLISECONDS, MAXIMUM_COOLDOWNS, nameOf } from './cooldowns.ts'
import type { Standing } from './resilience.ts'
import { entered, limited, newWorld, SECRET, targetOf } from './testing.ts'

const target = targetOf('a', 'x')

function hear(world: ReturnType<typeof newWorld>, error: GatewayError, where = target): void {
  const pass = entered(world.resilience, where)
  pass.end({ kind: 'neutral', error })
  pass.release()
}

function errorOf(standing: Standing): GatewayError | undefined {
  return standing.open ? undefined : standing.error
}

describe('what cools', () => {
  const overloaded = (status: number): GatewayError =>
    new GatewayError('overloaded', 'busy', { status, retryAfterSeconds: 7 })
  const rows: [string, GatewayError, number | undefined][] = [
    ['429 with a time', limited(12), 12_000],
    ['503 with a time', overloaded(503), 7_000],
    ['529 with a time', overloaded(529), 7_000],
    ['a used-up quota with a time', new GatewayError('quota_exhausted', '', { retryAfterSeconds: 5 }), 5_000],
    ['more than the cap', limited(86_400), LONGEST_COOLDOWN_MILLISECONDS],
    ['for ever', limited(Number.POSITIVE_INFINITY), LONGEST_COOLDOWN_MILLISECONDS],
    ['429 without a time', limited(), undefined],
    ['no time at all', limited(0), undefined],
    ['less than none', limited(-5), undefined],
    ['no number', limited(Number.NaN), undefined],
    [
      'a request that can never be served',
      new GatewayError('rate_limited', '', { retryAfterSeconds: 5, final: true }),
      undefined,
    ],
    ['500 with a time', new GatewayError('upstream_failed', '', { retryAfterSeconds: 5 }), undefined],
    ['400 with a time', new GatewayError('invalid_request', '', { retryAfterSeconds: 5 }), undefined],
    ['a client that left', new GatewayError('client_closed', ''), undefined],
  ]
  for (const [name, error, milliseconds] of rows)
    test(name, () => {
      const world = newWorld()
      hear(world, error)
      const cooling = { open: false, reason: 'cooling', retryMs: milliseconds }
      expect(world.resilience.standing(target)).toMatchObject(
        milliseconds === undefined ? { open: true } : cooling,
      )
      expect(world.events.length).toBe(milliseconds === undefined ? 0 : 1)
      if (milliseconds === undefined) return
      world.advance(milliseconds - 1)
      expect(world.resilience.standing(target)).toMatchObject({ open: false, retryMs: 1 })
      world.advance(1)
      expect(world.resilience.standing(target)).toEqual({ open: true })
      expect(world.resilience.cooldowns()).toEqual([])
    })

  test('a place inside the machine keeps its own queue', () => {
    const local = targetOf('a', 'x', { provider: { kind: 'local' } as typeof target.provider })
    const world = newWorld()
    hear(world, overloaded(503), local)
    expect(world.resilience.standing(local)).toEqual({ open: true })
  })

  test('other models, providers and regions go on', () => {
    const world = newWorld()
    hear(world, limited(10))
    const elsewhere = [
      targetOf('a', 'y', { route: '1' }),
      targetOf('b', 'x', { route: '2' }),
      targetOf('a', 'x', { route: '3', settings: { ...target.settings, region: 'eu' } }),
    ]
    for (const other of elsewhere) expect(world.resilience.standing(other)).toEqual({ open: true })
    // Another public name of the same model is the same upstream.
    expect(world.resilience.standing(targetOf('a', 'x', { route: '4' }))).toMatchObject({ open: false })
  })
})

describe('of two times', () => {
  test('the longer one holds, whatever the order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ pause: fc.nat(20_000), milliseconds: fc.integer({ min: 1, max: 60_000 }) }), {
          maxLength: 20,
        }),
        (words) => {
          const cooldowns = new Cooldowns()
          const place = { provider: 'a' }
          let at = 0
          let until = 0
          for (const { pause, milliseconds } of words) {
            at += pause
            cooldowns.add(place, milliseconds, limited(), at)
            until = Math.max(until, at + milliseconds)
            expect(cooldowns.find(nameOf(place), until - 1)).toBeDefined()
            expect(cooldowns.find(nameOf(place), at)?.until).toBe(until)
          }
        },
      ),
    )
  })

  test('a clock that is set back or forward ends none too late', () => {
    const world = newWorld()
    hear(world, limited(10))
    world.time.monotonic -= 1_000_000
    expect(world.resilience.standing(target)).toMatchObject({ open: false, retryMs: 10_000 })
    world.advance(10_000)
    expect(world.resilience.standing(target)).toEqual({ open: true })
  })
})

describe('what the client gets', () => {
  test('the upstream’s own error again, with what is left of the time', () => {
    const world = newWorld()
    hear(world, limited(30))
    world.advance(10_500)
    const error = errorOf(world.resilience.standing(target))
    expect(error?.message).toBe('slow down')
    expect(error?.status).toBe(429)
    expect(error?.details.upstream?.body).toBe('{"error":{"message":"slow down"}}')
    expect(error?.details.retryAfterSeconds).toBe(19.5)
  })

  test('large bodies and causes are not kept', () => {
    const world = newWorld()
    const upstream = { dialect: 'messages' as const, status: 429, body: 'x'.repeat(1_000_000) }
    hear(
      world,
      new GatewayError('rate_limited', 'x'.repeat(1_000_000), { retryAfterSeconds: 1, upstream, cause: {} }),
    )
    const error = errorOf(world.resilience.standing(target))
    expect(error?.message.length).toBe(2_000)
    expect(error?.details.upstream).toBeUndefined()
    expect(error?.details.cause).toBeUndefined()
  })
})

describe('bounds', () => {
  test('never more than the maximum; what would end first goes first', () => {
    const cooldowns = new Cooldowns()
    for (let count = 0; count < MAXIMUM_COOLDOWNS + 100; count += 1)
      cooldowns.add({ provider: `p${count}` }, 100_000 - count, limited(), 0)
    expect(cooldowns.all(0).length).toBe(MAXIMUM_COOLDOWNS)
    expect(cooldowns.find(nameOf({ provider: 'p0' }), 0)).toBeDefined()
    cooldowns.add({ provider: 'later' }, 1_000, limited(), 200_000)
    expect(cooldowns.all(200_000).length).toBe(1)
  })
})

describe('replicas', () => {
  /** Two replicas, and what is said between them. */
  function pair(): {
    one: ReturnType<typeof newWorld>
    other: ReturnType<typeof newWorld>
    said: string[]
    words: MemoryAnnouncements
  } {
    const words = new MemoryAnnouncements()
    const said: string[] = []
    words.subscribe(COOLDOWN_TOPIC, (text) => said.push(text))
    return { one: newWorld(undefined, words), other: newWorld(undefined, words), said, words }
  }

  test('hear of each other’s cool-downs with their error, and say nothing back', async () => {
    const { one, other, said } = pair()
    hear(one, limited(30))
    await Promise.resolve()
    expect(said.length).toBe(1)
    const standing = other.resilience.standing(target)
    expect(standing).toMatchObject({ open: false, reason: 'cooling' })
    expect(errorOf(standing)?.details.upstream?.body).toBe('{"error":{"message":"slow down"}}')
    expect(one.resilience.standing(target)).toMatchObject({ retryMs: 30_000 })
    expect(other.events).toMatchObject([{ type: 'cooldown', provider: 'a', model: 'x' }])
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve()
    expect(said.length).toBe(1)
  })

  test('are told nothing secret of an upstream’s words', async () => {
    const { one, other, said } = pair()
    const upstream = { dialect: 'messages', status: 429, body: `{"error":"key ${SECRET}"}` } as const
    hear(one, new GatewayError('rate_limited', `too much of ${SECRET}`, { retryAfterSeconds: 30, upstream }))
    await Promise.resolve()
    expect(other.resilience.standing(target)).toMatchObject({ open: false, reason: 'cooling' })
    expect(said.length).toBe(1)
    expect(said.join()).not.toContain(SECRET)
  })

  test('a longer one is told, one that changes next to nothing is not, and nobody is early', async () => {
    const { one, other, said } = pair()
    const longer = entered(one.resilience, target)
    const passes = Array.from({ length: 50 }, () => entered(one.resilience, target))
    for (const pass of passes) {
      one.advance(1)
      other.advance(1)
      pass.end({ kind: 'neutral', error: limited(2) })
      await Promise.resolve()
    }
    expect(said.length).toBe(1)
    const early = (): boolean =>
      other.resilience.standing(target).open && !one.resilience.standing(target).open
    for (let passed = 0; passed < 2_200; passed += 10) {
      expect(early()).toBe(false)
      one.advance(10)
      other.advance(10)
    }
    longer.end({ kind: 'neutral', error: limited(10) })
    await Promise.resolve()
    expect(said.length).toBe(2)
    for (let passed = 0; passed < 10_200; passed += 50) {
      expect(early()).toBe(false)
      one.advance(50)
      other.advance(50)
    }
    expect(other.resilience.standing(target)).toEqual({ open: true })
  })

  test('words that are none, or of providers nobody knows, change nothing', async () => {
    const { one, words } = pair()
    const good = {
      from: 'other',
      place: { provider: 'a', model: 'x' },
      milliseconds: 1_000,
      kind: 'rate_limited',
      message: 'slow down',
    }
    const bad: unknown[] = [
      { ...good, milliseconds: -1 },
      { ...good, milliseconds: 1e12 },
      { ...good, milliseconds: '5' },
      { ...good, milliseconds: null },
      { ...good, kind: 'constructor' },
      { ...good, place: {} },
      { ...good, place: { provider: 'nobody', model: 'x' } },
      { ...good, place: { provider: '__proto__', model: 'x' } },
      { ...good, place: { provider: 'a', model: 5 } },
      { ...good, message: 'x'.repeat(100_000) },
      { ...good, upstream: { dialect: 'none', status: 429, body: '' } },
      [],
      null,
      'cooldown',
    ]
    for (const word of bad) words.publish(COOLDOWN_TOPIC, JSON.stringify(word))
    for (const text of ['', '{', 'undefined', '\u0000', `[${'['.repeat(50_000)}`])
      words.publish(COOLDOWN_TOPIC, text)
    await Promise.resolve()
    expect(one.resilience.cooldowns()).toEqual([])
    words.publish(COOLDOWN_TOPIC, JSON.stringify(good))
    await Promise.resolve()
    expect(one.resilience.standing(target)).toMatchObject({ open: false, retryMs: 1_000 })
  })
})
