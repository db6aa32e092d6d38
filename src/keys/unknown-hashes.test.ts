import { expect, test } from 'bun:test'
import { UnknownHashes } from './unknown-hashes.ts'

test('a hash is unknown for ten seconds', () => {
  let now = 0
  const unknown = new UnknownHashes(() => now)
  expect(unknown.has('a')).toBe(false)
  unknown.add('a')
  now = 9_999
  expect(unknown.has('a')).toBe(true)
  now = 10_000
  expect(unknown.has('a')).toBe(false)
  expect(unknown.size).toBe(0)
})

test('not more than 10,000 are remembered, the newest', () => {
  const unknown = new UnknownHashes(() => 0)
  for (let count = 0; count < 25_000; count++) unknown.add(`hash ${count}`)
  expect(unknown.size).toBe(10_000)
  expect(unknown.has('hash 24999')).toBe(true)
  expect(unknown.has('hash 14999')).toBe(false)
})
