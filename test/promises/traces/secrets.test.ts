import { afterAll, beforeAll, expect, test } from 'bun:test'
import type { Fault } from '../../rig/fault/fault.ts'
import { bytesOf } from '../../rig/http/reply.ts'
import type { Span } from '../../rig/otlp-definitions.ts'
import { keyOf } from '../../rig/vendors.ts'
import { UNBOUNDED } from '../attempts/support/routes.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, upstreams } from '../support/stage.ts'
import { langfuseKeys, openTraced, type Traced } from './support/traced.ts'

/** M1 planted secrets are in no span, also where spans show everything there is. */

const CLIENT_KEY = 'XJP_canaryClientKey7d1e5a90c4b2f8e6d3a1'
const CANARY_PROMPT = 'canary-prompt-93b1c7'

const models = upstreams
  .map(({ dialect, provider, model }) =>
    modelToml(dialect, { provider, model, more: 'retry = { max_retries = 0 }' }),
  )
  .join('')

const secrets = [
  CLIENT_KEY.slice(4),
  langfuseKeys.secretKey,
  ...upstreams.map(({ provider }) => keyOf(provider)),
]

function echoes(echo: string): Record<string, Fault> {
  const json: [string, string][] = [['content-type', 'application/json']]
  const answers = (status: number, body: string): Fault => ({
    reply: (reply) => ({ ...reply, status, headers: json, parts: [bytesOf(body)], framing: 'length' }),
  })
  return {
    'an error': answers(400, JSON.stringify({ error: { message: `Wrong key ${echo}`, type: 'x' } })),
    'a refused key': answers(401, JSON.stringify({ error: { message: `?key=${echo}` } })),
    'no JSON': answers(200, `oops ${echo}`),
    'an error in the middle': {
      events: (events) => [
        ...events.slice(0, 5),
        {
          text: `data: ${JSON.stringify({ error: { message: echo, type: 'server_error' } })}\n\n`,
          produced: 1,
        },
      ],
    },
  }
}

/** Everything of a span that is text. */
function textOf(span: Span): string {
  return JSON.stringify(span, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    secret.slice(0, 14),
    secret.slice(-12),
    bytes.toString('base64').slice(0, 14),
    bytes.toString('hex').slice(0, 20),
  ]
}

let open: Traced
let closed: Traced
beforeAll(async () => {
  const toml = UNBOUNDED + models
  open = await openTraced('langfuse_http', {
    toml,
    observability: 'trace_content = true\ndump_downstream = true',
  })
  closed = await openTraced('otlp_grpc', { toml })
})
afterAll(async () => {
  await open.close()
  await closed.close()
})

async function everything(stage: Traced): Promise<string[]> {
  const ids: string[] = []
  for (const { dialect, provider } of upstreams)
    for (const secret of [keyOf(provider), keyOf(provider).slice(0, -4)])
      for (const [place, fault] of Object.entries(echoes(secret)))
        for (const front of fronts) {
          const id = `${dialect} ${place} ${front.name} ${ids.length}`.replaceAll(' ', '-')
          ids.push(id)
          await ask(stage.gateway.url, front, {
            model: dialect,
            content: `[scene:text] ${customFault(fault)} ${CANARY_PROMPT}, my key is ${CLIENT_KEY}`,
            stream: ids.length % 2 === 0,
            headers: {
              authorization: `Bearer ${CLIENT_KEY}`,
              'x-request-id': id,
              session_id: `session-${CLIENT_KEY}`,
              tracestate: `rojo=${CLIENT_KEY}`,
              traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
            },
          })
        }
  await stage.collector.until(
    (spans) => new Set(spans.map(({ attributes }) => attributes['xjp.request_id'])).size > ids.length,
  )
  return ids
}

test('M1: with everything shown', async () => {
  const ids = await everything(open)
  const texts = open.collector.spans.map(textOf)
  const hits = secrets.flatMap((secret) =>
    spellings(secret).flatMap((piece) => texts.filter((text) => text.includes(piece)).map(() => piece)),
  )
  figure('M1', { spans: texts.length, calls: ids.length, secrets: secrets.length, hits: hits.length })
  expect(hits).toEqual([])
  // The spans are not empty, and what is no secret is there.
  expect(texts.some((text) => text.includes(CANARY_PROMPT))).toBe(true)
  expect(texts.some((text) => text.includes('Wrong key'))).toBe(true)
}, 120_000)

test('M1: by default no content either', async () => {
  const ids = await everything(closed)
  const texts = closed.collector.spans.map(textOf)
  const pieces = [...secrets.flatMap(spellings), CANARY_PROMPT]
  const hits = pieces.flatMap((piece) => texts.filter((text) => text.includes(piece)))
  figure('M1', { spans: texts.length, calls: ids.length, hits: hits.length })
  expect(hits).toEqual([])
  expect(closed.collector.spans.some(({ failed }) => failed)).toBe(true)
}, 120_000)
