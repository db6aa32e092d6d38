import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../../protocol/model/error.ts'
import { FramingError } from './chunked.ts'
import { ResponseParser } from './parser.ts'

/** Everything there is to say about one answer. */
interface Reading {
  status?: number
  fields?: (string | null)[]
  body: string
  isDone: boolean
  isReusable: boolean
  /** `head` for a head that is refused, `body` for a body that breaks its framing. */
  refused?: 'head' | 'body'
}

/** Feeds the pieces to a fresh parser, each in a memory of its own, as sockets do. */
function readPieces(pieces: readonly string[], names: readonly string[] = [], isHead = false): Reading {
  const parser = new ResponseParser()
  parser.reset(isHead)
  let body = ''
  let refused: Reading['refused']
  try {
    for (const piece of pieces) {
      const bytes = parser.push(Buffer.from(piece, 'latin1'))
      if (bytes) body += Buffer.from(bytes).toString('latin1')
    }
  } catch (thrown) {
    if (thrown instanceof FramingError) refused = 'body'
    else {
      expect(thrown).toBeInstanceOf(GatewayError)
      expect((thrown as GatewayError).details.code).toBe('upstream_not_http')
      refused = 'head'
    }
  }
  const { head, isDone, isReusable } = parser
  return {
    ...(head ? { status: head.status, fields: names.map((name) => head.get(name)) } : {}),
    body,
    isDone,
    isReusable,
    ...(refused ? { refused } : {}),
  }
}

const CRLF = '\r\n'
const OK = `HTTP/1.1 200 OK${CRLF}`
const lines = (...all: string[]): string => `${OK}${all.map((line) => line + CRLF).join('')}${CRLF}`
const chunk = (text: string): string => `${text.length.toString(16)}${CRLF}${text}${CRLF}`
const chunked = lines('Transfer-Encoding: chunked')

describe('how the end of a body is told', () => {
  const cases: [string, string, Partial<Reading>][] = [
    ['a length', `${lines('Content-Length: 5')}hello`, { body: 'hello', isDone: true, isReusable: true }],
    ['a length not reached', `${lines('Content-Length: 6')}hello`, { body: 'hello', isDone: false }],
    ['no bytes at all', lines('Content-Length: 0'), { body: '', isDone: true, isReusable: true }],
    [
      'the same length twice',
      `${lines('Content-Length: 5', 'content-length: 5')}hello`,
      { body: 'hello', isDone: true, isReusable: true },
    ],
    [
      'the end of the connection',
      `${lines('a: b')}hello`,
      { body: 'hello', isDone: false, isReusable: false },
    ],
    [
      '204',
      `HTTP/1.1 204 No Content${CRLF}${CRLF}`,
      { status: 204, body: '', isDone: true, isReusable: true },
    ],
    [
      '304',
      `HTTP/1.1 304 x${CRLF}Content-Length: 9${CRLF}${CRLF}`,
      { body: '', isDone: true, isReusable: true },
    ],
    ['chunks', `${chunked}${chunk('hel')}${chunk('lo')}0${CRLF}${CRLF}`, { body: 'hello', isReusable: true }],
    ['no chunk', `${chunked}0${CRLF}${CRLF}`, { body: '', isDone: true, isReusable: true }],
    ['chunks without the last', `${chunked}${chunk('hello')}`, { body: 'hello', isDone: false }],
    [
      'the last chunk without its line',
      `${chunked}${chunk('hello')}0${CRLF}`,
      { body: 'hello', isDone: false },
    ],
    [
      'upper-case digits',
      `${chunked}A${CRLF}0123456789${CRLF}0${CRLF}${CRLF}`,
      { body: '0123456789', isDone: true },
    ],
    [
      'sizes filled up with blanks',
      `${chunked}5  ${CRLF}hello${CRLF}000 ${CRLF}${CRLF}`,
      { body: 'hello', isDone: true },
    ],
    [
      'extensions',
      `${chunked}5;a=b;c="d;e"${CRLF}hello${CRLF}0;x${CRLF}${CRLF}`,
      { body: 'hello', isDone: true },
    ],
    [
      'trailers, which are left out',
      `${chunked}${chunk('hello')}0${CRLF}Expires: 0${CRLF}x-sum: 1${CRLF}${CRLF}`,
      { body: 'hello', isDone: true, isReusable: true, fields: [null] },
    ],
    [
      'line breaks in chunks',
      `${chunked}${chunk('a\r\n0\r\n\r\nb')}0${CRLF}${CRLF}`,
      { body: 'a\r\n0\r\n\r\nb', isDone: true },
    ],
    [
      'LF alone in the head',
      'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello',
      { body: 'hello', isDone: true, isReusable: true },
    ],
    [
      'LF alone before CRLF CRLF in the body',
      'HTTP/1.1 200 OK\nContent-Length: 6\n\na\r\n\r\nb',
      { body: 'a\r\n\r\nb', isDone: true },
    ],
    ['LF and CRLF mixed', 'HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nhello', { body: 'hello', isDone: true }],
    ['no reason', 'HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n', { status: 200, isDone: true }],
    ['an empty reason', 'HTTP/1.1 429 \r\ncontent-length: 0\r\n\r\n', { status: 429, isDone: true }],
  ]
  for (const [name, text, expected] of cases)
    test(name, () => expect(readPieces([text], ['expires'])).toMatchObject(expected))

  test('an answer to HEAD has no body, whatever it says', () => {
    expect(readPieces([lines('Content-Length: 5')], [], true)).toMatchObject({
      body: '',
      isDone: true,
      isReusable: true,
    })
  })

  test('the end of the connection is an end only where nothing else tells it', () => {
    for (const [text, expected] of [
      [lines('a: b'), true],
      [lines('Content-Length: 5'), false],
      [chunked, false],
      [OK, false],
    ] as const) {
      const parser = new ResponseParser()
      parser.push(Buffer.from(text))
      expect(parser.end()).toBe(expected)
    }
  })
})

describe('informational answers are passed over', () => {
  const early = `HTTP/1.1 103 Early Hints${CRLF}Link: </a>${CRLF}${CRLF}`
  test('before the answer, in one piece or several', () => {
    const rest = `HTTP/1.1 100 Continue${CRLF}${CRLF}${early}${lines('Content-Length: 2')}ok`
    expect(readPieces([rest])).toMatchObject({ status: 200, body: 'ok', isReusable: true })
    expect(readPieces([...rest])).toMatchObject({ status: 200, body: 'ok', isReusable: true })
  })
  test('but not without end', () => {
    expect(readPieces(Array.from({ length: 5_000 }, () => early))).toMatchObject({ refused: 'head' })
    expect(readPieces([early.repeat(5_000)])).toMatchObject({ refused: 'head' })
  })
})

describe('fields', () => {
  const cases: [string, string, string | null][] = [
    ['X-A: b', 'x-a', 'b'],
    ['x-a:b', 'X-A', 'b'],
    ['X-A:  \t b c \t', 'x-a', 'b c'],
    ['X-A:', 'x-a', ''],
    ['X-A: b: c', 'x-a', 'b: c'],
    ['X-A: caf\xe9', 'x-a', 'caf\xe9'],
    ['X-A: 1\r\nB: 2\r\nx-a: 3', 'x-a', '1, 3'],
    ['X-A: b', 'a', null],
  ]
  for (const [line, name, expected] of cases)
    test(`${JSON.stringify(line)} gives ${name} ${JSON.stringify(expected)}`, () => {
      expect(readPieces([lines(line)], [name]).fields).toEqual([expected])
    })
})

describe('whether the connection may be used again', () => {
  const none = 'Content-Length: 0'
  const cases: [string, string, boolean, number?][] = [
    ['by default', lines(none), true],
    ['close', lines(none, 'Connection: close'), false],
    ['close among others', lines(none, 'Connection: foo, Close'), false],
    ['closed-captions is not close', lines(none, 'Connection: closed-captions'), true],
    ['HTTP/1.0', `HTTP/1.0 200 OK${CRLF}${none}${CRLF}Connection: keep-alive${CRLF}${CRLF}`, false],
    ['bytes after the end', `${lines(none)}x`, false],
    ['bytes after the last chunk', `${chunked}0${CRLF}${CRLF}HTTP/1.1 200 OK`, false],
    ['an empty line after the end', `${lines(none)}${CRLF}`, false],
    ['a body where none may be', `HTTP/1.1 204 x${CRLF}${none}${CRLF}${CRLF}hello`, false],
    [
      'a length beside a coding',
      `${lines('Content-Length: 3', 'Transfer-Encoding: chunked')}0${CRLF}${CRLF}`,
      false,
    ],
    ['the peer says how long', lines(none, 'Keep-Alive: timeout=5, max=100'), true, 5_000],
    ['the peer says for the last time', lines(none, 'Keep-Alive: timeout=5, max=0'), false, 5_000],
  ]
  for (const [name, text, expected, idleMs] of cases)
    test(name, () => {
      const parser = new ResponseParser()
      parser.push(Buffer.from(text, 'latin1'))
      expect([parser.isDone, parser.isReusable, parser.head?.idleMs]).toEqual([true, expected, idleMs])
    })

  test('a length beside a coding does not count', () => {
    const text = `${lines('Content-Length: 3', 'Transfer-Encoding: Chunked')}${chunk('hello')}0${CRLF}${CRLF}`
    expect(readPieces([text])).toMatchObject({ body: 'hello', isDone: true, isReusable: false })
  })
})

describe('heads that are refused', () => {
  const cases: [string, string][] = [
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['an HTTP/2 preface', '\0\0\x12\x04\0\0\0\0\0'],
    ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['an empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['an empty LF line first', '\nHTTP/1.1 200 OK\r\n\r\n'],
    ['two blanks', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status beyond 599', 'HTTP/1.1 600 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 OK\r\n\r\n'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\n\r\n'],
    ['a folded line', lines('a: b', ' c')],
    ['a line folded with a tab', lines('a: b', '\tc')],
    ['a first line that is folded', lines(' a: b')],
    ['a blank before the colon', lines('Content-Length : 5')],
    ['no name', lines(': b')],
    ['no colon', lines('Content-Length 5')],
    ['a name beyond ASCII', lines('n\xe4me: b')],
    ['a NUL in a value', lines('a: b\0c')],
    ['a CR in a value', lines('a: b\rc')],
    ['a CR that hides a field', lines('a: b\rContent-Length: 5')],
    ['a CR before the line end', lines('a: b\r')],
    ['two lengths', lines('Content-Length: 5', 'Content-Length: 6')],
    ['two lengths in one field', lines('Content-Length: 5, 5')],
    ['a negative length', lines('Content-Length: -5')],
    ['a signed length', lines('Content-Length: +5')],
    ['a hexadecimal length', lines('Content-Length: 0x5')],
    ['an empty length', lines('Content-Length:')],
    ['a length with a blank', lines('Content-Length: 5 0')],
    ['a length beyond every number', lines('Content-Length: 99999999999999999999')],
    ['a coding that is not chunked', lines('Transfer-Encoding: gzip')],
    ['a coding before chunked', lines('Transfer-Encoding: gzip, chunked')],
    ['chunked and another', lines('Transfer-Encoding: chunked, identity')],
    ['chunked twice', lines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['chunked with a vertical tab', lines('Transfer-Encoding: \x0bchunked')],
    ['an empty coding', lines('Transfer-Encoding:')],
    ['a wrong coding beside a length', lines('Transfer-Encoding: x', 'Content-Length: 5')],
    ['201 fields', lines(...Array.from({ length: 201 }, (_, index) => `a${index}: b`))],
    ['more than 64 KiB', lines(`a: ${'b'.repeat(65_536)}`)],
    ['more than 64 KiB without an end', `${OK}a: ${'b'.repeat(70_000)}`],
  ]
  for (const [name, text] of cases)
    test(name, () => {
      expect(readPieces([text])).toMatchObject({ refused: 'head', body: '' })
      expect(readPieces(text.match(/[\s\S]{1,3}/g) ?? [])).toMatchObject({ refused: 'head', body: '' })
    })

  test('200 fields and 60 KiB are read', () => {
    const fields = Array.from({ length: 199 }, (_, index) => `a${index}: ${'b'.repeat(300)}`)
    expect(readPieces([lines(...fields, 'Content-Length: 0')])).toMatchObject({
      status: 200,
      isReusable: true,
    })
  })

  test('another protocol is known by its first byte', () => {
    expect(readPieces(['S'])).toMatchObject({ refused: 'head' })
  })
})

describe('bodies that break their framing', () => {
  const cases: [string, string][] = [
    ['no size', CRLF],
    ['a size that is none', `zz${CRLF}`],
    ['a size behind a blank', ` 5${CRLF}hello`],
    ['a signed size', `-5${CRLF}hello`],
    ['0x', `0x5${CRLF}hello`],
    ['a size beyond every number', `fffffffffffffff${CRLF}`],
    ['a size of zeros without end', '0'.repeat(100)],
    ['a size ended by LF', '5\nhello\r\n'],
    ['a size ended by CR', '5\rhello\r\n'],
    ['a LF in an extension', `5;a\nb${CRLF}hello`],
    ['an extension without end', `5;${'a'.repeat(5_000)}`],
    ['a chunk longer than its size', `5${CRLF}hello!${CRLF}`],
    ['a chunk ended by LF', `5${CRLF}hello\n`],
    ['a chunk ended by CR', `5${CRLF}hello\r\r`],
    ['trailers without end', `0${CRLF}${`a: b${CRLF}`.repeat(20_000)}`],
    ['a trailer line without end', `0${CRLF}${'a'.repeat(70_000)}`],
    ['a trailer ended by LF', `0${CRLF}a: b\n\r\n`],
    ['a last line ended by CR', `0${CRLF}\rx`],
  ]
  for (const [name, text] of cases)
    test(name, () => {
      expect(readPieces([chunked + text])).toMatchObject({
        refused: 'body',
        isDone: false,
        isReusable: false,
      })
      expect(readPieces([chunked, ...(text.match(/[\s\S]{1,7}/g) ?? [])])).toMatchObject({ refused: 'body' })
    })
})

describe('properties', () => {
  const SEED = 20_261_120
  const bodies = fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 6 })
  const framed = fc.tuple(fc.constantFrom('length', 'chunked', 'close'), bodies).map(([kind, pieces]) => {
    const body = pieces.join('')
    const early = `HTTP/1.1 103 Early Hints${CRLF}${CRLF}`
    if (kind === 'length')
      return { text: `${lines(`Content-Length: ${body.length}`, 'x: y')}${body}`, body, kind }
    if (kind === 'close') return { text: `${early}${lines('x: y')}${body}`, body, kind }
    const text = `${lines('x: y', 'Transfer-Encoding: chunked')}${pieces.map(chunk).join('')}0${CRLF}a: b${CRLF}${CRLF}`
    return { text, body, kind }
  })

  test('every answer gives the same head and body wherever its bytes are cut in two', () => {
    fc.assert(
      fc.property(framed, ({ text, body, kind }) => {
        const whole = readPieces([text], ['x'])
        expect(whole).toMatchObject({ status: 200, fields: ['y'], body, isDone: kind !== 'close' })
        for (let cut = 0; cut <= text.length; cut += 1)
          expect(readPieces([text.slice(0, cut), text.slice(cut)], ['x'])).toEqual(whole)
      }),
      { seed: SEED, numRuns: 60 },
    )
  })

  test('and into any pieces, single bytes among them', () => {
    fc.assert(
      fc.property(framed, fc.array(fc.nat(30), { minLength: 1, maxLength: 40 }), ({ text }, sizes) => {
        const pieces: string[] = []
        for (let at = 0, index = 0; at < text.length; index += 1) {
          const size = Math.max(1, sizes[index % sizes.length] ?? 1)
          pieces.push(text.slice(at, at + size))
          at += size
        }
        expect(readPieces(pieces, ['x'])).toEqual(readPieces([text], ['x']))
      }),
      { seed: SEED, numRuns: 300 },
    )
  })

  test('an answer that is cut off is never done', () => {
    fc.assert(
      fc.property(framed, fc.nat(), ({ text, kind }, at) => {
        fc.pre(kind !== 'close')
        expect(readPieces([text.slice(0, at % text.length)]).isDone).toBe(false)
      }),
      { seed: SEED, numRuns: 500 },
    )
  })

  test('no bytes make it throw anything but its two errors, however they are cut', () => {
    const alphabet = fc.constantFrom(
      '\r',
      '\n',
      '\r\n',
      ':',
      ' ',
      '0',
      '5',
      'a',
      ';',
      'chunked',
      'Content-Length',
      '\0',
      '\xff',
    )
    const noise = fc.array(alphabet, { maxLength: 60 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.constantFrom('', OK, chunked, lines('Content-Length: 9')),
        noise,
        fc.nat(),
        (start, end, at) => {
          const text = start + end
          const cut = text.length === 0 ? 0 : at % text.length
          const whole = readPieces([text])
          const pieces = readPieces([text.slice(0, cut), text.slice(cut)])
          expect([pieces.refused, pieces.isDone]).toEqual([whole.refused, whole.isDone])
        },
      ),
      { seed: SEED, numRuns: 2_000 },
    )
  })

  test('one parser reads one answer after the other', () => {
    fc.assert(
      fc.property(fc.array(framed, { minLength: 2, maxLength: 4 }), (answers) => {
        const parser = new ResponseParser()
        for (const { text, body } of answers) {
          parser.reset(false)
          const bytes = parser.push(Buffer.from(text, 'latin1'))
          expect(Buffer.from(bytes ?? []).toString('latin1')).toBe(body)
        }
      }),
      { seed: SEED, numRuns: 100 },
    )
  })
})
