import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fault } from '../rig/fault/fault.ts'
import { bytesOf } from '../rig/http/reply.ts'
import { type OtlpCollector, startOtlpCollector } from '../rig/otlp-collector.ts'
import { keyOf } from '../rig/vendors.ts'
import { filesUnder } from './logs/support/records.ts'
import { customFault } from './support/custom-fault.ts'
import { figure } from './support/figure.ts'
import { fronts } from './support/fronts.ts'
import { ask, modelToml, openStage, type Stage, upstreams } from './support/stage.ts'

/**
 * M1 planted secrets appear in no sink; M4 nor when an upstream's error repeats the key. The simulated vendors' keys
 * are the canaries, and beside them a key of a client's own, the administrator's token, the password of a store and the
 * key of a collector. Everything that can show something is switched on: content in traces, bodies, samples, debug.
 */

const CLIENT_KEY = 'XJP_canaryClientKey7d1e5a90c4b2f8e6d3a1'
const ADMINISTRATOR_TOKEN = 'c4n4ryAdm1nT0ken-9f3b7e21d5a8064c'
const STORE_PASSWORD = 'c4n4ryRed1sPassw0rd-71be94d0'
const COLLECTOR_KEY = 'c4n4ryC0llectorKey-5d28fa13'
const LOG_FILE = 'gateway.log'

/** Every store and exporter that is named here, and everything that shows content. */
const observability = (grpcUrl: string): string => `
[observability]
trace_content = true
dump_downstream = true
otlp_headers = "api-key=${COLLECTOR_KEY}"
[observability.logging]
level = "debug"
format = "json"
file = "${LOG_FILE}"
[observability.otlp_grpc]
endpoint = "${grpcUrl}"
[observability.exporters]
tracing = "otlp_grpc"
metrics = "otlp_grpc"
[observability.samples]
enabled = true
rate = 1
tenants = ["*"]
`

/** Of the test's own: what the gateway wrote is looked at after its end. */
const dataDirectory = mkdtempSync(join(tmpdir(), 'xjp-secrets-'))
let stage: Stage
let collector: OtlpCollector
beforeAll(async () => {
  collector = await startOtlpCollector()
  const more = 'retry = { max_retries = 0 }'
  const models = upstreams.map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more }),
  )
  stage = await openStage({
    toml: `${observability(collector.grpcUrl)}${models.join('')}`,
    env: {
      XJP_ADMIN_TOKEN: ADMINISTRATOR_TOKEN,
      // Nobody answers there: what is said about it is in the log.
      REDIS_URL: `redis://:${STORE_PASSWORD}@127.0.0.1:9`,
    },
    dataDirectory,
  })
})
afterAll(async () => {
  await stage.close()
  await collector.close()
  rmSync(dataDirectory, { recursive: true })
})

/** A secret in the spellings it travels in, and cut. */
function spellings(secret: string): Record<string, string> {
  const bytes = Buffer.from(secret)
  return {
    raw: secret,
    base64: bytes.toString('base64'),
    base64url: bytes.toString('base64url'),
    basic: Buffer.from(`user:${secret}`).toString('base64'),
    hex: bytes.toString('hex'),
    'upper hex': bytes.toString('hex').toUpperCase(),
    percent: [...bytes].map((byte) => `%${byte.toString(16)}`).join(''),
    'the first twelve characters': secret.slice(0, 12),
    'the first and the last characters': `${secret.slice(0, 12)}***${secret.slice(-4)}`,
    'all but the last four': secret.slice(0, -4),
  }
}

/**
 * What must be found nowhere: eight characters of a secret in any spelling; twelve of its beginning, which is a word
 * here, as the beginnings of vendors' keys are.
 */
function traces(secret: string): Record<string, string> {
  const { raw = '', base64 = '', hex = '', percent = '' } = spellings(secret)
  return {
    raw: raw.slice(0, 12),
    end: raw.slice(-16, -8),
    base64: base64.slice(0, 11),
    hex: hex.slice(0, 16),
    'upper hex': hex.slice(0, 16).toUpperCase(),
    percent: percent.slice(0, 24),
  }
}

function answers(status: number, body: string, headers: [string, string][]): Fault {
  return {
    reply: (reply) => ({ ...reply, status, headers, parts: [bytesOf(body)], framing: 'length' }),
  }
}

const json: [string, string][] = [['content-type', 'application/json']]

/** Places an upstream may repeat a secret in. */
function echoes(echo: string): Record<string, Fault> {
  const message = `Incorrect API key provided: ${echo}. Find yours at https://example.com/?key=${echo}`
  return {
    'chat error': answers(400, JSON.stringify({ error: { message, type: 'invalid_request_error' } }), json),
    'messages error': answers(
      403,
      JSON.stringify({ type: 'error', error: { type: 'permission_error', message } }),
      json,
    ),
    'google error': answers(
      429,
      JSON.stringify({ error: { code: 429, status: 'RESOURCE_EXHAUSTED', message } }),
      json,
    ),
    'refused key': answers(401, JSON.stringify({ error: { message, code: 'invalid_api_key' } }), json),
    'a nested request': answers(
      422,
      JSON.stringify({ detail: [{ msg: 'bad', input: { headers: { authorization: `Bearer ${echo}` } } }] }),
      json,
    ),
    'plain text': answers(500, `Traceback: key=${echo} failed`, [['content-type', 'text/plain']]),
    html: answers(502, `<p>Bad gateway for ${echo}</p>`, [['content-type', 'text/html']]),
    'not JSON in a 200': answers(200, `oops ${echo}`, json),
    'an event that is not JSON': answers(200, `data: oops ${echo}\n\n`, [
      ['content-type', 'text/event-stream'],
    ]),
    'an error event': answers(
      200,
      `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: 'api_error', message } })}\n\n`,
      [['content-type', 'text/event-stream']],
    ),
    'a content type': answers(200, 'hello', [['content-type', `text/${echo.replaceAll(/[^\w-]/g, '')}`]]),
    'a redirect': answers(302, '', [['location', `https://example.com/?key=${echo}`]]),
    'an error in the middle': {
      events: (events) => [
        ...events.slice(0, 5),
        { text: `data: ${JSON.stringify({ error: { message, type: 'server_error' } })}\n\n`, produced: 1 },
      ],
    },
  }
}

const sinks: Record<string, string> = {}
let calls = 0

function pour(sink: string, text: string): void {
  sinks[sink] = `${sinks[sink] ?? ''}\n${text}`
}

test('M4: an upstream repeats its key in every place and spelling', async () => {
  for (const { dialect, provider } of upstreams)
    for (const echo of Object.values(spellings(keyOf(provider))))
      for (const [place, fault] of Object.entries(echoes(echo)))
        for (const front of fronts)
          for (const stream of [true, false]) {
            // The prompt is not logged; neither may it be a second source of the secret.
            const content = `[scene:text] ${customFault(fault)} ${calls}`
            const seen = await ask(stage.gateway.url, front, {
              model: dialect,
              content,
              stream,
              headers: {
                authorization: `Bearer ${CLIENT_KEY}`,
                'x-request-id': `call-${calls}`,
                'x-xjp-explain': '1',
                'x-xjp-admin-token': ADMINISTRATOR_TOKEN,
              },
            })
            calls += 1
            pour(`answers to ${place}`, `${seen.text}\n${JSON.stringify([...seen.headers])}`)
          }
})

test('M1: no sink holds a trace of a secret', async () => {
  await fetch(`${stage.gateway.url}/v1/nothing?key=${CLIENT_KEY}`, { headers: { 'x-api-key': CLIENT_KEY } })
  const headers = { authorization: `Bearer ${ADMINISTRATOR_TOKEN}` }
  for (const path of ['/readyz', '/health', '/v1/models', '/metrics', '/status'])
    pour(path, await (await fetch(stage.gateway.url + path, { headers })).text())
  pourFiles()
  // At its end the gateway writes and sends everything that still waits.
  expect(await stage.gateway.stop()).toBe(0)
  const { stdout, stderr } = stage.gateway.output()
  pour('stdout', stdout)
  pour('stderr', stderr)
  pour('traces', shown(collector.spans))
  pour('exported metrics', shown(collector.metrics))
  pourFiles()
  const hits: string[] = []
  const others = [ADMINISTRATOR_TOKEN, STORE_PASSWORD, COLLECTOR_KEY]
  const secrets = [CLIENT_KEY.slice(4), ...others, ...upstreams.map(({ provider }) => keyOf(provider))]
  for (const secret of secrets)
    for (const [spelling, trace] of Object.entries(traces(secret)))
      for (const [sink, text] of Object.entries(sinks)) {
        const at = text.indexOf(trace)
        if (at !== -1) hits.push(`${sink}, ${spelling}: ${text.slice(Math.max(0, at - 80), at + 60)}`)
      }
  figure('M1', { secrets: secrets.length, calls, sinks: Object.keys(sinks).length, hits: hits.length })
  expect(hits.slice(0, 10)).toEqual([])
  // The sinks were not empty, and what is no secret is there.
  expect(Object.keys(sinks)).toEqual(expect.arrayContaining([LOG_FILE, 'samples', 'journal', 'xjp.sqlite']))
  expect(sinks[LOG_FILE]).toContain('call-0')
  expect(sinks['samples']).toContain('call-0')
  expect(sinks['traces']).toContain('call-0')
  expect(sinks['/metrics']).toContain('xjp_build_info')
  expect(sinks['exported metrics']).toContain('xjp_')
  expect(sinks['/status']).toContain('"active"')
  expect(sinks['answers to chat error']).toContain('x-xjp-explain')
  expect(sinks['answers to chat error']).toContain('Incorrect API key provided')
})

/** What the gateway wrote, by its first name in the data directory. */
function pourFiles(): void {
  for (const [file, text] of Object.entries(filesUnder(dataDirectory))) pour(file.replace(/\/.*/, ''), text)
}

/** As text, with bytes that may hold text as such. */
function shown(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member === 'bigint') return String(member)
    return member instanceof Uint8Array ? Buffer.from(member).toString('latin1') : member
  })
}

test('M1: a client’s own credential goes no further', () => {
  const carried = stage.upstream.ledger.entries.filter((entry) =>
    entry.headers.some(([, value]) => value.includes(CLIENT_KEY)),
  )
  expect(stage.upstream.ledger.entries.length).toBeGreaterThan(calls / 2)
  expect(carried).toEqual([])
})
