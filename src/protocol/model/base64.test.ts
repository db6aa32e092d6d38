import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { base64OfBytes, bytesOfBase64, cleanBase64, textOfBase64 } from './base64.ts'

describe('text behind base64', () => {
  const rows: [string, string | undefined][] = [
    ['aGk=', 'hi'],
    ['aGk', 'hi'],
    ['5paH\n5a2X', '文字'],
    ['\taGk=\r\n', 'hi'],
    ['8J-Yig', '😊'],
    ['', ''],
    ['a*b', undefined],
    ['aGk天', undefined],
    ['/w==', undefined],
  ]
  for (const [data, text] of rows)
    test(JSON.stringify(data), () => {
      expect(textOfBase64(data)).toBe(text)
    })
})

describe('repaired or refused', () => {
  const rows: [string, string | undefined][] = [
    ['aGk=', 'aGk='],
    ['aGk', 'aGk='],
    [' aG\r\nk ', 'aGk='],
    ['-_8', '+/8='],
    ['aGk%3D%0A', 'aGk='],
    ['', ''],
    ['a', undefined],
    ['aaaaa===', undefined],
    ['aaaa=a==', undefined],
    ['***', undefined],
  ]
  for (const [data, clean] of rows)
    test(JSON.stringify(data), () => {
      expect(cleanBase64(data)).toBe(clean)
    })
})

test('property: bytes, there and back, in both alphabets', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const standard = Buffer.from(bytes).toString('base64')
      const urlSafe = Buffer.from(bytes).toString('base64url')
      expect(base64OfBytes(bytes)).toBe(standard)
      expect(bytesOfBase64(standard)).toEqual(bytes)
      expect(bytesOfBase64(urlSafe)).toEqual(bytes)
      expect(cleanBase64(urlSafe)).toBe(standard)
    }),
    { seed: 4, numRuns: 500 },
  )
})

test('property: text, there and back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
      expect(textOfBase64(Buffer.from(text).toString('base64'))).toBe(text)
    }),
    { seed: 5, numRuns: 500 },
  )
})
