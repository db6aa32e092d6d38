import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseJson } from './parse-json.ts'
import { offsetOf } from './place.ts'

/** What `JSON.parse` says, which keeps the last of two equal keys where we report them. */
function native(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

describe('reads exactly what JSON.parse reads', () => {
  test('documents', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const parsed = parseJson(text)
        expect(parsed.faults).toEqual([])
        expect(plain(parsed.tree)).toEqual(plain(JSON.parse(text)))
      }),
      { numRuns: 300, seed: 3 },
    )
  })

  test('documents with one character changed', () => {
    const edit = fc.tuple(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom(...'{}[]",:0 1e.-\\tu\n\u0001x'),
    )
    let refused = 0
    fc.assert(
      fc.property(edit, ([text, at, character]) => {
        const index = at % text.length
        const changed = text.slice(0, index) + character + text.slice(index + 1)
        const wanted = native(changed)
        const parsed = parseJson(changed)
        const isTwice = parsed.faults.some((fault) => fault.expected === 'each key once')
        if (wanted === undefined) refused += 1
        if (!isTwice) expect(parsed.faults.length === 0).toBe(wanted !== undefined)
        if (!isTwice && wanted) expect(plain(parsed.tree)).toEqual(plain(wanted.value))
      }),
      { numRuns: 1000, seed: 4 },
    )
    expect(refused).toBeGreaterThan(100)
  })
})

test('keys and values are found where they stand', () => {
  const text = '{ "a": [1, {"b\\n": true}],\n  "c": "x" }'
  const { places } = parseJson(text)
  expect(text.slice(offsetOf(places, ['a', 1, 'b\n'], 'key'))).toStartWith('"b\\n"')
  expect(text.slice(offsetOf(places, ['a', 1, 'b\n'], 'value'))).toStartWith('true')
  expect(text.slice(offsetOf(places, ['a', 1], 'value'))).toStartWith('{"b')
  expect(text.slice(offsetOf(places, ['c'], 'value'))).toStartWith('"x"')
})

test('reserved keys are plain members', () => {
  const { tree } = parseJson('{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}')
  expect(Object.keys(tree as object)).toEqual(['__proto__', 'constructor'])
  expect(Object.getPrototypeOf(tree)).toBeNull()
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})

test('deep nesting is refused, not followed', () => {
  expect(parseJson('['.repeat(100_000)).faults[0]?.expected).toBe('at most 64 levels')
})
