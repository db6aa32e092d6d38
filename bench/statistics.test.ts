import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { median, pairedRatios, percentile, quartiles } from './statistics.ts'

describe('percentile takes the nearest rank', () => {
  const ten = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
  for (const [rank, expected] of [
    [0, 1],
    [0.1, 1],
    [0.5, 5],
    [0.51, 6],
    [0.99, 10],
    [1, 10],
  ] as const)
    test(`${rank} of 1…10 is ${expected}`, () => expect(percentile(ten, rank)).toBe(expected))
  test('of nothing is not a number', () => expect(percentile([], 0.5)).toBeNaN())
})

describe('median', () => {
  for (const [samples, expected] of [
    [[3], 3],
    [[1, 9], 5],
    [[9, 1, 2], 2],
    [[4, 1, 3, 2], 2.5],
  ] as const)
    test(`of ${samples} is ${expected}`, () => expect(median(samples)).toBe(expected))
  test('of nothing is not a number', () => expect(median([])).toBeNaN())
})

test('the median lies between the quartiles, whatever the samples', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 40 }),
      (samples) => {
        const { low, high } = quartiles(samples)
        expect(low).toBeLessThanOrEqual(median(samples))
        expect(high).toBeGreaterThanOrEqual(median(samples))
      },
    ),
    { seed: 7, numRuns: 300 },
  )
})

test('ratios pair the rounds, and a round that one side lacks is left out', () => {
  expect(pairedRatios([10, 30, 9], [5, 10])).toEqual([2, 3])
  expect(pairedRatios([1], [0])).toEqual([])
})
