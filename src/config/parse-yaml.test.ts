import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { parseYaml } from './parse-yaml.ts'
import { offsetOf } from './place.ts'

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

test('reads what was written', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 }),
      (data) => {
        const parsed = parseYaml(stringify(data))
        expect(parsed.faults).toEqual([])
        expect(plain(parsed.tree)).toEqual(plain(data))
      },
    ),
    { numRuns: 200, seed: 5 },
  )
})

describe('values', () => {
  const table: readonly [string, string, unknown][] = [
    [
      'keys stay as they are written',
      'a: { 1.10: x, 4000: y, true: z, null: w }',
      { a: { '1.10': 'x', '4000': 'y', true: 'z', null: 'w' } },
    ],
    ['yes and no are texts', 'a: yes\nb: no\nc: on', { a: 'yes', b: 'no', c: 'on' }],
    ['numbers', 'a: 0x10\nb: 1e3\nc: 012', { a: 16, b: 1000, c: 12 }],
    ['no merge keys', 'a: &x { p: 1 }\nb: { <<: *x }', { a: { p: 1 }, b: { '<<': { p: 1 } } }],
    ['aliases', 'a: &x [1, 2]\nb: *x', { a: [1, 2], b: [1, 2] }],
    ['an empty file', '# nothing\n', {}],
    ['JSON', '{"a": [1, "b"]}', { a: [1, 'b'] }],
  ]
  for (const [name, text, wanted] of table)
    test(name, () => {
      const parsed = parseYaml(text)
      expect(parsed.faults).toEqual([])
      expect(plain(parsed.tree)).toEqual(wanted)
    })
})

test('keys and values are found where they stand', () => {
  const text = 'a:\n  b: [1, 2]\n  "c d": &x { e: yes }\nf: *x\n'
  const { places } = parseYaml(text)
  expect(text.slice(offsetOf(places, ['a', 'b', 1], 'value'))).toStartWith('2]')
  expect(text.slice(offsetOf(places, ['a', 'c d'], 'key'))).toStartWith('"c d"')
  expect(text.slice(offsetOf(places, ['a', 'c d', 'e'], 'value'))).toStartWith('yes')
  expect(text.slice(offsetOf(places, ['f'], 'value'))).toStartWith('*x')
  // What an alias brings in is reported where the alias stands.
  expect(text.slice(offsetOf(places, ['f', 'e'], 'value'))).toStartWith('f: *x')
})

describe('files that would unfold without end', () => {
  const levels = Array.from({ length: 9 }, (_, index) =>
    index === 0
      ? 'a0: &a0 [x, x, x, x, x, x, x, x, x]'
      : `a${index}: &a${index} [${Array(9)
          .fill(`*a${index - 1}`)
          .join(', ')}]`,
  )
  const table: readonly [string, string, RegExp][] = [
    ['a billion laughs', levels.join('\n'), /at most 20000 values/],
    ['an alias to what it stands in', 'a: &a\n  b: *a\n', /at most 64 levels/],
    ['a hundred thousand brackets', '['.repeat(100_000), /.+/],
    [
      'deep blocks',
      Array.from({ length: 80 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      /at most 64 levels/,
    ],
  ]
  for (const [name, text, expected] of table)
    test(name, () => {
      const started = performance.now()
      expect(parseYaml(text).faults[0]?.expected).toMatch(expected)
      expect(performance.now() - started).toBeLessThan(3000)
    })
})

test('reserved keys are plain members', () => {
  const { tree } = parseYaml('__proto__: { polluted: 1 }\nconstructor: { prototype: { polluted: 1 } }')
  expect(Object.keys(tree as object)).toEqual(['__proto__', 'constructor'])
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})
