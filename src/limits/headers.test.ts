import { expect, test } from 'bun:test'
import { duration } from './headers.ts'

const cases: readonly (readonly [number, string])[] = [
  [0, '0ms'],
  [0.2, '1ms'],
  [350, '350ms'],
  [1_000, '1s'],
  [1_001, '2s'],
  [60_000, '1m'],
  [60_001, '1m1s'],
  [3_600_000, '1h'],
  [86_399_500, '24h'],
]

for (const [milliseconds, text] of cases)
  test(`${milliseconds} ms are ${text}, never less than they are`, () => {
    expect(duration(milliseconds)).toBe(text)
  })
