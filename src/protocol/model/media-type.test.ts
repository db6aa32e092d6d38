import { describe, expect, test } from 'bun:test'
import {
  isTextType,
  mediaKind,
  mediaTypeOfName,
  normaliseMediaType,
  plainMediaType,
  resolveMediaType,
  sniffMediaType,
} from './media-type.ts'

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')

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

  const kinds: [string, string][] = [
    ['image/png', 'image'],
    ['Audio/*', 'audio'],
    ['video/mp4', 'video'],
    ['application/pdf', 'document'],
    ['', 'document'],
  ]
  for (const [mediaType, kind] of kinds)
    test(`${mediaType} is ${kind}`, () => expect<string>(mediaKind(mediaType)).toBe(kind))

  const readable: [string, boolean][] = [
    ['text/csv', true],
    ['application/json', true],
    ['application/ld+json; charset=utf-8', true],
    ['application/x-ndjson', true],
    ['application/xml', true],
    ['application/x-yaml', true],
    ['application/pdf', false],
    ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', false],
    ['application/octet-stream', false],
  ]
  for (const [mediaType, isText] of readable)
    test(`${mediaType} is ${isText ? '' : 'not '}text`, () => expect(isTextType(mediaType)).toBe(isText))

  test('without parameters', () => {
    expect(plainMediaType('Image/JPG; name=x')).toBe('image/jpeg')
    expect(plainMediaType('text/plain')).toBe('text/plain')
  })
})
