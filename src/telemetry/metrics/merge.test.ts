import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Family, Gather, Sample } from './family.ts'
import { merge, retire } from './merge.ts'

const family = (name: string, type: Family['type'], gather: Gather, samples: Sample[]): Family => ({
  name,
  type,
  labels: ['model'],
  help: 'h',
  gather,
  samples,
})

const workers = (...values: (readonly Sample[])[]) => ({
  as: (type: Family['type'], gather: Gather) =>
    merge(
      values.map((samples, index) => ({
        worker: String(index),
        families: [family('f', type, gather, [...samples])],
      })),
    )[0],
})

const one = (value: number, label = 'm'): Sample => ({ labels: [label], value })

describe('gauges', () => {
  test.each([
    ['sum', 12],
    ['max', 9],
    ['min', 1],
  ] as const)('%s', (gather, value) => {
    expect(workers([one(2)], [one(9)], [one(1)]).as('gauge', gather)?.samples).toEqual([one(value)])
  })

  test('those of a worker stay apart', () => {
    const merged = workers([one(2)], [one(9)]).as('gauge', 'worker')
    expect(merged?.labels).toEqual(['model', 'worker'])
    expect(merged?.samples).toEqual([
      { labels: ['m', '0'], value: 2 },
      { labels: ['m', '1'], value: 9 },
    ])
  })
})

test('what only one worker has stands as it is, in the order it was met', () => {
  const merged = merge([
    { worker: '0', families: [family('a', 'counter', 'sum', [one(1)])] },
    {
      worker: '1',
      families: [family('a', 'counter', 'sum', [one(2, 'n')]), family('b', 'gauge', 'sum', [one(3)])],
    },
  ])
  expect(merged.map(({ name, samples }) => [name, samples])).toEqual([
    ['a', [one(1), one(2, 'n')]],
    ['b', [one(3)]],
  ])
})

const sample = fc.record({
  labels: fc.tuple(fc.constantFrom('a', 'b', 'other')),
  value: fc.nat(1_000),
  counts: fc.tuple(fc.nat(100), fc.nat(100), fc.nat(100)),
})
const histograms = fc
  .uniqueArray(sample, { selector: ({ labels }) => labels[0], maxLength: 3 })
  .map((samples) => family('h', 'histogram', 'sum', samples as Sample[]))

test('histograms are added bucket by bucket; nothing is lost and nothing is counted twice', () => {
  fc.assert(
    fc.property(fc.array(histograms, { maxLength: 5 }), (families) => {
      const merged = merge(families.map((each, index) => ({ worker: String(index), families: [each] })))
      for (const label of ['a', 'b', 'other']) {
        const all = families.flatMap(({ samples }) => samples.filter(({ labels }) => labels[0] === label))
        const found = merged[0]?.samples.find(({ labels }) => labels[0] === label)
        expect(found?.value ?? 0).toBe(all.reduce((sum, { value }) => sum + value, 0))
        for (const bucket of [0, 1, 2])
          expect(found?.counts?.[bucket] ?? 0).toBe(
            all.reduce((sum, { counts }) => sum + (counts?.[bucket] ?? 0), 0),
          )
      }
      // Merging changes nothing of what it was given.
      expect(merge([{ worker: '0', families: merged }])).toEqual(merged)
    }),
  )
})

test('counters never fall when workers come and go', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('count' as const), worker: fc.nat(3), amount: fc.nat(10) }),
    fc.record({ type: fc.constant('die' as const), worker: fc.nat(3) }),
    fc.constant({ type: 'scrape' as const }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const values = [0, 0, 0, 0]
      const seen: Family[][] = [[], [], [], []]
      let retired: Family[] = []
      let before = 0
      for (const act of steps)
        if (act.type === 'count') values[act.worker] = (values[act.worker] ?? 0) + act.amount
        else if (act.type === 'die') {
          // The last word of a worker is what it said at the last scrape.
          retired = retire(retired, seen[act.worker] ?? [])
          seen[act.worker] = []
          values[act.worker] = 0
        } else {
          for (const [worker, value] of values.entries())
            seen[worker] = [
              family('c', 'counter', 'sum', [one(value)]),
              family('g', 'gauge', 'sum', [one(value)]),
              family('p', 'counter', 'worker', [one(value)]),
            ]
          const all = seen.map((families, worker) => ({ worker: String(worker), families }))
          const [total, gauge, apart] = merge(all, retired)
          expect(total?.samples[0]?.value).toBeGreaterThanOrEqual(before)
          before = total?.samples[0]?.value ?? 0
          expect(gauge?.samples[0]?.value).toBe(values.reduce((sum, value) => sum + value, 0))
          expect(apart?.samples).toHaveLength(4)
        }
    }),
  )
})
