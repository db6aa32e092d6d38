import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Definition } from './family.ts'
import { Registry } from './registry.ts'

const requests = {
  name: 'r_total',
  type: 'counter',
  labels: ['model', 'status'],
  help: 'h',
  gather: 'sum',
} as const
const waits = {
  name: 'w_seconds',
  type: 'histogram',
  labels: ['model'],
  help: 'h',
  gather: 'sum',
  bounds: [0.1, 1, 10],
} as const
const depth: Definition<readonly []> = { name: 'd', type: 'gauge', labels: [], help: 'h', gather: 'sum' }
const limits = { counterSeries: 3, histogramSeries: 2 }

describe('counters', () => {
  test('a child for each combination, and the same one each time', () => {
    const registry = new Registry(() => 0)
    const counter = registry.counter(requests)
    counter.of('a', '200').add()
    counter.of('a', '500').add(2)
    counter.of('a', '200').add()
    expect(counter.of('a', '200')).toBe(counter.of('a', '200'))
    expect(registry.collect()).toEqual([
      {
        ...requests,
        samples: [
          { labels: ['a', '200'], value: 2 },
          { labels: ['a', '500'], value: 2 },
        ],
      },
    ])
  })

  test('combinations without room share one that is all other; nothing is lost', () => {
    const registry = new Registry(() => 0, limits)
    const counter = registry.counter(requests)
    for (let index = 0; index < 1_000; index += 1) counter.of(`m${index}`, '200').add()
    const samples = registry.collect()[0]?.samples ?? []
    expect(samples.map(({ labels }) => labels.join())).toEqual(['m0,200', 'm1,200', 'm2,200', 'other,other'])
    expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(1_000)
  })

  test('label values never run into each other', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 50 }), (pairs) => {
        const counter = new Registry(() => 0).counter(requests)
        const counts = new Map<string, number>()
        for (const [model, status] of pairs) {
          counter.of(model, status).add()
          const name = JSON.stringify([model, status])
          counts.set(name, (counts.get(name) ?? 0) + 1)
        }
        const found = counter.samples().map(({ labels, value }) => [JSON.stringify(labels), value] as const)
        expect(new Map(found)).toEqual(counts)
      }),
      { numRuns: 500 },
    )
  })

  test('one without labels reads 0 from the start', () => {
    const registry = new Registry(() => 0)
    registry.counter({ ...requests, labels: [] } as const)
    expect(registry.collect()[0]?.samples).toEqual([{ labels: [], value: 0 }])
  })
})

describe('histograms', () => {
  test('an observation on a bound belongs below it; what is above all has its own bucket', () => {
    const registry = new Registry(() => 0)
    const histogram = registry.histogram(waits).of('a')
    for (const value of [0, 0.1, 0.100001, 1, 9.99, 10, 11, 1e9]) histogram.observe(value)
    expect(registry.collect()[0]?.samples[0]?.counts).toEqual([2, 2, 2, 2])
  })

  test('what is no number is left out, and a clock that was set back counts as nothing passed', () => {
    const histogram = new Registry(() => 0).histogram(waits).of('a')
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -5]) histogram.observe(value)
    expect([histogram.counts, histogram.sum]).toEqual([[1, 0, 0, 0], 0])
  })

  test('every observation is in the one bucket it belongs to, whatever the sizes', () => {
    const bounds = waits.bounds
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        const histogram = new Registry(() => 0).histogram(waits).of('a')
        for (const value of values) histogram.observe(value)
        const below = [...bounds, Number.POSITIVE_INFINITY].map(
          (bound) => values.filter((value) => value <= bound).length,
        )
        let count = 0
        expect(histogram.counts.map((one) => (count += one))).toEqual(below)
      }),
    )
  })
})

describe('what is kept elsewhere', () => {
  test('is read with every collect, and left out and counted when it cannot be', () => {
    const registry = new Registry(() => 0)
    let value = 1
    registry.watch(depth, () => {
      if (value === 2) throw new Error('not now')
      return [[[], value]]
    })
    expect(registry.collect()[0]?.samples[0]?.value).toBe(1)
    value = 2
    expect([registry.collect(), registry.readErrors]).toEqual([[], 1])
    value = 3
    expect(registry.collect()[0]?.samples[0]?.value).toBe(3)
  })

  test('has no more samples than there is room for, and none that is no number', () => {
    const registry = new Registry(() => 0, limits)
    const many = { ...requests, type: 'gauge', labels: ['model'] } as const
    registry.watch(many, () => [
      [['none'], Number.NaN],
      ...Array.from({ length: 10 }, (_, index) => [[`m${index}`], index] as const),
    ])
    expect(registry.collect()[0]?.samples.map(({ value }) => value)).toEqual([0, 1, 2])
  })
})
