import { describe, expect, test } from 'bun:test'
import { duration, retryAfter } from './retry-after.ts'

describe('seconds to wait', () => {
  const rows: [Record<string, string>, number | undefined][] = [
    [{ 'retry-after': '13' }, 13],
    [{ 'retry-after': ' 0.5 ' }, 0.5],
    [{ 'retry-after-ms': '1500', 'retry-after': '2' }, 1.5],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT' }, undefined],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:27:30 GMT' }, 30],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:29:00 GMT' }, 0],
    [{ 'retry-after': 'Wed, 21 Oct 3026 07:28:00 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' }, 31_536_000],
    [{ 'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT', date: 'today' }, undefined],
    [{ 'retry-after': '13s' }, 13],
    [{ 'retry-after': '5, 20' }, 20],
    [{ 'retry-after': '5, soon' }, undefined],
    [{ 'retry-after': '9'.repeat(400) }, 31_536_000],
    [{ 'retry-after': '-1' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{}, undefined],
  ]
  for (const [headers, seconds] of rows)
    test(JSON.stringify(headers), () =>
      expect(retryAfter((name) => headers[name] ?? null)).toBe(seconds as number),
    )
})

describe('durations', () => {
  const rows: [string, number | undefined][] = [
    ['6m0s', 360],
    ['1h2m3s', 3723],
    ['1.5s', 1.5],
    ['13s', 13],
    ['20ms', 0.02],
    ['soon', undefined],
    ['', undefined],
  ]
  for (const [text, seconds] of rows)
    test(JSON.stringify(text), () => expect(duration(text)).toBe(seconds as number))
})
