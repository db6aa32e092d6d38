import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  cleanBase64,
  mediaTypeOfName,
  normaliseMediaType,
  parseDataUrl,
  resolveMediaType,
  sniffMediaType,
} from './media-type.ts'

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')

describe('data URLs (protocol.md §2.4)', () => {
  const rows: { what: string; url: string; parsed: { mediaType: string; data: string } | undefined }[] = [
    { what: 'plain', url: 'data:image/png;base64,AAAA', parsed: { mediaType: 'image/png', data: 'AAAA' } },
    {
      what: 'upper case',
      url: 'DATA:IMAGE/PNG;BASE64,AAAA',
      parsed: { mediaType: 'image/png', data: 'AAAA' },
    },
    {
      what: 'parameters',
      url: 'data:text/plain;charset=utf-8;base64,aGk=',
      parsed: { mediaType: 'text/plain;charset=utf-8', data: 'aGk=' },
    },
    {
      what: 'a parameter after base64',
      url: 'data:image/png;base64;name=x.png,AAAA',
      parsed: { mediaType: 'image/png;name=x.png', data: 'AAAA' },
    },
    {
      what: 'no base64',
      url: 'data:text/plain,h%C3%A9 %zz',
      parsed: { mediaType: 'text/plain', data: base64('hé %zz') },
    },
    {
      what: 'characters that should be escaped',
      url: 'data:text/plain,天',
      parsed: { mediaType: 'text/plain', data: base64('天') },
    },
    {
      what: 'whitespace',
      url: ' data:image/png;base64, AA\r\nAA ',
      parsed: { mediaType: 'image/png', data: 'AAAA' },
    },
    {
      what: 'the URL-safe alphabet without padding',
      url: 'data:image/png;base64,-_-_-w',
      parsed: { mediaType: 'image/png', data: '+/+/+w==' },
    },
    {
      what: 'escaped padding',
      url: 'data:image/png;base64,aGk%3D',
      parsed: { mediaType: 'image/png', data: 'aGk=' },
    },
    {
      what: 'image/jpg',
      url: 'data:image/jpg;base64,AAAA',
      parsed: { mediaType: 'image/jpeg', data: 'AAAA' },
    },
    {
      what: 'no type, told by the bytes',
      url: 'data:;base64,JVBERi0xLjc=',
      parsed: { mediaType: 'application/pdf', data: 'JVBERi0xLjc=' },
    },
    {
      what: 'an empty type, told by the bytes',
      url: 'data:application/octet-stream;base64,/9j/4AA=',
      parsed: { mediaType: 'image/jpeg', data: '/9j/4AA=' },
    },
    { what: 'no type at all', url: 'data:,hi', parsed: { mediaType: 'text/plain', data: base64('hi') } },
    { what: 'no comma', url: 'data:image/png;base64', parsed: undefined },
    { what: 'another scheme', url: 'https://a.example/data:,', parsed: undefined },
    { what: 'not base64', url: 'data:image/png;base64,***', parsed: undefined },
  ]
  for (const { what, url, parsed } of rows)
    test(what, () => expect(parseDataUrl(url)).toEqual(parsed as never))

  test('property: any bytes, however they are written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const data = base64(bytes)
        const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
        expect(parseDataUrl(`data:image/png;base64,${data}`)?.data).toBe(data)
        expect(parseDataUrl(`data:image/png;base64,${Buffer.from(bytes).toString('base64url')}`)?.data).toBe(
          data,
        )
        expect(parseDataUrl(`data:image/png,${escaped}`)?.data).toBe(data)
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  test('property: text without ;base64 is UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (text) => {
        expect(parseDataUrl(`data:text/plain,${encodeURIComponent(text)}`)?.data).toBe(base64(text))
      }),
      { seed: 2, numRuns: 500 },
    )
  })
})

describe('media types', () => {
  const magic: [string, number[] | string][] = [
    ['image/png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
    ['image/jpeg', [0xff, 0xd8, 0xff, 0xe0]],
    ['image/gif', 'GIF89a'],
    ['image/webp', 'RIFF\0\0\0\0WEBPVP8 '],
    ['audio/wav', 'RIFF\0\0\0\0WAVEfmt '],
    ['video/mp4', '\0\0\0\x18ftypmp42'],
    ['image/heic', '\0\0\0\x18ftypheic'],
    ['application/pdf', '%PDF-1.7'],
    ['audio/mpeg', 'ID3\x03'],
    ['audio/ogg', 'OggS'],
  ]
  for (const [mediaType, bytes] of magic)
    test(`${mediaType} by its bytes`, () =>
      expect(sniffMediaType(base64(typeof bytes === 'string' ? bytes : Uint8Array.from(bytes)))).toBe(
        mediaType,
      ))

  test('nothing by bytes that say nothing', () => {
    expect(sniffMediaType(base64('hello'))).toBeUndefined()
    expect(sniffMediaType('')).toBeUndefined()
    expect(sniffMediaType('***')).toBeUndefined()
  })

  const names: [string, string][] = [
    ['IMAGE/JPG', 'image/jpeg'],
    ['audio/L16; rate=24000', 'audio/l16;rate=24000'],
    ['audio/x-wav', 'audio/wav'],
    ['constructor', 'constructor'],
  ]
  for (const [given, normal] of names)
    test(`${given} is ${normal}`, () => expect(normaliseMediaType(given)).toBe(normal))

  test('a declared type wins, a wildcard does not', () => {
    expect(resolveMediaType('image/png', base64('%PDF-1'))).toBe('image/png')
    expect(resolveMediaType('image/*', base64('GIF89a'))).toBe('image/gif')
    expect(resolveMediaType(undefined, base64('hello'))).toBe('application/octet-stream')
  })

  test('by name', () => {
    expect(mediaTypeOfName('https://a.example/b/x.PDF?download=1#p2')).toBe('application/pdf')
    expect(mediaTypeOfName('https://a.example/b')).toBeUndefined()
    expect(mediaTypeOfName('x.constructor')).toBeUndefined()
  })

  test('base64 is repaired or refused', () => {
    expect(cleanBase64('aGk')).toBe('aGk=')
    expect(cleanBase64('a')).toBeUndefined()
  })
})
