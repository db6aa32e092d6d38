import { afterAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { listen } from '../platform/serve.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { checkHead, parseBody, readBytes } from './body.ts'

const limits = { maxBodyBytes: 100_000, contentTypes: ['application/json', 'text/json'] }

function errorOf(run: () => unknown): { kind: string; message: string } | undefined {
  try {
    run()
    return undefined
  } catch (thrown) {
    if (thrown instanceof GatewayError) return { kind: thrown.kind, message: thrown.message }
    throw thrown
  }
}

describe('what the head alone decides', () => {
  const cases: [string, Record<string, string>, string | undefined][] = [
    ['JSON', { 'content-type': 'application/json' }, undefined],
    ['JSON with a charset, in any case', { 'content-type': 'Application/JSON; charset=utf-8' }, undefined],
    ['another type of the list', { 'content-type': 'text/json' }, undefined],
    ['as large as allowed', { 'content-type': 'application/json', 'content-length': '100000' }, undefined],
    [
      'not compressed, said aloud',
      { 'content-type': 'application/json', 'content-encoding': 'Identity' },
      undefined,
    ],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'unsupported_media_type'],
    ['a type that begins the same', { 'content-type': 'application/jsonp' }, 'unsupported_media_type'],
    ['no type', {}, 'unsupported_media_type'],
    ['an empty type', { 'content-type': '' }, 'unsupported_media_type'],
    [
      'promise J10: gzip',
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      'unsupported_media_type',
    ],
    [
      'promise J10: stacked',
      { 'content-type': 'application/json', 'content-encoding': 'gzip, br' },
      'unsupported_media_type',
    ],
    [
      'promise G10: a byte too large',
      { 'content-type': 'application/json', 'content-length': '100001' },
      'too_large',
    ],
    [
      'promise G10: absurdly large',
      { 'content-type': 'application/json', 'content-length': '9'.repeat(30) },
      'too_large',
    ],
  ]
  for (const [name, headers, kind] of cases)
    test(name, () => {
      expect(errorOf(() => checkHead(new Headers(headers), limits))?.kind).toBe(kind)
    })
})

describe('what a body has to be', () => {
  const cases: [string, string | Uint8Array, string][] = [
    ['empty', '', 'The request body is empty: expected a JSON object'],
    ['an array', '[1]', 'The request body is not a JSON object'],
    ['a string', '"x"', 'The request body is not a JSON object'],
    ['null', 'null', 'The request body is not a JSON object'],
    ['cut off', '{"a":1', "The request body is not valid JSON: Expected '}'"],
    ['a cut string', '{"a":"x', 'The request body is not valid JSON: Unterminated string'],
    [
      'a word, which is not repeated',
      '{"a":canary}',
      'The request body is not valid JSON: Unexpected identifier',
    ],
    ['more behind it', '{"a":1} {"b":2}', 'The request body is not valid JSON: Unable to parse JSON string'],
    [
      'bytes that are not UTF-8',
      Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
      'The request body is not valid UTF-8',
    ],
    [
      'half a character at the end',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe5, 0x8c])]),
      'The request body is not valid UTF-8',
    ],
    ['too deep', '['.repeat(65) + ']'.repeat(65), 'The request body has more than 64 levels of nesting'],
    ['too deep and cut off', '['.repeat(5_000_000), 'The request body has more than 64 levels of nesting'],
  ]
  for (const [name, body, message] of cases)
    test(name, () => {
      expect(errorOf(() => parseBody(Buffer.from(body)))).toEqual({ kind: 'invalid_request', message })
    })

  test('an object is given with the places of its members', () => {
    const bytes = Buffer.from(' {"model":"m","messages":[]}')
    const body = parseBody(bytes)
    expect(body.json).toEqual({ model: 'm', messages: [] })
    expect(body.bytes).toBe(bytes)
    expect(body.members.get('model')).toEqual({ start: 10, end: 13 })
  })

  test('promise J2: special names are ordinary members', () => {
    const { json } = parseBody(
      Buffer.from('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'),
    )
    expect(Object.keys(json)).toEqual(['__proto__', 'constructor'])
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})

describe('reading', () => {
  const seen: { kind: string; milliseconds: number }[] = []
  const listener = listen({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: 10_000_000,
    async handle(request) {
      const startedAt = performance.now()
      try {
        checkHead(request.headers, limits)
        const bytes = await readBytes(request, limits.maxBodyBytes)
        return new Response(`read ${bytes.length}`)
      } catch (thrown) {
        const kind = thrown instanceof GatewayError ? thrown.kind : String(thrown)
        seen.push({ kind, milliseconds: performance.now() - startedAt })
        return new Response(kind, { status: thrown instanceof GatewayError ? thrown.status : 500 })
      }
    },
  })
  afterAll(() => listener.close())

  const head = 'POST / HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n'

  /** Writes the pieces, waits for an answer, and gives its status line and its last line. */
  async function sent(...pieces: (string | Buffer)[]): Promise<string> {
    const socket = connect(listener.port, '127.0.0.1')
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      text += bytes.toString()
    })
    for (const piece of pieces) {
      socket.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    for (let waits = 0; waits < 200 && !text.includes('\r\n\r\n'); waits += 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
    socket.destroy()
    const lines = text.split('\r\n')
    return `${lines[0]?.slice(9, 12)} ${lines.at(-1)}`
  }

  const chunk = (size: number): string => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`
  const last = '0\r\n\r\n'

  const cases: [string, (string | Buffer)[], string][] = [
    ['a body of known length', [`${head}content-length: 2\r\n\r\n{}`], '200 read 2'],
    ['in pieces', [`${head}content-length: 6\r\n\r\n{"`, 'a"', ':1'], '200 read 6'],
    [
      'chunked',
      [`${head}transfer-encoding: chunked\r\n\r\n`, chunk(60_000), chunk(40_000), last],
      '200 read 100000',
    ],
    ['none', [`${head}\r\n`], '200 read 0'],
    ['declared too large', [`${head}content-length: 9000000\r\n\r\n{`], '413 too_large'],
    [
      'chunked and too large',
      [`${head}transfer-encoding: chunked\r\n\r\n`, chunk(60_000), chunk(40_001)],
      '413 too_large',
    ],
    [
      'chunked without end',
      [`${head}transfer-encoding: chunked\r\n\r\n`, ...Array.from({ length: 30 }, () => chunk(30_000))],
      '413 too_large',
    ],
  ]
  for (const [name, pieces, expected] of cases)
    test(name, async () => {
      expect(await sent(...pieces)).toBe(expected)
    })

  test('promise G10: the refusal is there at once', async () => {
    const before = seen.length
    await sent(`${head}content-length: 9000000\r\n\r\n`)
    expect(seen.length).toBe(before + 1)
    expect(seen.at(-1)?.milliseconds).toBeLessThan(20)
  })

  for (const framing of ['content-length: 500', 'transfer-encoding: chunked'])
    test(`a client that leaves in the middle is no fault of the gateway (${framing})`, async () => {
      const before = seen.length
      const socket = connect(listener.port, '127.0.0.1')
      socket.write(`${head}${framing}\r\n\r\n${framing.startsWith('t') ? chunk(10) : '{'}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.destroy()
      for (let waits = 0; waits < 200 && seen.length === before; waits += 1)
        await new Promise((resolve) => setTimeout(resolve, 5))
      expect(seen.at(-1)?.kind).toBe('client_closed')
    })
})
