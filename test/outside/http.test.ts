import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect } from 'node:net'
import { openStage, type Stage } from './stage.ts'

/** The edges of HTTP, spoken over a bare socket where a client library would tidy them up. */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

/** Everything the gateway answers to these bytes until it closes; the request asks it to. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(stage.gateway.url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk.toString()
    })
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no end of: ${answer}`)))
    socket.write(text)
  })
}

const body = JSON.stringify({ model: 'openai/gpt-4o', messages: [{ role: 'user', content: 'hi' }] })
const chat = '/v1/chat/completions'
const head = 'Host: x\r\nConnection: close\r\n'
const json = 'Content-Type: application/json\r\n'
const length = `Content-Length: ${body.length}\r\n`

const rows: [string, string, number][] = [
  ['HTTP/1.0 without a host', 'GET /healthz HTTP/1.0\r\n\r\n', 200],
  ['a host that is none', 'GET /healthz HTTP/1.1\r\nHost: [x\r\nConnection: close\r\n\r\n', 400],
  ['an absolute target', `GET http://elsewhere/healthz HTTP/1.1\r\n${head}\r\n`, 200],
  ['HEAD', `HEAD /v1/models HTTP/1.1\r\n${head}\r\n`, 200],
  ['a trailing slash', `POST ${chat}/ HTTP/1.1\r\n${head}${json}${length}\r\n${body}`, 200],
  ['a query', `POST ${chat}?beta=true HTTP/1.1\r\n${head}${json}${length}\r\n${body}`, 200],
  ['a content type said twice', `POST ${chat} HTTP/1.1\r\n${head}${json}${json}${length}\r\n${body}`, 200],
  [
    'a body in chunks',
    `POST ${chat} HTTP/1.1\r\n${head}${json}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    200,
  ],
  ['percent signs that encode nothing', `GET /v1/models/%zz HTTP/1.1\r\n${head}\r\n`, 404],
  ['another method', `PUT ${chat} HTTP/1.1\r\n${head}${json}${length}\r\n${body}`, 405],
  ['OPTIONS without an origin', `OPTIONS ${chat} HTTP/1.1\r\n${head}\r\n`, 405],
  [
    'another content type',
    `POST ${chat} HTTP/1.1\r\n${head}Content-Type: text/plain\r\n${length}\r\n${body}`,
    415,
  ],
  ['a header of 100 KB', `GET /healthz HTTP/1.1\r\n${head}X-A: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
]

describe('requests at the edge', () => {
  for (const [what, text, status] of rows)
    test(`${what}: ${status}`, async () => {
      expect(await raw(text)).toStartWith(`HTTP/1.1 ${status} `)
    })

  test('Expect: 100-continue is answered before the body', async () => {
    const answer = await raw(
      `POST ${chat} HTTP/1.1\r\n${head}${json}Expect: 100-continue\r\n${length}\r\n${body}`,
    )
    expect(answer).toStartWith('HTTP/1.1 100 Continue')
    expect(answer).toContain('HTTP/1.1 200 OK')
  })

  test('a request id is taken over when it is harmless', async () => {
    const ask = (id: string) => stage.post(chat, JSON.parse(body), { 'x-request-id': id })
    expect((await ask('abc-1')).headers.get('x-request-id')).toBe('abc-1')
    expect((await ask('a<b>')).headers.get('x-request-id')).toMatch(/^req_/)
  })

  test.each(['模型-é', '\ud800', 'a\nb', 'x'.repeat(20_000)])(
    'the model %j fits into a header',
    async (name) => {
      const reply = await stage.post(chat, { ...JSON.parse(body), model: `openai/${name}` })
      expect(reply.status).toBe(200)
      expect(reply.headers.get('x-xjp-target')).toMatch(/^openai\/[\x20-\x7e]+$/)
      expect(reply.upstream[0]?.body['model']).toBe(name)
    },
  )
})
