import { describe, expect, test } from 'bun:test'
import { ResponseReader } from './response-reader.ts'

/** What the sink heard, joined: statuses, bodies and ends. */
function heard(pieces: readonly Buffer[]): string {
  let text = ''
  const reader = new ResponseReader({
    head: (status) => {
      text += `<${status}>`
    },
    body: (bytes, from, to) => {
      text += Buffer.from(bytes.subarray(from, to)).toString('latin1')
    },
    end: () => {
      text += '<end>'
    },
  })
  for (const piece of pieces) reader.push(piece)
  return text
}

const CASES = {
  'a length': ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', '<200>hello<end>'],
  'no body': ['HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', '<204><end>'],
  chunks: [
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n',
    '<200>hello0123456789<end>',
  ],
  'two answers on one connection': [
    'HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1f\r\n' +
      `${'x'.repeat(31)}\r\n0\r\n\r\n`,
    `<500>no<end><200>${'x'.repeat(31)}<end>`,
  ],
} as const

describe('an answer is read the same', () => {
  for (const [name, [wire, expected]] of Object.entries(CASES)) {
    const bytes = Buffer.from(wire)
    test(`${name}: at once`, () => expect(heard([bytes])).toBe(expected))
    test(`${name}: cut at any place`, () => {
      for (let cut = 1; cut < bytes.length; cut++)
        expect(heard([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(expected)
    })
    test(`${name}: byte by byte`, () =>
      expect(heard([...bytes].map((byte) => Buffer.from([byte])))).toBe(expected))
  }
})

test('an answer that is cut off has no end', () => {
  expect(heard([Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel')])).toBe(
    '<200>hel',
  )
})
