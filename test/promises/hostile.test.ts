import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Entry } from '../rig/ledger.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'
import { keyOf } from '../rig/vendors.ts'
import { figure } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { sendBytes } from './support/raw-http.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/** J3 headers of a client cannot forge ours or be smuggled upstream; J11 names cannot change where a request goes. */

let stage: Stage
let canary: Upstream
beforeAll(async () => {
  canary = await startUpstream()
  const models = upstreams.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model }))
  stage = await openStage({ toml: `[model_list]\npassthrough = true\n${models.join('')}` })
})
afterAll(async () => {
  await stage.close()
  await canary.close()
})

describe('J3', () => {
  /** What a gateway has to say to an upstream: nothing else may reach it. */
  const ours = new Set([
    'host',
    'content-type',
    'content-length',
    'accept',
    'accept-encoding',
    'user-agent',
    'connection',
    'authorization',
    'x-api-key',
    'x-goog-api-key',
    'anthropic-version',
    'anthropic-beta',
  ])
  const hostile: Record<string, string> = {
    'x-forwarded-for': '10.0.0.1',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-real-ip': '10.0.0.1',
    forwarded: 'for=10.0.0.1',
    via: '1.1 evil',
    connection: 'x-hop, keep-alive',
    'x-hop': 'hop',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    trailer: 'x-last',
    upgrade: 'h2c',
    'proxy-authorization': 'Basic ZXZpbDpldmls',
    'proxy-connection': 'keep-alive',
    cookie: 'session=evil',
    origin: 'http://localhost',
    referer: 'http://localhost/',
    range: 'bytes=0-1',
    'x-xjp-provider': 'forged',
    'x-xjp-target': 'forged',
    'x-xjp-attempts': '99',
    'x-goog-user-project': 'evil',
    'openai-organization': 'org-evil',
    'openai-project': 'evil',
    'helicone-auth': 'evil',
    'x-stainless-lang': 'js',
    'api-key': 'evil-key-0123456789',
    authorization: 'Bearer evil-key-0123456789',
    'x-api-key': 'evil-key-0123456789',
    'x-goog-api-key': 'evil-key-0123456789',
  }
  let foreign = 0
  let n = 0
  afterAll(() =>
    figure('J3', { requests: n, headers: Object.keys(hostile).length, forwarded_or_trusted: foreign }),
  )

  const strangers = (entry: Entry): string[] =>
    entry.headers.flatMap(([name, value]) =>
      ours.has(name.toLowerCase()) && !/evil|forged|hop/.test(value) ? [] : [`${name}: ${value}`],
    )

  for (const front of fronts)
    test.each(upstreams.map(({ dialect, provider }) => [dialect, provider] as const))(
      `${front.name} client, %s upstream: only our own headers arrive`,
      async (dialect, provider) => {
        for (const [name, value] of Object.entries(hostile)) {
          // Two credentials at once are another matter; here each header comes alone.
          const body = JSON.stringify(front.body(dialect, '[scene:text]', false))
          const head = `POST ${front.path} HTTP/1.1\r\nhost: evil.example\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${name}: ${value}\r\n\r\n`
          const answer = await sendBytes(stage.gateway.url, head + body)
          n += 1
          expect({ name, status: answer.status, body: answer.body }).toEqual({
            name,
            status: 200,
            body: answer.body,
          })
          const arrived = strangers(stage.upstream.ledger.last)
          foreign += arrived.length
          expect({ name, arrived }).toEqual({ name, arrived: [] })
          const credentials = stage.upstream.ledger.last.headers.filter(([, text]) =>
            text.includes(keyOf(provider)),
          )
          expect(credentials).toHaveLength(1)
        }
      },
    )

  test('an id of a request is taken over only when it is harmless', async () => {
    const [front] = fronts
    if (front === undefined) throw new Error('there is a front')
    for (const [id, kept] of [
      ['call-1', true],
      ['<script>', false],
      ['a b', false],
      ['x'.repeat(129), false],
      ['"quoted"', false],
    ] as const) {
      const asked = { model: 'messages', content: 'x', stream: false, headers: { 'x-request-id': id } }
      const seen = await ask(stage.gateway.url, front, asked)
      expect([id, seen.headers.get('x-request-id') === id]).toEqual([id, kept])
    }
  })

  test('a forged target does not show in the answer', async () => {
    for (const front of fronts) {
      const headers = { 'x-xjp-target': 'forged', 'x-xjp-attempts': '99' }
      const seen = await ask(stage.gateway.url, front, {
        model: 'messages',
        content: 'x',
        stream: false,
        headers,
      })
      expect(seen.headers.get('x-xjp-target')).toBe('anthropic/claude-opus-4-6')
      expect(seen.headers.get('x-xjp-attempts')).toBe('1')
    }
  })

  const broken: readonly [string, string][] = [
    ['a line feed in a header', 'x-request-id: a\nx-injected: b\r\n'],
    ['a carriage return in a header', 'x-request-id: a\rx-injected: b\r\n'],
    ['a NUL in a header', 'x-request-id: a\0b\r\n'],
    ['a folded header', 'x-request-id: a\r\n x-injected: b\r\n'],
    ['a header name with a blank', 'x-request-id : a\r\n'],
    ['two lengths', 'content-length: 5\r\n'],
    ['a length and chunks', 'transfer-encoding: chunked\r\n'],
  ]
  test.each(broken)('%s: refused, or harmless', async (_, lines) => {
    for (const front of fronts) {
      const before = stage.upstream.ledger.entries.length
      const body = JSON.stringify(front.body('messages', 'x', false))
      const head = `POST ${front.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${lines}\r\n`
      const answer = await sendBytes(stage.gateway.url, head + body)
      expect(answer.status).not.toBe(500)
      expect(answer.body).not.toContain('x-injected')
      for (const entry of stage.upstream.ledger.entries.slice(before)) expect(strangers(entry)).toEqual([])
    }
  })
})

describe('J11', () => {
  const paths: Record<string, RegExp> = {
    openai: /^\/openai\/v1\/chat\/completions$/,
    openrouter: /^\/openrouter\/api\/v1\/chat\/completions$/,
    anthropic: /^\/anthropic\/v1\/messages$/,
    gemini: /^\/gemini\/v1(beta)?\/models\/[^/?#]+:(generateContent|streamGenerateContent\?alt=sse)$/,
    vertex:
      /^\/vertex\/v1(beta1)?\/(projects\/rig-project\/locations\/us-central1\/)?publishers\/(google|anthropic)\/models\/[^/?#]+:(generateContent|streamGenerateContent\?alt=sse|rawPredict|streamRawPredict)$/,
  }

  function names(port: string): string[] {
    return [
      '..',
      '.',
      '../../../admin',
      '..%2f..%2fadmin',
      '%2e%2e/%2e%2e/admin',
      '..\\..\\admin',
      'm/../../admin',
      'm/../m:generateContent/../../x',
      'm#fragment',
      'm?key=evil&x=',
      'm?alt=json#',
      'm:deleteModel',
      'm:generateContent?x=',
      '/etc/passwd',
      '//evil.example/x',
      `//127.0.0.1:${port}/x`,
      `@127.0.0.1:${port}`,
      `@127.0.0.1:${port}/x`,
      `http://127.0.0.1:${port}/x`,
      `\\\\127.0.0.1:${port}\\x`,
      `m@127.0.0.1:${port}`,
      'm\r\nx-injected: 1',
      'm\n',
      'm\0',
      'm\t',
      ' m',
      'm ',
      'ｍ／．．／ｘ',
      '。。/x',
      'm\u202eslash',
      'm\ud800',
      '%00',
      '%0d%0ax-injected:%201',
      'm;jsessionid=1',
      'm|id',
      '$(id)',
      '`id`',
      '{model}',
      ['$', '{HOME}'].join(''),
      'x'.repeat(5_000),
      'publishers/../../admin',
      'publishers/google/models/../../x',
      'projects/evil/locations/us-central1/publishers/google/models/m',
      'models/../../x',
      'tunedModels/../x',
      '__proto__',
      'constructor',
    ]
  }

  let n = 0
  let wrong = 0
  let arrived = 0
  afterAll(() => figure('J11', { n, arrived, wrong_destinations: wrong }))

  for (const front of fronts)
    test.each(Object.entries(paths))(
      `${front.name} client, %s: hostile names go nowhere else`,
      async (provider, path) => {
        const before = stage.upstream.ledger.entries.length
        for (const name of names(new URL(canary.url).port))
          for (const stream of [true, false]) {
            const seen = await ask(stage.gateway.url, front, {
              model: `${provider}/${name}`,
              content: 'x',
              stream,
            })
            n += 1
            expect({ name, status: seen.status === 500 ? seen.text : 'fine' }).toEqual({
              name,
              status: 'fine',
            })
          }
        const entries = stage.upstream.ledger.entries.slice(before)
        arrived += entries.length
        const elsewhere = entries.filter(
          (entry) => !path.test(entry.path) || entry.headers.some(([one]) => one === 'x-injected'),
        )
        wrong += elsewhere.length + canary.ledger.entries.length
        expect(elsewhere.map((entry) => entry.path)).toEqual([])
        expect(canary.ledger.entries.map((entry) => entry.path)).toEqual([])
      },
    )
})
