import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Redactor } from '../redact.ts'
import { beginning, cut, dataLines, shown } from './body-text.ts'

const redactor = new Redactor()
redactor.learn('a-secret-of-this-test-0123456789')

describe('a body is cut', () => {
  test('at a character, never in one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(60), (made, maximum) => {
        const text = Buffer.from(made).toString()
        const bytes = cut(Buffer.from(text), maximum)
        const kept = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
        expect(bytes.length).toBeLessThanOrEqual(maximum)
        expect(text.startsWith(kept)).toBe(true)
        const next = [...text.slice(kept.length)][0]
        if (next !== undefined) expect(bytes.length + Buffer.byteLength(next)).toBeGreaterThan(maximum)
      }),
    )
  })

  const cases: readonly [string, string, number, string][] = [
    ['shorter', 'hello', 10, 'hello'],
    ['as long', 'hello', 5, 'hello'],
    ['longer', 'hello', 4, 'hell'],
    ['two bytes', 'aäb', 2, 'a'],
    ['two bytes that fit', 'aäb', 3, 'aä'],
    ['four bytes', 'a😀b', 4, 'a'],
    ['nothing fits', '😀', 3, ''],
    ['nothing wanted', 'hello', 0, ''],
  ]
  for (const [name, text, maximum, wanted] of cases)
    test(name, () => expect(Buffer.from(shown(text, maximum, redactor)).toString()).toBe(wanted))
})

describe('no secret is shown', () => {
  const secret = 'a-secret-of-this-test-0123456789'
  test('wherever the cut is', () => {
    for (let maximum = 0; maximum < 80; maximum += 1) {
      const text = beginning(Buffer.from(`{"content":"my key is ${secret}, keep it"}`), maximum)
      const kept = Buffer.from(shown(text, maximum, redactor)).toString()
      for (let at = 0; at + 8 <= secret.length; at += 1) expect(kept).not.toContain(secret.slice(at, at + 8))
    }
  })

  test('of a form that keys have', () => {
    const text = beginning(`{"key":"sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"}`, 20)
    expect(Buffer.from(shown(text, 20, redactor)).toString()).not.toContain('sk-proj-abcd')
  })
})

describe('the data of a stream', () => {
  const cases: readonly [string, string, string][] = [
    ['no stream', '{"a":1}', '{"a":1}'],
    ['no stream, with a member that looks like one', ' {"a":"\ndata: x"}', ' {"a":"\ndata: x"}'],
    ['a list', '[1]', '[1]'],
    ['text', 'Bad gateway', 'Bad gateway'],
    ['nothing', '', ''],
    ['data alone', 'data: {"a":1}\n\ndata: [DONE]\n\n', '{"a":1}\n[DONE]'],
    [
      'events, ids and comments',
      ': hi\n\nevent: a\nid: 1\ndata: {"a":1}\n\nevent: b\ndata:{"b":2}\n\n',
      '{"a":1}\n{"b":2}',
    ],
    ['other ends of lines', 'data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n', '1\n2\n3'],
    ['several lines of one event', 'data: one\ndata: two\n\n', 'one\ntwo'],
    ['one that broke off', 'data: {"a":1}\n\ndata: {"b"', '{"a":1}\n{"b"'],
  ]
  for (const [name, body, wanted] of cases) test(name, () => expect(dataLines(body)).toBe(wanted))
})
