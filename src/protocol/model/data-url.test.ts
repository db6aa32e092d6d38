import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { MediaSource } from './block.ts'
import { mediaSource, parseDataUrl, urlOfSource } from './data-url.ts'

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
      what: 'a parameter after base64, which does not say how the bytes are read',
      url: 'data:image/png;base64;name=x.png,AAAA',
      parsed: { mediaType: 'image/png', data: 'AAAA' },
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
    {
      what: 'no type, but a parameter',
      url: 'data:;charset=utf-8,hi',
      parsed: { mediaType: 'text/plain', data: base64('hi') },
    },
    {
      what: 'no type, bytes that say nothing',
      url: 'data:base64,AAAA',
      parsed: { mediaType: 'text/plain', data: 'AAAA' },
    },
    {
      what: 'a word that is no type',
      url: 'data:png;base64,AAAA',
      parsed: { mediaType: 'application/octet-stream', data: 'AAAA' },
    },
    {
      what: 'sound with its rate',
      url: 'data:audio/L16;rate=24000;base64,AAAA',
      parsed: { mediaType: 'audio/l16;rate=24000', data: 'AAAA' },
    },
    { what: 'no comma', url: 'data:image/png;base64', parsed: undefined },
    { what: 'another scheme', url: 'https://a.example/data:,', parsed: undefined },
    {
      what: 'not base64',
      url: 'data:image/png;base64,***!',
      parsed: { mediaType: 'image/png', data: '***!' },
    },
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

describe('what stands where a URL belongs', () => {
  const inline = (mediaType: string, data: string): MediaSource => ({ type: 'base64', mediaType, data })
  const address = (url: string): MediaSource => ({ type: 'url', url })
  const rows: [string, MediaSource][] = [
    ['https://a/b.png', address('https://a/b.png')],
    ['gs://a/b.png', address('gs://a/b.png')],
    ['data:image/png;base64,iVBORw0KGgo=', inline('image/png', 'iVBORw0KGgo=')],
    ['data:application/octet-stream;base64,UklGRkAAAABXRUJQ', inline('image/webp', 'UklGRkAAAABXRUJQ')],
    ['data:image/png;base64,aGk', inline('image/png', 'aGk=')],
    ['JVBERi0x', inline('application/pdf', 'JVBERi0x')],
    ['AA-_\nAA', inline('application/octet-stream', 'AA+/AA==')],
    ['data:broken', address('data:broken')],
    ['***!', inline('application/octet-stream', '***!')],
  ]
  for (const [text, source] of rows)
    test(JSON.stringify(text), () => expect(mediaSource(text)).toEqual(source))

  const written: [string, MediaSource, string | undefined][] = [
    ['base64', inline('image/png', 'AAAA'), 'data:image/png;base64,AAAA'],
    ['a URL', address('https://a/b'), 'https://a/b'],
    ['a file', { type: 'file', id: 'f', dialect: 'messages' }, undefined],
  ]
  for (const [what, source, url] of written)
    test(`${what} as a URL`, () => expect(urlOfSource(source)).toBe(url))
})
