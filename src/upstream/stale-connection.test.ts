import { describe, expect, test } from 'bun:test'
import { rememberAnswer, wasStale } from './stale-connection.ts'

describe('a reset tells of a dead connection only when it is too quick for any work', () => {
  rememberAnswer('POST https://slow.test/v1', 900)
  rememberAnswer('POST https://slow.test/v1', 400)
  rememberAnswer('POST https://slow.test/v1', 700)
  rememberAnswer('POST http://quick.test/v1', 3)
  const cases: [string, string, string, number, boolean][] = [
    ['sooner than half of the fastest answer', 'POST https://slow.test/v1', 'ECONNRESET', 199, true],
    ['half of the fastest answer', 'POST https://slow.test/v1', 'ECONNRESET', 200, false],
    ['later', 'POST https://slow.test/v1', 'ECONNRESET', 5_000, false],
    ['another failure', 'POST https://slow.test/v1', 'ECONNREFUSED', 1, false],
    [
      'a place that never answered has no kept connection',
      'POST https://new.test/v1',
      'ECONNRESET',
      1,
      false,
    ],
    ['a place that answers too fast to tell', 'POST http://quick.test/v1', 'ECONNRESET', 0.1, false],
  ]
  for (const [name, place, code, milliseconds, expected] of cases)
    test(name, () => {
      expect(wasStale(place, code, milliseconds)).toBe(expected)
    })

  test('the number of places is bounded', () => {
    for (let number = 0; number < 5_000; number += 1) rememberAnswer(`POST https://${number}.test/`, 1_000)
    const known = Array.from({ length: 5_000 }, (_, number) =>
      wasStale(`POST https://${number}.test/`, 'ECONNRESET', 1),
    )
    expect(known.filter((is) => is).length).toBeLessThanOrEqual(1_000)
    expect(known.at(-1)).toBe(true)
  })
})
