import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { wireToolName } from './names.ts'

const LEGAL = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/

describe('function names', () => {
  for (const name of ['f', '_x', 'a.b:c-d', 'x'.repeat(128)])
    test(`${name.slice(0, 12)} stays`, () => expect(wireToolName(name)).toBe(name))

  test('property: legal, the same for the same name, different for different names', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
      fc.constantFrom('a b', 'a_b', '1a', '天気'),
    )
    fc.assert(
      fc.property(name, name, (first, second) => {
        expect(wireToolName(first)).toMatch(LEGAL)
        expect(wireToolName(first) === wireToolName(second)).toBe(first === second)
      }),
      { seed: 3, numRuns: 2000 },
    )
  })
})
