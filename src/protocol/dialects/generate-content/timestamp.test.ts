import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { epochSeconds } from './timestamp.ts'

describe('RFC 3339 timestamps', () => {
  const rows: [string, number | undefined][] = [
    ['1970-01-01T00:00:00Z', 0],
    ['2026-05-04T20:01:02.264968Z', 1777924862],
    ['2024-02-29T23:59:59Z', 1709251199],
    ['2026-05-04T22:01:02+02:00', 1777924862],
    ['yesterday', undefined],
  ]
  for (const [timestamp, seconds] of rows)
    test(timestamp, () => expect(epochSeconds(timestamp)).toBe(seconds as number))

  test('property: agrees with the runtime', () => {
    const date = fc.date({ min: new Date('1970-01-01'), max: new Date('2199-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(
        date,
        (moment) => epochSeconds(moment.toISOString()) === Math.floor(moment.getTime() / 1000),
      ),
      { seed: 11, numRuns: 1000 },
    )
  })
})
