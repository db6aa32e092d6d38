import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { dollarsFromNumber, formatDollars, parseDollars } from './money.ts'

describe('dollars', () => {
  test.each([
    ['0', 0n],
    ['0.000000000001', 1n],
    ['12.5', 12_500_000_000_000n],
    ['-1.25', -1_250_000_000_000n],
    ['999999999', 999_999_999_000_000_000_000n],
  ])('%s is %p picodollars and back', (text, amount) => {
    expect(parseDollars(text)).toBe(amount)
    expect(formatDollars(amount)).toBe(text)
  })

  test.each(['', '.5', '1.', '1e3', '+1', '1.0000000000001', ' 1', '1,5', 'NaN', '0x1'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseDollars(text)).toThrow(RangeError)
    },
  )

  test('every amount survives being written and read', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (amount) => {
        expect(parseDollars(formatDollars(amount))).toBe(amount)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('amounts that upstreams write as JSON numbers', () => {
  test.each([
    [0, 0n],
    [0.00014175, 141_750_000n],
    [1.2e-7, 120_000n],
    [4.9e-13, 0n],
    [5e-13, 1n],
    [3, 3_000_000_000_000n],
    [0.1 + 0.2, 300_000_000_000n],
    [5e-324, 0n],
  ])('%p', (number, amount) => {
    expect(dollarsFromNumber(number)).toBe(amount)
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1e10, '0.5', null, undefined, {}])(
    '%p is no amount',
    (value) => {
      expect(dollarsFromNumber(value)).toBeUndefined()
    },
  )

  test('is within half a picodollar of what the number says', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (number) => {
        const amount = dollarsFromNumber(number) ?? -1n
        expect(Math.abs(Number(amount) / 1e12 - number)).toBeLessThanOrEqual(1e-12 + number * 1e-15)
      }),
      { numRuns: 5_000 },
    )
  })
})
