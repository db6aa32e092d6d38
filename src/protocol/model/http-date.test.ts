import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { httpDate } from './http-date.ts'

describe('dates of headers', () => {
  const rows: [string, number | undefined][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784_111_777],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784_111_777],
    ['Sun Nov  6 08:49:37 1994', 784_111_777],
    [' thu, 01 jan 1970 00:00:00 utc ', 0],
    ['Thu, 29 Feb 2024 12:00:00 GMT', 1_709_208_000],
    ['Friday, 01-Jan-27 00:00:00 GMT', 1_798_761_600],
    ['Sun, 06 Nov 1994 08:49:37 +0100', undefined],
    ['Sun, 06 Non 1994 08:49:37 GMT', undefined],
    ['Sun, 32 Nov 1994 08:49:37 GMT', undefined],
    ['Sun, 06 Nov 1994 24:49:37 GMT', undefined],
    ['1994-11-06T08:49:37Z', undefined],
    ['784111777', undefined],
    ['', undefined],
  ]
  for (const [text, seconds] of rows)
    test(JSON.stringify(text), () => expect(httpDate(text)).toBe(seconds as number))

  test('any second of the years 1970 to 9999 is read as the runtime writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(httpDate(new Date(seconds * 1_000).toUTCString())).toBe(seconds)
      }),
    )
  })
})
