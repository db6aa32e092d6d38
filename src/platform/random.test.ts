import { expect, test } from 'bun:test'
import { newId } from './random.ts'

test('ids have 24 characters of base62, all of them equally often, and none comes twice', () => {
  const n = 100_000
  const seen = new Set<string>()
  const counts = new Map<string, number>()
  for (let number = 0; number < n; number += 1) {
    const id = newId()
    seen.add(id)
    for (const character of id) counts.set(character, (counts.get(character) ?? 0) + 1)
  }
  expect(seen.size).toBe(n)
  expect([...seen].every((id) => /^[0-9A-Za-z]{24}$/.test(id))).toBe(true)
  expect(counts.size).toBe(62)
  const mean = (n * 24) / 62
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0)
  console.info(`ids: n=${n}, chi-square ${chiSquare.toFixed(1)} with 61 degrees of freedom`)
  // Exceeded by chance once in ten million runs.
  expect(chiSquare).toBeLessThan(135)
})
