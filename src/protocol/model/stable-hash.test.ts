import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { legalName, type NameRule, stableHash } from './stable-hash.ts'

describe('hash', () => {
  const pinned: [string, number, string][] = [
    ['', 8, 'ziHYRKUQ'],
    ['a.b', 8, '6SceUAXP'],
    ['toolu_1', 24, 'q6tmQCjNK8dwDNsMUb6oDxU7'],
    ['天気', 9, '99KkXOpbi'],
  ]
  for (const [text, length, hash] of pinned)
    test(`of ${JSON.stringify(text)} never changes`, () => expect(stableHash(text, length)).toBe(hash))

  test('similar texts are told apart', () => {
    const many = new Set(Array.from({ length: 5000 }, (_, index) => stableHash(`toolu_${index}`, 9)))
    expect(many.size).toBe(5000)
  })

  test('a longer hash begins with the shorter one', () => {
    expect(stableHash('a.b', 24).startsWith(stableHash('a.b', 8))).toBe(true)
  })
})

describe('names', () => {
  const short: NameRule = { legal: /^[a-z_]{1,12}$/, illegal: /[^a-z_]/g, longest: 12 }
  const rule: NameRule = {
    legal: /^[A-Za-z_][A-Za-z0-9_.]{0,127}$/,
    illegal: /[^A-Za-z0-9_.]/gu,
    first: /^[A-Za-z_]/,
    longest: 128,
  }
  const rows: [NameRule, string, string][] = [
    [short, 'get_weather', 'get_weather'],
    [rule, 'a.b', 'a.b'],
    [rule, '1a', '_1a_umUcGP9z'],
    [rule, 'a b', 'a_b_NwZy6Xoc'],
    [rule, '😀', '__bu97TtJ6'],
  ]
  for (const [given, name, legal] of rows)
    test(`${name} → ${legal}`, () => expect(legalName(name, given)).toBe(legal))

  test('property: legal, the same for the same name, different for different names', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.constantFrom('', 'a b', 'a_b', '1a', '天気'),
    )
    fc.assert(
      fc.property(name, name, (first, second) => {
        expect(legalName(first, rule)).toMatch(rule.legal)
        expect(legalName(first, rule) === legalName(second, rule)).toBe(first === second)
      }),
      { seed: 3, numRuns: 1000 },
    )
  })
})
