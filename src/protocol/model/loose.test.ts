import { describe, expect, test } from 'bun:test'
import type { Json, JsonObject } from './json.ts'
import { collect, countOf, defined, numberOf, objectOf, objectsOf, textOf } from './loose.ts'

describe('numbers and counts', () => {
  const rows: [Json | undefined, number | undefined, number | undefined][] = [
    [3, 3, 3],
    [0, 0, 0],
    [-1, -1, 0],
    [-0.4, -0.4, 0],
    [10.5, 10.5, 11],
    ['3.2', 3.2, 3],
    [1e300, 1e300, undefined],
    ['42', 42, 42],
    [' ', undefined, undefined],
    ['many', undefined, undefined],
    ['Infinity', undefined, undefined],
    [null, undefined, undefined],
    [true, undefined, undefined],
    [[1], undefined, undefined],
    [undefined, undefined, undefined],
  ]
  for (const [value, number, count] of rows)
    test(JSON.stringify(value) ?? 'nothing', () => {
      expect(numberOf(value)).toBe(number as number)
      expect(countOf(value)).toBe(count as number)
    })
})

test('a value of the wrong type is treated as absent', () => {
  expect([textOf('a'), textOf(1), textOf(null), textOf(undefined)]).toEqual(['a', '', '', ''])
  expect([objectOf({ a: 1 }), objectOf([]), objectOf(null)]).toEqual([{ a: 1 }, undefined, undefined])
  expect([objectsOf([{ a: 1 }, 2, null]), objectsOf({}), objectsOf(undefined)]).toEqual([[{ a: 1 }], [], []])
})

test('absent means absent', () => {
  expect(Object.keys(defined({ a: undefined, b: null, c: 0 }))).toEqual(['b', 'c'])
})

test('null and empty values never hide what is there', () => {
  const target: JsonObject = { a: 'kept', d: {} }
  collect({ a: '', b: null, c: '', d: { e: 1 }, known: 1 }, new Set(['known']), target)
  expect(target).toEqual({ a: 'kept', c: '', d: { e: 1 } })
})
