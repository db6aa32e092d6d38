import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Fields } from '../rig/json.ts'
import { figure } from './support/figure.ts'
import { type Front, fronts } from './support/fronts.ts'
import { sendBytes } from './support/raw-http.ts'
import { modelToml, openStage, type Stage, seen as seenOf } from './support/stage.ts'

/** What a client may get wrong: the status, its own dialect's error shape, and the field named. */

const LIMIT_BYTES = 100_000

let stage: Stage
beforeAll(async () => {
  const models = [modelToml('m', { provider: 'openai', model: 'gpt-4.1' })]
  stage = await openStage({
    toml: `[limits]\nmax_body_bytes = ${LIMIT_BYTES}\nmax_messages = 50\nmax_tokens = 8192\n${models.join('')}`,
  })
})
afterAll(() => stage.close())

interface Mistake {
  name: string
  status: number
  /** What the message must name. */
  says: RegExp
  /** Changes a right body, or gives another one. */
  body?: (right: Fields) => Fields | string | Uint8Array
  headers?: Record<string, string>
  method?: string
  path?: (right: string) => string
  /** Only for this front. */
  only?: Front['name']
}

const without =
  (name: string) =>
  (right: Fields): Fields => ({ ...right, [name]: undefined })
const withValue =
  (name: string, value: unknown) =>
  (right: Fields): Fields => ({ ...right, [name]: value })
const withMessage =
  (message: unknown) =>
  (right: Fields): Fields => ({ ...right, messages: [message] })

const mistakes: readonly Mistake[] = [
  { name: 'no JSON', status: 400, says: /JSON/, body: () => '{"model": "m", ' },
  { name: 'JSON with a comment', status: 400, says: /JSON/, body: () => '{"model":"m"/*x*/}' },
  { name: 'an empty body', status: 400, says: /empty/, body: () => '' },
  { name: 'an array', status: 400, says: /object/, body: () => '[]' },
  { name: 'null', status: 400, says: /object/, body: () => 'null' },
  { name: 'a string', status: 400, says: /object/, body: () => '"hello"' },
  {
    name: 'invalid UTF-8',
    status: 400,
    says: /UTF-8/,
    body: () => Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  },
  {
    name: 'two bodies',
    status: 400,
    says: /JSON/,
    body: (right) => `${JSON.stringify(right)}${JSON.stringify(right)}`,
  },
  { name: 'no model', status: 400, says: /model/, body: without('model') },
  { name: 'a model that is a number', status: 400, says: /model.*string/, body: withValue('model', 7) },
  { name: 'an empty model', status: 400, says: /model/, body: withValue('model', '') },
  { name: 'an unknown model', status: 404, says: /"mm".*"m"/, body: withValue('model', 'mm') },
  {
    name: 'a model named like a member of every object',
    status: 404,
    says: /model/,
    body: withValue('model', '__proto__'),
  },
  { name: 'no messages', status: 400, says: /messages/, body: without('messages') },
  {
    name: 'messages that are a string',
    status: 400,
    says: /messages.*array/,
    body: withValue('messages', 'hi'),
  },
  { name: 'messages that are empty', status: 400, says: /messages/, body: withValue('messages', []) },
  { name: 'a message that is a string', status: 400, says: /messages\[0\]/, body: withMessage('hi') },
  {
    name: 'a message without a role',
    status: 400,
    says: /messages\[0\]\.role/,
    body: withMessage({ content: 'hi' }),
  },
  {
    name: 'a role nobody knows',
    status: 400,
    says: /messages\[0\]\.role/,
    body: withMessage({ role: 'wizard', content: 'hi' }),
  },
  {
    name: 'content that is a number',
    status: 400,
    says: /messages\[0\]\.content/,
    body: withMessage({ role: 'user', content: 7 }),
  },
  {
    name: 'a part that is a string',
    status: 400,
    says: /messages\[0\]\.content\[0\]/,
    body: withMessage({ role: 'user', content: ['hi'] }),
  },
  {
    name: 'text that is a number',
    status: 400,
    says: /messages\[0\]\.content\[0\]\.text/,
    body: withMessage({ role: 'user', content: [{ type: 'text', text: 5 }] }),
  },
  {
    name: 'a temperature that is a string',
    status: 400,
    says: /temperature.*number/,
    body: withValue('temperature', 'hot'),
  },
  {
    name: 'a temperature out of range',
    status: 400,
    says: /temperature.*2/,
    body: withValue('temperature', 2.5),
    only: 'chat-completions',
  },
  {
    name: 'a temperature out of range',
    status: 400,
    says: /temperature.*1/,
    body: withValue('temperature', 1.5),
    only: 'messages',
  },
  { name: 'a top_p out of range', status: 400, says: /top_p.*1/, body: withValue('top_p', 1.1) },
  { name: 'max_tokens that is negative', status: 400, says: /max_tokens/, body: withValue('max_tokens', -1) },
  { name: 'max_tokens with a fraction', status: 400, says: /max_tokens/, body: withValue('max_tokens', 1.5) },
  {
    name: 'max_tokens over the limit',
    status: 400,
    says: /max_tokens.*8192/,
    body: withValue('max_tokens', 8193),
  },
  { name: 'stream that is a string', status: 400, says: /stream/, body: withValue('stream', 'yes') },
  { name: 'tools that are an object', status: 400, says: /tools.*array/, body: withValue('tools', {}) },
  { name: 'a tool that is null', status: 400, says: /tools\[0\]/, body: withValue('tools', [null]) },
  {
    name: 'a tool without a name',
    status: 400,
    says: /tools\[0\].*name/,
    body: withValue('tools', [{ type: 'function', function: {} }]),
    only: 'chat-completions',
  },
  {
    name: 'a tool without a name',
    status: 400,
    says: /tools\[0\].*name/,
    body: withValue('tools', [{ input_schema: { type: 'object' } }]),
    only: 'messages',
  },
  { name: 'a tool choice nobody knows', status: 400, says: /tool_choice/, body: withValue('tool_choice', 7) },
  {
    name: 'too many messages',
    status: 400,
    says: /messages.*50/,
    body: withValue(
      'messages',
      Array.from({ length: 51 }, () => ({ role: 'user', content: 'x' })),
    ),
  },
  {
    name: 'a body over the limit',
    status: 413,
    says: /100000 bytes/,
    body: withValue('metadata', { text: 'x'.repeat(LIMIT_BYTES) }),
  },
  { name: 'no content type', status: 415, says: /content-type/, headers: { 'content-type': '' } },
  {
    name: 'a wrong content type',
    status: 415,
    says: /content-type.*application\/json/,
    headers: { 'content-type': 'text/plain' },
  },
  {
    name: 'a form',
    status: 415,
    says: /content-type/,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
  },
  {
    name: 'a compressed body',
    status: 415,
    says: /content-encoding/,
    headers: { 'content-encoding': 'gzip' },
  },
  { name: 'GET', status: 405, says: /POST/, method: 'GET' },
  { name: 'DELETE', status: 405, says: /POST/, method: 'DELETE' },
  { name: 'PUT', status: 405, says: /POST/, method: 'PUT' },
  { name: 'an unknown path', status: 404, says: /not a route/, path: (right) => `${right}/nothing` },
  { name: 'two slashes', status: 404, says: /not a route/, path: (right) => right.replace('/v1/', '/v1//') },
  { name: 'another case', status: 404, says: /not a route/, path: (right) => right.toUpperCase() },
]

let checked = 0
afterAll(() => figure('bad input', { cases: checked }))

async function make(front: Front, mistake: Mistake): Promise<Response> {
  const right = front.body('m', 'hello', false)
  const made = mistake.body?.(right) ?? right
  const body = typeof made === 'string' || made instanceof Uint8Array ? made : JSON.stringify(made)
  const hasBody = mistake.method !== 'GET'
  const headers: Record<string, string> = { 'content-type': 'application/json', ...mistake.headers }
  if (headers['content-type'] === '') delete headers['content-type']
  // The caller shows by this header what it speaks where the path does not say it.
  if (front.name === 'messages') headers['anthropic-version'] = '2023-06-01'
  return fetch(stage.gateway.url + (mistake.path?.(front.path) ?? front.path), {
    method: mistake.method ?? 'POST',
    headers,
    // Bytes bring no content type of their own.
    ...(hasBody ? { body: Buffer.from(body as string) } : {}),
  })
}

for (const front of fronts)
  describe(`${front.name}`, () => {
    test.each(mistakes.filter((one) => one.only === undefined || one.only === front.name))(
      '$name → $status',
      async (mistake) => {
        const before = stage.upstream.ledger.entries.length
        const seen = await seenOf(await make(front, mistake))
        expect({ status: seen.status, body: seen.text }).toEqual({ status: mistake.status, body: seen.text })
        expect(front.errorFault(seen.json)).toBeUndefined()
        expect(front.errorMessage(seen.json)).toMatch(mistake.says)
        expect(seen.headers.get('x-request-id')).toMatch(/^req_/)
        expect(stage.upstream.ledger.entries.length).toBe(before)
        checked += 1
      },
    )

    test('what is right passes', async () => {
      const seen = await seenOf(await make(front, { name: '', status: 200, says: /./ }))
      expect(seen.status).toBe(200)
    })

    test('a declared length over the limit is refused before a byte of the body is read', async () => {
      const head = `POST ${front.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LIMIT_BYTES + 1}\r\n\r\n`
      const answer = await sendBytes(stage.gateway.url, head)
      expect([answer.status, front.errorFault(answer.json)]).toEqual([413, undefined])
      expect(answer.milliseconds).toBeLessThan(100)
    })

    test('a chunked body is refused as soon as it passes the limit', async () => {
      const head = `POST ${front.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`
      const chunk = `${(50_000).toString(16)}\r\n${' '.repeat(50_000)}\r\n`
      // The last chunk never comes.
      const answer = await sendBytes(stage.gateway.url, head + chunk.repeat(3))
      expect([answer.status, front.errorFault(answer.json)]).toEqual([413, undefined])
    })
  })

describe('J6: JSON beyond its limits is refused before it is parsed, in linear time', () => {
  let big: Stage
  beforeAll(async () => {
    big = await openStage({ toml: modelToml('m', { provider: 'openai', model: 'gpt-4.1' }) })
  })
  afterAll(() => big.close())

  const MEGABYTE = 1_000_000
  const shapes: readonly [string, (bytes: number) => string][] = [
    ['open arrays', (bytes) => '['.repeat(bytes)],
    ['nested arrays', (bytes) => '['.repeat(bytes / 2) + ']'.repeat(bytes / 2)],
    ['nested objects', (bytes) => '{"a":'.repeat(bytes / 5)],
    ['an array of numbers', (bytes) => `{"a":[${'1,'.repeat(bytes / 2)}1]}`],
    [
      'an object of many keys',
      (bytes) =>
        `{${Array.from({ length: Math.max(10_001, bytes / 12) }, (_, index) => `"k${index}":1`).join(',')}}`,
    ],
    ['many small arrays', (bytes) => `{"a":[${'[[1]],'.repeat(Math.max(20_001, bytes / 6))}1]}`],
    ['depth 65', () => `{"model":"m","messages":${'['.repeat(65)}${']'.repeat(65)}}`],
    ['10,001 keys', () => `{${Array.from({ length: 10_001 }, (_, index) => `"k${index}":1`).join(',')}}`],
    ['20,001 items', () => `{"a":[${'1,'.repeat(20_000)}1]}`],
  ]
  let slowest = 0
  let n = 0
  afterAll(() => figure('J6', { n, slowest_ms_per_mb_with_sending: Math.round(slowest * 10) / 10 }))

  for (const front of fronts)
    test.each(shapes)(`${front.name}: %s`, async (_, shape) => {
      for (const megabytes of [0.1, 1, 10]) {
        const body = Buffer.from(shape(megabytes * MEGABYTE))
        const begun = performance.now()
        const response = await fetch(big.gateway.url + front.path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        })
        const took = performance.now() - begun
        const seen = await seenOf(response)
        expect({ status: seen.status, body: seen.text }).toEqual({ status: 400, body: seen.text })
        expect(front.errorFault(seen.json)).toBeUndefined()
        expect(front.errorMessage(seen.json)).toMatch(/more than \d+|deep|nest/)
        // Sending and receiving are in it too; the promised figure is that of the scan, measured beside its code.
        expect(took).toBeLessThan(250 + (40 * body.length) / MEGABYTE)
        slowest = Math.max(slowest, took / Math.max(1, body.length / MEGABYTE))
        n += 1
      }
    })
})
