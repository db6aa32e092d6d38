import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { canonicalJson } from './canonical-json.ts'

describe('ways to write one value', () => {
  const equal: [string, string][] = [
    ['{"a":1,"b":2}', ' { "b" : 2 ,\r\n\t"a":1 } '],
    ['{"a":{"c":[],"b":{}}}', '{"a":{"b":{},"c":[]}}'],
    ['1', '1.0'],
    ['1', '10e-1'],
    ['100', '1E+2'],
    ['0.1', '1e-1'],
    ['0', '-0'],
    ['0', '0.000e99999999999999999999'],
    ['-15e-1', '-1.50'],
    ['1e5', '1e0000000000000000000005'],
    ['"a/é"', '"\\u0061\\/\\u00e9"'],
    ['"\\n\\u0001\\""', '"\\u000a\\u0001\\u0022"'],
    ['"\\ud83d\\ude00"', '"😀"'],
    ['{"\\u0061":1}', '{"a":1}'],
    ['{"__proto__":1,"a":2}', '{"a":2,"__proto__":1}'],
  ]
  test.each(equal)('%s is %s', (one, other) => expect(canonicalJson(one)).toBe(canonicalJson(other)))

  const unequal: [string, string][] = [
    ['1', '"1"'],
    ['9007199254740993', '9007199254740992'],
    ['12345678901234567890123', '12345678901234567890124'],
    ['0.1000000000000000055511151231257827', '0.1'],
    ['1e400', '1e401'],
    ['1e99999999999999999999', '1e99999999999999999998'],
    ['1', '-1'],
    ['10', '1'],
    ['true', '"true"'],
    ['null', '0'],
    ['{}', '[]'],
    ['{}', '{"a":null}'],
    ['[1,2]', '[2,1]'],
    ['[[1],2]', '[[1,2]]'],
    ['[12]', '[1,2]'],
    ['"a"', '"a "'],
    ['"\\ud800"', '"\\ud801"'],
    ['"\\\\u0061"', '"\\u0061"'],
    ['{"a":1,"a":2}', '{"a":2}'],
    ['{"a":1,"a":2}', '{"a":2,"a":1}'],
    ['{"a":"b,\\"c\\":1"}', '{"a":"b","c":1}'],
  ]
  test.each(unequal)('%s is not %s', (one, other) =>
    expect(canonicalJson(one)).not.toBe(canonicalJson(other)),
  )
})

test('whatever is written, it means what was read', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      expect(JSON.parse(canonicalJson(text))).toEqual(JSON.parse(JSON.stringify(JSON.parse(text))))
    }),
    { numRuns: 5_000, seed: 12 },
  )
})

test.each(['', '{', '[1', '{"a"', '"a', '{"a":1 "b":2}', 'x', '[1 2]'])('%j is no JSON', (text) => {
  expect(() => canonicalJson(text)).toThrow(SyntaxError)
})

/** Time per character stays the same when a hostile text grows sixteenfold, within what a busy machine varies. */
test.each([
  ['zeros', (n: number) => `[1${'0'.repeat(n)}1]`],
  ['fractions', (n: number) => `[0.${'0'.repeat(n)}1${'0'.repeat(n)}]`],
  ['exponents', (n: number) => `[1e${'9'.repeat(n)}]`],
  ['backslashes', (n: number) => `["${'\\\\'.repeat(n)}"]`],
  ['quotes', (n: number) => `["${'\\"'.repeat(n)}"]`],
  ['members', (n: number) => `{${Array.from({ length: n / 8 }, (_, at) => `"k${at}":0`).join(',')}}`],
])('%s take linear time', (_, text) => {
  const small = text(20_000)
  const large = text(320_000)
  const best = (written: string): number =>
    Math.min(
      ...Array.from({ length: 5 }, () => {
        const from = performance.now()
        canonicalJson(written)
        return performance.now() - from
      }),
    )
  best(small)
  expect(best(large)).toBeLessThan(Math.max(5, 16 * 8 * best(small)))
})
