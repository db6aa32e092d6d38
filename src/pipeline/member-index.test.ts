import { expect, test } from 'bun:test'
import { MemberIndex } from './member-index.ts'

/** An index over keys that stand one behind the other; the value of the n-th is said to stand at n. */
function indexOf(...keys: readonly string[]): MemberIndex {
  const bytes = Buffer.from(keys.map((key) => `"${key}"`).join(''))
  const index = new MemberIndex(bytes)
  let at = 0
  for (const [number, key] of keys.entries()) {
    const length = Buffer.byteLength(key)
    index.note(at + 1, at + 1 + length, number, number + 1)
    at += length + 2
  }
  return index
}

test('more members than there was room for at first', () => {
  const keys = Array.from({ length: 1_000 }, (_, number) => `k${number}`)
  const index = indexOf(...keys)
  expect(index.size).toBe(1_000)
  for (const [number, key] of keys.entries())
    expect(index.get(key)).toEqual({ start: number, end: number + 1 })
  expect(index.has('k')).toBe(false)
  expect(index.has('k1000')).toBe(false)
})

test.each([
  ['an escape', 'm\\u006fdel', 'model'],
  ['an escape first', '\\u006dodel', 'model'],
  ['a quote', 'a\\"b', 'a"b'],
  ['a backslash', 'a\\\\', 'a\\'],
  ['half a character', '\\ud83d', '\ud83d'],
  ['a whole one in two halves', '\\ud83d\\ude80', '🚀'],
  ['several bytes', '键', '键'],
  ['nothing', '', ''],
])('a key with %s', (_, spelled, name) => {
  expect(indexOf('a', spelled, 'z').get(name)).toEqual({ start: 1, end: 2 })
  expect(indexOf('a', spelled, 'z').get(`${name}x`)).toBeUndefined()
})

test('a repeated key, spelled in several ways: the last one, and those before it in order', () => {
  const index = indexOf('m', 'other', '\\u006d', 'm')
  expect(index.get('m')).toEqual({
    start: 3,
    end: 4,
    earlier: [
      { start: 0, end: 1 },
      { start: 2, end: 3 },
    ],
  })
  expect(index.size).toBe(4)
})

test('a key that is no JSON string has no name', () => {
  expect(indexOf('a\\x').has('a\\x')).toBe(false)
  expect(indexOf('a\\x').has('ax')).toBe(false)
})
