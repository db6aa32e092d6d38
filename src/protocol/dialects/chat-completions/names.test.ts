import { describe, expect, test } from 'bun:test'
import type { MediaSource } from '../../model/block.ts'
import { decodeBase64, encodeBase64 } from './base64.ts'
import { sourceOf } from './data-url.ts'
import { digest, toolOf, wireCallId, wireName } from './names.ts'

describe('names and ids', () => {
  test('a digest depends on its text alone, and on all of it', () => {
    expect(digest('a', 24)).toBe(digest('a', 24))
    expect(digest('a', 24)).toMatch(/^[0-9A-Za-z]{24}$/)
    const many = new Set(Array.from({ length: 5000 }, (_, index) => digest(`toolu_${index}`, 9)))
    expect(many.size).toBe(5000)
  })

  test('legal names and ids stay', () => {
    expect(wireName('get_weather-2')).toBe('get_weather-2')
    expect(wireCallId('toolu_1', undefined)).toBe('toolu_1')
    expect(wireCallId('abc', { pattern: /^[a-z]+$/, maxLength: 3 })).toBe('abc')
  })

  test('others become legal, differ from one another and find back', () => {
    const long = 'n'.repeat(80)
    const names = ['a.b', 'a:b', 'a b', long, `${long}x`]
    const changed = names.map(wireName)
    expect(new Set(changed).size).toBe(names.length)
    for (const name of changed) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    const tools = names.map((name) => ({ type: 'function', name }) as const)
    expect(changed.map((name) => toolOf(name, tools)?.name)).toEqual(names)
  })

  test.each([
    [{ pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 }],
    [{ pattern: /^[a-zA-Z0-9_-]+$/, maxLength: 40 }],
    [{ pattern: /^[a-zA-Z0-9]+$/, maxLength: 12 }],
  ])('ids for %p', (rule) => {
    const id = wireCallId('fc:299e8414-9e94-4d9c-bd06-c096f8919768/1', rule)
    expect(id).toMatch(rule.pattern)
    expect(id.length).toBeLessThanOrEqual(rule.maxLength)
  })
})

describe('data URLs (protocol.md §2.4)', () => {
  const base64 = (mediaType: string, data: string): MediaSource => ({ type: 'base64', mediaType, data })
  const rows: [string, MediaSource][] = [
    ['https://a/b.png', { type: 'url', url: 'https://a/b.png' }],
    ['gs://a/b.png', { type: 'url', url: 'gs://a/b.png' }],
    ['data:image/png;base64,iVBORw0KGgo=', base64('image/png', 'iVBORw0KGgo=')],
    ['DATA:IMAGE/PNG;BASE64,AAAA', base64('image/png', 'AAAA')],
    ['data:image/jpg;base64,AAAA', base64('image/jpeg', 'AAAA')],
    ['data:image/png;name=a.png;base64,AA\nAA', base64('image/png', 'AAAA')],
    ['data:image/png;base64,-_8=', base64('image/png', '+/8=')],
    ['data:;base64,/9j/4AAQ', base64('image/jpeg', '/9j/4AAQ')],
    ['data:application/octet-stream;base64,JVBERi0x', base64('application/pdf', 'JVBERi0x')],
    ['data:application/octet-stream;base64,UklGRkAAAABXRUJQ', base64('image/webp', 'UklGRkAAAABXRUJQ')],
    ['data:text/plain,h%C3%A9', base64('text/plain', 'aMOp')],
    ['JVBERi0x', base64('application/pdf', 'JVBERi0x')],
    ['data:broken', { type: 'url', url: 'data:broken' }],
  ]
  test.each(rows)('%s', (url, source) => {
    expect(sourceOf(url)).toEqual(source)
  })

  test('base64 of text, there and back', () => {
    for (const text of ['', 'a', 'ab', 'abc', 'héllo', '你好', '🙂']) {
      expect(encodeBase64(text)).toBe(Buffer.from(text).toString('base64'))
      expect(decodeBase64(encodeBase64(text))).toBe(text)
    }
    expect(decodeBase64('/w==')).toBeUndefined()
    expect(decodeBase64('?')).toBeUndefined()
  })
})
