import { expect, test } from 'bun:test'
import { periodOf } from './period.ts'
import type { Period } from './rule.ts'

const cases: readonly (readonly [Period, string, string, string])[] = [
  ['day', '2026-11-21T23:59:59.999Z', '2026-11-21', '2026-11-22'],
  ['day', '2024-02-29T00:00:00.000Z', '2024-02-29', '2024-03-01'],
  ['week', '2026-11-22T12:00:00.000Z', '2026-11-16', '2026-11-23'],
  ['week', '2026-11-23T00:00:00.000Z', '2026-11-23', '2026-11-30'],
  ['week', '2027-01-01T08:00:00.000Z', '2026-12-28', '2027-01-04'],
  ['month', '2026-12-31T23:00:00.000Z', '2026-12-01', '2027-01-01'],
  ['month', '2024-02-29T12:00:00.000Z', '2024-02-01', '2024-03-01'],
]

for (const [period, moment, from, until] of cases)
  test(`the ${period} of ${moment}`, () => {
    const bounds = periodOf(period, Date.parse(moment))
    expect([bounds.from, bounds.until].map((time) => new Date(time).toISOString())).toEqual(
      [from, until].map((date) => `${date}T00:00:00.000Z`),
    )
  })
