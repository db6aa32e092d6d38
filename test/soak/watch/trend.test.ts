import { describe, expect, test } from 'bun:test'
import { random } from '../../rig/http/deliver.ts'
import { trendOf } from './trend.ts'

const SEED = 20_261_125
const next = random(SEED)
const normal = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())

/** Samples of which each keeps a part of the one before, around a line. */
function series(length: number, persistence: number, slope: number): number[] {
  let noise = normal() / Math.sqrt(1 - persistence ** 2)
  return Array.from({ length }, (_, at) => {
    noise = persistence * noise + normal()
    return 100 + slope * at + noise
  })
}

const times = (length: number): number[] => Array.from({ length }, (_, at) => at)

/** Share of the intervals that hold the true slope. */
function coverage(length: number, persistence: number, slope: number, rounds: number): number {
  let hits = 0
  for (let round = 0; round < rounds; round += 1) {
    const found = trendOf(times(length), series(length, persistence, slope))
    if (Math.abs(found.slope - slope) <= found.margin) hits += 1
  }
  return hits / rounds
}

describe('trend', () => {
  test('of a straight line is that line', () => {
    const { slope, margin } = trendOf(
      times(50),
      times(50).map((at) => 7 + 3 * at),
    )
    expect(slope).toBeCloseTo(3, 10)
    expect(margin).toBeLessThan(1e-6)
  })

  test('of too few samples says nothing', () => {
    const { slope, margin } = trendOf([1, 2], [1, 2])
    expect([slope, margin]).toEqual([Number.NaN, Number.POSITIVE_INFINITY])
  })

  test.each([
    { persistence: 0, least: 0.9 },
    { persistence: 0.5, least: 0.9 },
    { persistence: 0.9, least: 0.88 },
    { persistence: 0.97, least: 0.82 },
  ])('its interval holds the true slope with a persistence of $persistence', ({ persistence, least }) => {
    const shares = [0, 0.05].map((slope) => coverage(600, persistence, slope, 1_000))
    console.info(`trend: persistence ${persistence}, intervals that hold: ${shares.join(', ')}`)
    for (const share of shares) expect(share).toBeGreaterThan(least)
  })

  test('sees a leak that is small in the noise', () => {
    const found = trendOf(times(1_500), series(1_500, 0.9, 0.02))
    expect(found.slope - found.margin).toBeGreaterThan(0)
  })
})
