import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startGateway } from '../../rig/gateway.ts'
import type { Span } from '../../rig/otlp-definitions.ts'
import { sendRaw } from '../../rig/swarm.ts'
import { keyOf } from '../../rig/vendors.ts'
import { UNBOUNDED } from '../attempts/support/routes.ts'
import { customFault } from '../support/custom-fault.ts'
import { chatFront, fronts, messagesFront } from '../support/fronts.ts'
import { ask, modelToml, openStage } from '../support/stage.ts'
import { type Exporter, langfuseKeys, openTraced, sentParent, type Traced } from './support/traced.ts'

/** Traces arrive whole, with right parents, whatever becomes of a call. */

const models = [
  modelToml(
    'm',
    { provider: 'openai', model: 'gpt-4.1', more: 'retry = { max_retries = 0 }' },
    { provider: 'anthropic', model: 'claude-opus-4-6', more: 'retry = { max_retries = 0 }' },
  ),
].join('')
const toml = UNBOUNDED + models

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const theirs = { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'rojo=00f067aa0ba902b7' }

let serial = 0
function newId(): string {
  serial += 1
  return `trace-call-${serial}`
}

/** What must hold of every trace: one call, its attempts below it, in its time and in its trace. */
function expectTree([call, ...attempts]: readonly Span[]): void {
  expect(call?.kind).toBe('server')
  for (const attempt of attempts) {
    expect(attempt).toMatchObject({
      kind: 'client',
      traceId: call?.traceId as string,
      parentId: call?.spanId as string,
    })
    expect(attempt.start >= (call?.start ?? 0n) && attempt.end <= (call?.end ?? 0n)).toBe(true)
    expect(attempt.end >= attempt.start).toBe(true)
    for (const { at } of attempt.events) expect(at >= attempt.start && at <= attempt.end).toBe(true)
  }
  expect(new Set([call, ...attempts].map((span) => span?.spanId)).size).toBe(1 + attempts.length)
}

describe.each(['otlp_grpc', 'otlp_http'] as const)('%s', (exporter: Exporter) => {
  let stage: Traced
  beforeAll(async () => {
    stage = await openTraced(exporter, { toml, observability: 'service_name = "try"' })
  })
  afterAll(() => stage.close())

  async function trace(
    content: string,
    { stream = true, front = chatFront, headers = {} as Record<string, string>, model = 'm' } = {},
  ): Promise<{ spans: Span[]; sent: (string | undefined)[]; status: number }> {
    const requestId = newId()
    const seen = await ask(stage.gateway.url, front, {
      model,
      content: `${content} ${requestId}-end`,
      stream,
      headers: { 'x-request-id': requestId, ...headers },
    })
    const sent = stage.upstream.ledger
      .withText(`${requestId}-end`)
      .map((entry) => sentParent(entry.headers as [string, string][]))
    return { spans: await stage.spansOf(requestId), sent, status: seen.status }
  }

  for (const front of fronts)
    for (const stream of [true, false])
      test.concurrent(`${front.name}, ${stream ? 'a stream' : 'whole'}: a call, its attempt, and the upstream knows it`, async () => {
        const { spans, sent } = await trace('[scene:text]', { front, stream })
        expectTree(spans)
        expect(spans.map(({ name }) => name)).toEqual(['chat m', 'chat gpt-4.1'])
        const [call, attempt] = spans
        expect(call).toMatchObject({ parentId: '', failed: false })
        expect(call?.attributes).toMatchObject({
          'gen_ai.provider.name': 'openai',
          'gen_ai.response.model': expect.stringContaining('gpt-4.1') as string,
          'gen_ai.response.finish_reasons': ['stop'],
          'xjp.endpoint': front.name === 'messages' ? 'messages' : 'chat.completions',
          'xjp.ended_by': 'complete',
          'xjp.attempts': 1,
        })
        expect(Number(call?.attributes['gen_ai.usage.input_tokens'])).toBeGreaterThan(0)
        expect(Number(call?.attributes['gen_ai.usage.output_tokens'])).toBeGreaterThan(0)
        expect(attempt?.events.map(({ name }) => name)).toEqual([
          'request_sent',
          'answer_begun',
          'first_content',
        ])
        expect(attempt?.attributes).toMatchObject({
          'server.address': '127.0.0.1',
          'http.response.status_code': 200,
        })
        expect(sent).toEqual([`00-${call?.traceId}-${attempt?.spanId}-01`])
        expect(call?.resource).toMatchObject({ 'service.name': 'try' })
        for (const name of ['input', 'output', 'downstream.request', 'downstream.response'])
          expect(call?.attributes[name]).toBeUndefined()
      })

  test.concurrent('the caller’s trace goes on', async () => {
    const { spans, sent } = await trace('[scene:text]', { headers: theirs })
    expectTree(spans)
    expect(spans[0]).toMatchObject({ traceId, parentId: '00f067aa0ba902b7', state: theirs.tracestate })
    expect(sent).toEqual([`00-${traceId}-${spans[1]?.spanId}-01`])
  })

  test.concurrent('a failure and its fallback are two attempts', async () => {
    const { spans, sent, status } = await trace('[scene:text] [openai-fault:cut-head-rst]')
    expect(status).toBe(200)
    expectTree(spans)
    const [call, first, second] = spans
    expect(call).toMatchObject({ failed: false, attributes: { 'gen_ai.provider.name': 'anthropic' } })
    expect(first).toMatchObject({ name: 'chat gpt-4.1', failed: true })
    expect(String(first?.attributes['error.type'])).not.toBe('')
    expect(second).toMatchObject({ name: 'chat claude-opus-4-6', failed: false })
    expect(sent).toEqual([first, second].map((span) => `00-${call?.traceId}-${span?.spanId}-01`))
    expect((first?.end ?? 0n) <= (second?.start ?? 0n)).toBe(true)
  })

  test.concurrent('all fail', async () => {
    const { spans, status } = await trace('[scene:text] [fault:cut-head-rst]')
    expect(status).toBe(502)
    expectTree(spans)
    expect(spans.map(({ failed }) => failed)).toEqual([true, true, true])
  })

  test.concurrent('a stream that is cut', async () => {
    const { spans } = await trace('[scene:long@40] [fault:cut-fin@2000]')
    expectTree(spans)
    expect(spans.map(({ failed }) => failed)).toEqual([true, true])
    expect(spans[0]?.attributes).toMatchObject({
      'xjp.ended_by': 'upstream',
      'http.response.status_code': 200,
    })
  })

  test.concurrent('a client that leaves', async () => {
    const requestId = newId()
    await sendRaw(
      {
        url: stage.gateway.url,
        path: chatFront.path,
        body: chatFront.body('m', `[scene:long@200] ${customFault({ paceMs: 20 })}`, true),
        headers: { 'x-request-id': requestId },
      },
      { abort: { atByte: 600, how: 'rst' } },
    )
    const spans = await stage.spansOf(requestId)
    expectTree(spans)
    expect(spans.map(({ failed }) => failed)).toEqual([false, false])
    expect(spans[0]?.attributes).toMatchObject({ 'xjp.ended_by': 'client', 'http.response.status_code': 499 })
  })

  test.concurrent('a model that does not exist, and a request that is none', async () => {
    const { spans } = await trace('x', { model: 'no-such-model' })
    expect(spans).toMatchObject([
      { name: 'chat', failed: false, attributes: { 'error.type': 'model_not_found' } },
    ])
    const requestId = newId()
    await fetch(stage.gateway.url + messagesFront.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': requestId, ...theirs },
      body: '{"model":',
    })
    expect(await stage.spansOf(requestId)).toMatchObject([
      {
        traceId,
        failed: false,
        attributes: { 'error.type': 'invalid_request', 'http.response.status_code': 400 },
      },
    ])
  })

  test.concurrent('a count of tokens', async () => {
    const requestId = newId()
    await fetch(`${stage.gateway.url}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': requestId },
      body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] }),
    })
    expect(await stage.spansOf(requestId)).toMatchObject([{ name: 'count_tokens m', kind: 'server' }])
  })

  test.concurrent('the log names the trace', async () => {
    const { spans } = await trace('[scene:text]')
    const [{ traceId: id, attributes } = { traceId: '', attributes: {} as Span['attributes'] }] = spans
    const isIts = (line: string): boolean =>
      line.includes(`"request_id":"${String(attributes['xjp.request_id'])}"`)
    const deadline = performance.now() + 5_000
    let line: string | undefined
    while (line === undefined && performance.now() < deadline) {
      line = stage.gateway.output().stdout.split('\n').find(isIts)
      await Bun.sleep(20)
    }
    expect(line).toContain(`"trace_id":"${id}"`)
  })
})

test.concurrent('a hedge that lost is in the trace', async () => {
  const hedged = `[models.h]\nhedge = { after_ms = 30, budget = 1 }\n[[models.h.routes]]\nprovider = "openai"\nprovider_model_id = "gpt-4.1"\n[[models.h.routes]]\nprovider = "anthropic"\nprovider_model_id = "claude-opus-4-6"\n`
  const stage = await openTraced('otlp_http', { toml: `[limits]\nmax_delay_ms = 0\n${hedged}` })
  const requestId = newId()
  await ask(stage.gateway.url, chatFront, {
    model: 'h',
    content: '[scene:text] [openai-fault:stall-head]',
    stream: true,
    headers: { 'x-request-id': requestId },
  })
  const spans = await stage.spansOf(requestId)
  expectTree(spans)
  expect(spans.map(({ name, failed }) => [name, failed])).toEqual([
    ['chat h', false],
    ['chat gpt-4.1', false],
    ['chat claude-opus-4-6', false],
  ])
  expect(spans[1]?.attributes['xjp.lost']).toBe(true)
  await stage.close()
}, 30_000)

test.concurrent('nothing is said to upstreams where nothing is traced', async () => {
  const stage = await openStage({ toml })
  await ask(stage.gateway.url, chatFront, {
    model: 'm',
    content: '[scene:text]',
    stream: true,
    headers: theirs,
  })
  const names = stage.upstream.ledger.last.headers.map(([name]) => name.toLowerCase())
  expect(names.filter((name) => name.startsWith('trace'))).toEqual([])
  await stage.close()
})

describe('system B’s file', () => {
  test.concurrent('input, output, what went down and what came back, in a trace for Langfuse', async () => {
    const traced = await openTraced('langfuse_http', { toml: models })
    const config = {
      name: 'config.yaml',
      text: `server: { bind_addr: "127.0.0.1:0" }
downstream: { base_url: "${traced.upstream.url}/openai/v1", api_key: "${keyOf('openai')}" }
models: { model_map: { public: "gpt-4.1" } }
observability:
  service_name: "llm-gateway"
  dump_downstream: true
  otlp_http: { base_url: "${traced.collector.httpUrl}/api/public/otel", public_key: "${langfuseKeys.publicKey}", secret_key: "${langfuseKeys.secretKey}", timeout_ms: 5000 }
  exporters: { tracing: "langfuse_http", metrics: "langfuse_http" }
`,
    }
    const gateway = await startGateway({ config, env: { TRACE_BODY_MAX_BYTES: '2000' } })
    const requestId = newId()
    await ask(gateway.url, messagesFront, {
      model: 'public',
      content: '[scene:text]',
      stream: true,
      headers: { 'x-request-id': requestId },
    })
    const [call, attempt] = await traced.spansOf(requestId)
    const shown = call?.attributes ?? {}
    expect(JSON.parse(String(shown['input'])) as object).toMatchObject({ model: 'public', stream: true })
    expect(JSON.parse(String(shown['output'])) as object).toMatchObject({
      type: 'message',
      role: 'assistant',
    })
    expect(JSON.parse(String(shown['downstream.request'])) as object).toMatchObject({ model: 'gpt-4.1' })
    const lines = String(shown['downstream.response']).split('\n')
    expect(lines.length).toBeGreaterThan(3)
    expect(JSON.parse(lines[0] ?? '') as object).toMatchObject({ object: 'chat.completion.chunk' })
    expect(shown['langfuse.observation.input']).toBe(shown['input'] as string)
    expect(shown['langfuse.observation.output']).toBe(shown['output'] as string)
    expect(attempt?.attributes['downstream.request']).toBe(shown['downstream.request'] as string)
    expect(call?.resource['service.name']).toBe('llm-gateway')
    const { publicKey, secretKey } = langfuseKeys
    const { path, headers } = traced.collector.exports.find((one) => one.path.endsWith('/traces')) ?? {}
    expect(path).toBe('/api/public/otel/v1/traces')
    expect(headers?.['authorization']).toBe(
      `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString('base64')}`,
    )
    await gateway.stop()
    await traced.close()
  }, 30_000)
})
