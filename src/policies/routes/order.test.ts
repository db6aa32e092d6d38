import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Balance, ModelEntry, Snapshot, Sticky } from '../../config/snapshot.ts'
import type { Target } from '../../pipeline/target.ts'
import { callWith, requestWith, targetNamed } from '../testing.ts'
import { type OrderOutside, ordered } from './order.ts'

const targets = (...weights: number[]): Target[] =>
  weights.map((weight, index) => ({ ...targetNamed(`p${index}/m`), weight, model: 'm' }))

const labels = (list: readonly Target[]): string => list.map(({ settings }) => settings.name).join(' ')

interface Setting {
  balance?: Balance
  sticky?: Sticky
  times?: Record<string, number>
  random?: () => number
  prices?: Snapshot['prices']
  session?: string
}

function order(list: readonly Target[], setting: Setting): { order: string; by: string } {
  const { balance, sticky, times = {}, random = Math.random, prices = {}, session } = setting
  const snapshot: Partial<Snapshot> = { prices, providers: {} }
  const call = callWith({
    snapshot: snapshot as Snapshot,
    headers: new Headers(session === undefined ? {} : { session_id: session }),
    request: requestWith([]),
  })
  const outside: OrderOutside = {
    resilience: { latencyOf: ({ settings }) => times[settings.name] },
    random,
  }
  const entry = {
    name: 'm',
    routes: [],
    defaults: {},
    ...(balance && { balance }),
    ...(sticky && { sticky }),
  }
  const found = ordered(call, entry as ModelEntry, list, outside)
  return { order: labels(found.targets), by: found.by }
}

/** Numbers in [0, 1) that look random and are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

test('order: as the file has it', () => {
  expect(order(targets(1, 9, 5), {})).toEqual({ order: 'p0 p1 p2', by: 'order' })
  expect(order(targets(1, 9), { balance: 'order', sticky: 'session', session: 's' }).by).toBe('order')
})

describe('weight', () => {
  const table: [number[], string][] = [
    [[0, 0], 'p0 p1 p2'],
    [[0.0999, 0], 'p0 p1 p2'],
    [[0.1, 0], 'p1 p0 p2'],
    [[0.5, 0.2], 'p2 p0 p1'],
    [[0.3999, 0.99], 'p1 p2 p0'],
    [[0.9999, 0.2499], 'p2 p0 p1'],
    [[0.9999, 0.25], 'p2 p1 p0'],
  ]
  test.each(table)('draws %p over weights 1, 3, 6', (draws, wanted) => {
    const rest = [...draws]
    const list = targets(1, 3, 6)
    expect(order(list, { balance: 'weight', random: () => rest.shift() ?? 0 })).toEqual({
      order: wanted,
      by: 'weight',
    })
  })

  test('every target stands in it once, whatever is drawn', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 2, maxLength: 9 })
    const draws = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
      minLength: 9,
      maxLength: 9,
    })
    fc.assert(
      fc.property(weights, draws, (list, numbers) => {
        const all = targets(...list)
        const found = order(all, { balance: 'weight', random: () => numbers.shift() ?? 0.5 }).order
        expect(found.split(' ').sort()).toEqual(labels(all).split(' ').sort())
      }),
    )
  })

  test('the first two are as frequent as the weights say', () => {
    const n = 120_000
    const random = seeded(7)
    const list = targets(1, 2, 3)
    const seen = new Map<string, number>()
    for (let count = 0; count < n; count++) {
      const found = order(list, { balance: 'weight', random }).order
      seen.set(found, (seen.get(found) ?? 0) + 1)
    }
    const chances: Record<string, number> = {
      'p0 p1 p2': (1 / 6) * (2 / 5),
      'p0 p2 p1': (1 / 6) * (3 / 5),
      'p1 p0 p2': (2 / 6) * (1 / 4),
      'p1 p2 p0': (2 / 6) * (3 / 4),
      'p2 p0 p1': (3 / 6) * (1 / 3),
      'p2 p1 p0': (3 / 6) * (2 / 3),
    }
    const chi = Object.entries(chances).reduce(
      (sum, [name, chance]) => sum + ((seen.get(name) ?? 0) - n * chance) ** 2 / (n * chance),
      0,
    )
    console.info(`weight: n=${n}, chi-square=${chi.toFixed(2)} of 35.89`)
    expect(chi).toBeLessThan(35.89)
  })
})

describe('latency', () => {
  test('the soonest first', () => {
    const times = { p0: 900, p1: 100, p2: 400 }
    expect(order(targets(1, 1, 1), { balance: 'latency', times })).toEqual({
      order: 'p1 p2 p0',
      by: 'latency',
    })
  })

  const shares = (times: Record<string, number>): Record<string, number> => {
    const random = seeded(11)
    const list = targets(1, 1, 1)
    const seen: Record<string, number> = { p0: 0, p1: 0, p2: 0 }
    for (let count = 0; count < 30_000; count++) {
      const [first = ''] = order(list, { balance: 'latency', times, random }).order.split(' ')
      seen[first] = (seen[first] ?? 0) + 1 / 30_000
    }
    return seen
  }

  test('nothing is known yet: all alike', () => {
    for (const share of Object.values(shares({}))) expect(share).toBeCloseTo(1 / 3, 1)
  })

  test('one that nothing is known of shares with the soonest, and does not take all', () => {
    const { p0 = 0, p1 = 0, p2 = 0 } = shares({ p0: 200, p1: 5_000 })
    expect([p0, p2].every((share) => share > 0.45 && share < 0.55)).toBe(true)
    expect(p1).toBe(0)
  })

  test('a hair’s breadth does not decide for all calls', () => {
    const { p0 = 0, p1 = 0, p2 = 0 } = shares({ p0: 200, p1: 202, p2: 300 })
    expect(p0).toBeGreaterThan(p1)
    expect(p1).toBeGreaterThan(0.4)
    expect(p2).toBe(0)
  })
})

describe('price', () => {
  const prices = {
    'p0/m': { input: '3', output: '15' },
    'p1/m': { input: '5', output: '5' },
    'p3/m': { input: '1', output: '1' },
    'p4/m': { input: '5', output: '5' },
  }

  test('the cheapest for a usual mix first, equals as the file has them, without a price last', () => {
    expect(order(targets(1, 1, 1, 1, 1), { balance: 'price', prices })).toEqual({
      order: 'p3 p1 p4 p0 p2',
      by: 'price',
    })
  })

  test('the same for the same list again', () => {
    const list = targets(1, 1, 1, 1)
    const once = order(list, { balance: 'price', prices })
    expect(order(list, { balance: 'price', prices })).toEqual(once)
  })
})

describe('sticky', () => {
  test('comes before weight and latency where there is a conversation', () => {
    const list = targets(1, 1, 1)
    for (const balance of ['weight', 'latency'] as const) {
      const found = new Set<string>()
      for (let count = 0; count < 50; count++) {
        const { order: seen, by } = order(list, { balance, sticky: 'session', session: 'one' })
        expect(by).toBe('sticky')
        found.add(seen)
      }
      expect(found.size).toBe(1)
      expect(order(list, { balance, sticky: 'session' }).by).toBe(balance)
    }
  })
})
