import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { editDistance, nearest } from './nearest.ts'

describe('edit distance', () => {
  const table: readonly [string, string, number][] = [
    ['', '', 0],
    ['port', 'port', 0],
    ['prot', 'port', 1],
    ['openai', 'openia', 1],
    ['mistral', 'mistrall', 1],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
  ]
  for (const [from, to, distance] of table)
    test(`${from || 'nothing'} → ${to || 'nothing'} is ${distance}`, () =>
      expect(editDistance(from, to)).toBe(distance))

  test('is the same both ways, and never more than the longer word', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
        const distance = editDistance(one, other)
        expect(distance).toBe(editDistance(other, one))
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length))
        expect(distance === 0).toBe(one === other)
      }),
      { numRuns: 200, seed: 1 },
    )
  })
})

describe('nearest name', () => {
  const table: readonly [string, readonly string[], string | undefined][] = [
    ['OpenRoutr', ['OpenAI', 'OpenRouter'], 'OpenRouter'],
    ['maxRetries', ['backoff_ms', 'max_retries'], 'max_retries'],
    ['MAX-RETRIES', ['backoff_ms', 'max_retries'], 'max_retries'],
    ['information', ['trace', 'info'], 'info'],
    ['total_seconds', ['connect_ms', 'total_ms'], 'total_ms'],
    ['gpt-4o-mini', ['claude-sonnet-4.5', 'gpt-4o'], 'gpt-4o'],
    ['weather', ['server', 'limits'], undefined],
    ['x'.repeat(10_000), ['x'], undefined],
    ['anything', [], undefined],
  ]
  for (const [word, names, wanted] of table)
    test(`${word.slice(0, 20)} among ${names.join(', ') || 'none'}`, () =>
      expect(nearest(word, names)[0]).toBe(wanted))

  test('gives no more than asked for, best first', () => {
    expect(nearest('gpt-5', ['gpt-5-mini', 'gpt-4', 'gpt-5.5', 'claude'], 2)).toEqual(['gpt-4', 'gpt-5.5'])
  })
})
