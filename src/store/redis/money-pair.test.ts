import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { fromPair, toPair } from './money-pair.ts'

test('an amount survives, and both parts are exact numbers', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 26n }), (amount) => {
      const [dollars, picodollars] = toPair(amount)
      expect(fromPair(dollars, picodollars)).toBe(amount)
      expect(Number.isSafeInteger(Number(dollars)) && Number(picodollars) < 1e12).toBe(true)
    }),
  )
})
