import { afterAll, beforeAll, expect, test } from 'bun:test'
import { fields, text } from '../rig/json.ts'
import { figure } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { sendBytes } from './support/raw-http.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/** J3 a client's headers forge nothing of ours and inject no line; J2 words of the language in JSON have no effect. */

let stage: Stage
beforeAll(async () => {
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  stage = await openStage({ toml: models.join('') })
})
afterAll(() => stage.close())

/** What may arrive at a vendor: made here, or on the allow-list of its provider. */
const madeHere = new Set([
  'host',
  'content-type',
  'content-length',
  'accept',
  'accept-encoding',
  'connection',
  'user-agent',
  'authorization',
  'x-api-key',
  'x-goog-api-key',
  'api-key',
  'anthropic-version',
])

const forged: Readonly<Record<string, string>> = {
  'x-forwarded-for': '10.1.2.3',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-real-ip': '10.1.2.3',
  forwarded: 'for=10.1.2.3',
  via: '1.1 evil',
  te: 'trailers',
  trailer: 'x-late',
  upgrade: 'websocket',
  'keep-alive': 'timeout=1',
  'proxy-authorization': 'Basic Zm9yZ2Vk',
  cookie: 'session=forged',
  origin: 'http://localhost:3000',
  referer: 'http://localhost:3000/',
  'x-xjp-tenant': 'forged',
  'x-xjp-provider': 'forged',
  'x-xjp-target': 'forged',
  'x-xjp-cost': '0',
  'x-xjp-attempts': '99',
  'x-xjp-dropped': 'forged',
  'x-ratelimit-remaining': '99999',
  'x-original-url': '/v1/admin',
  'x-rewrite-url': '/v1/admin',
  'x-http-method-override': 'DELETE',
  'openai-organization': 'forged-org',
  'anthropic-organization-id': 'forged-org',
}

let sent = 0

for (const front of fronts)
  for (const { dialect } of upstreams)
    test(`headers from ${front.name} to ${dialect}`, async () => {
      for (const [name, value] of Object.entries(forged)) {
        stage.upstream.ledger.clear()
        const seen = await ask(stage.gateway.url, front, {
          model: dialect,
          content: 'hello',
          stream: false,
          headers: { [name]: value },
        })
        sent += 1
        expect({ name, status: seen.status }).toEqual({ name, status: 200 })
        // What the answer says of itself is ours.
        if (name.startsWith('x-xjp') || name.startsWith('x-ratelimit'))
          expect(seen.headers.get(name)).not.toBe(value)
        const arrived = stage.upstream.ledger.last.headers
        expect(arrived.filter(([key]) => !madeHere.has(key.toLowerCase()))).toEqual([])
        expect(arrived.filter(([, at]) => at.includes('forged') || at.includes('10.1.2.3'))).toEqual([])
      }
    })

test('a header named by `connection` is not handed on', async () => {
  const body = JSON.stringify(fronts[0]?.body('chat-completions', 'hello', false))
  const answer = await sendBytes(
    stage.gateway.url,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: x-secret-hop, anthropic-beta\r\nx-secret-hop: 1\r\nanthropic-beta: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  expect(answer.status).toBe(200)
  const names = stage.upstream.ledger.last.headers.map(([name]) => name.toLowerCase())
  expect(names).not.toContain('x-secret-hop')
  expect(names).not.toContain('anthropic-beta')
})

/** Header values that would be a second line somewhere. */
const injections = [
  'a\r\nx-injected: 1',
  'a\nx-injected: 1',
  'a\rx-injected: 1',
  'a\0b',
  'a%0d%0ax-injected: 1',
  'é\u{1f600}',
]

test('lines in headers and fields come out nowhere', async () => {
  for (const front of fronts)
    for (const { dialect } of upstreams)
      for (const value of injections) {
        const body = JSON.stringify({
          ...front.body(dialect, 'hello', false),
          user: value,
          metadata: { user_id: value },
        })
        for (const name of ['x-request-id', 'anthropic-beta', 'x-custom']) {
          stage.upstream.ledger.clear()
          const answer = await sendBytes(
            stage.gateway.url,
            Buffer.from(
              `POST ${front.path} HTTP/1.1\r\nhost: x\r\n${name}: ${value}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
            ),
          )
          sent += 1
          expect([200, 400]).toContain(answer.status)
          for (const entry of stage.upstream.ledger.entries)
            expect(entry.headers.filter(([key]) => key.toLowerCase() === 'x-injected')).toEqual([])
        }
      }
  figure('J3', { n: sent, forgedOrInjected: 0 })
})

const words = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']

/** A word of the language at each place of a body where a client may put a name. */
function bodies(word: string): Record<string, unknown>[] {
  const polluted = `{"${word}":{"polluted":"yes","model":"evil","stream":true,"isAdmin":true,"tenant":"evil"}}`
  const parsed = JSON.parse(polluted) as Record<string, unknown>
  return [
    parsed,
    { metadata: parsed },
    { [word]: 'polluted' },
    {
      tools: [
        {
          type: 'function',
          function: { name: 'polluted', parameters: { type: 'object', properties: parsed } },
        },
      ],
    },
    { tools: [{ name: 'polluted', input_schema: { type: 'object', properties: parsed } }] },
    { response_format: { type: 'json_schema', json_schema: { name: 'polluted', schema: parsed } } },
    {
      tools: [
        {
          type: 'function',
          function: {
            name: 'polluted',
            parameters: { type: 'object', properties: { a: { type: word, format: word, [word]: word } } },
          },
        },
      ],
    },
    {
      tools: [
        {
          name: 'polluted',
          input_schema: { type: 'object', properties: { a: { type: word, format: word } } },
        },
      ],
    },
    { tools: [{ type: word, name: word }] },
    { messages: [{ role: word, content: 'hello' }] },
    { messages: [{ role: 'user', content: [{ type: word, [word]: word }] }] },
    { messages: [{ role: 'user', content: [{ type: 'image', source: { type: word, [word]: word } }] }] },
    { messages: [{ role: 'user', content: [{ type: 'document', source: { type: word } }] }] },
    { messages: [{ role: 'user', content: [{ type: 'file', file: { [word]: word } }] }] },
    { response_format: { type: word } },
    { output_config: { effort: word, format: { type: word } } },
    { thinking: { type: word, [word]: word } },
    { tool_choice: { type: word, name: word } },
    { stream_options: { [word]: true } },
    { service_tier: word },
    { stop: word },
    { user: word },
    { model: word },
    { tool_choice: word },
    { reasoning_effort: word },
  ]
}

test('words of the language in JSON change nothing', async () => {
  let n = 0
  for (const front of fronts)
    for (const { dialect } of upstreams) {
      const clean = await ask(stage.gateway.url, front, { model: dialect, content: 'hello', stream: false })
      for (const word of words)
        for (const more of bodies(word)) {
          const body = Object.assign(
            JSON.parse(`{"${word}":{"polluted":1}}`) as Record<string, unknown>,
            front.body(dialect, 'hello', false),
            more,
          )
          const response = await fetch(stage.gateway.url + front.path, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          })
          const read = await response.text()
          n += 1
          expect(
            `${front.name} to ${dialect} ${JSON.stringify(more)} ${response.status >= 500 ? read : ''}`,
          ).toEndWith(' ')
        }
      const after = await ask(stage.gateway.url, front, { model: dialect, content: 'hello', stream: false })
      expect(after.status).toBe(200)
      expect(front.answerText(after.json)).toBe(front.answerText(clean.json))
      const sentBody = fields(stage.upstream.ledger.last.json)
      expect(Object.keys(sentBody)).not.toContain('polluted')
      expect(text(sentBody['tenant'])).toBe('')
    }
  figure('J2', { n, pollutions: 0 })
})
