import { describe, expect, test } from 'bun:test'
import { decodeSpans, type Span } from '../../../test/rig/otlp-definitions.ts'
import type { AttemptRecord, Call } from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import { envelope } from '../otlp/resource.ts'
import { attemptWith, type CallParts, callWith, EPOCH, refusalWith, SECRET, tracesBench } from './testing.ts'

const wrap = envelope({ serviceName: 's', version: '1', instance: 'i', attributes: {} })

type Settings = Parameters<typeof tracesBench>[0]

function bench(settings?: Settings) {
  const made = tracesBench(settings)
  const { traces, outlet, deferred } = made
  const work = (): void => {
    for (const task of deferred.splice(0)) task()
  }
  return {
    ...made,
    work,
    /** A call from its beginning to its end; gives its spans, the call's own first. */
    run(
      call: Call,
      { events = [] as AnswerEvent[], milliseconds = 100, during = (_: Call): void => {} } = {},
    ) {
      traces.begun(call)
      for (const attempt of call.record.attempts)
        call.trace?.sent(attempt, 'https://api.example.com/v1/x?key=k')
      during(call)
      for (const tap of call.taps) tap(events)
      traces.ended(call, milliseconds)
      work()
      return this.spans()
    },
    spans: (): Span[] => decodeSpans(wrap(outlet.chunks)),
  }
}

const nanoseconds = (milliseconds: number): bigint => BigInt(EPOCH + milliseconds) * 1_000_000n

/** Within what a number can say of nanoseconds. */
function expectTime(found: bigint | undefined, milliseconds: number): void {
  const off = (found ?? 0n) - nanoseconds(milliseconds)
  expect(off < 0n ? -off : off).toBeLessThanOrEqual(256n)
}

const parent = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
const failed = new GatewayError('overloaded', `the upstream is overloaded, key ${SECRET}`)

describe('the spans of a call', () => {
  test('one for the call, one below it for its attempt', () => {
    const call = callWith({
      key: { id: 'key_1', prefix: 'XJP_abcd' },
      request: {
        temperature: 0.5,
        maxOutputTokens: 50,
        topK: 3,
        seed: 7,
        candidates: 2,
        format: { type: 'json' },
      },
      headers: { 'x-claude-code-session-id': 'session-1' },
      record: {
        attempts: [attemptWith({ reason: 'preferred', credential: 'spare', waitedMs: 5 })],
        usage: {
          inputTokens: 100,
          outputTokens: 20,
          cacheReadTokens: 60,
          cacheWriteTokens: 0,
          reasoningTokens: 5,
        },
        finish: { reason: 'tool-calls' },
        firstByteMs: 50,
        cost: 1_500_000_000n,
        balance: 'weight',
        queuedMs: 3,
        passedOver: [{ target: 'zero/m', reason: 'circuit_open' }],
        dropped: [{ path: 'topK', how: 'dropped', why: 'there is no such setting' }],
      },
    })
    const [server, client, ...more] = bench().run(call, {
      events: [{ type: 'answer-start', id: 'chatcmpl-1', model: 'model-1-2026' }],
    })
    expect(more).toEqual([])
    expect(server).toMatchObject({
      name: 'chat public',
      kind: 'server',
      parentId: '',
      failed: false,
      flags: 0x101,
    })
    expect(server?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.system': 'openai',
      'gen_ai.request.model': 'public',
      'gen_ai.request.stream': true,
      'gen_ai.request.max_tokens': 50,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.top_k': 3,
      'gen_ai.request.seed': 7,
      'gen_ai.request.choice.count': 2,
      'gen_ai.output.type': 'json',
      'gen_ai.conversation.id': 'session-1',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'model-1-2026',
      'gen_ai.response.finish_reasons': ['tool_calls'],
      'gen_ai.response.time_to_first_chunk': 0.05,
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'gen_ai.usage.cache_read.input_tokens': 60,
      'gen_ai.usage.cache_creation.input_tokens': 0,
      'gen_ai.usage.reasoning.output_tokens': 5,
      'http.request.method': 'POST',
      'http.response.status_code': 200,
      'xjp.request_id': 'req_1',
      'xjp.tenant': 'acme',
      'xjp.key': 'XJP_abcd',
      'xjp.key_id': 'key_1',
      'xjp.endpoint': 'chat.completions',
      'xjp.provider': 'first',
      'xjp.target': 'first/model-1',
      'xjp.attempts': 1,
      'xjp.balance': 'weight',
      'xjp.queued_ms': 3,
      'xjp.passed_over': ['zero/m: circuit_open'],
      'xjp.dropped': ['topK: there is no such setting'],
      'xjp.cost_usd': 0.0015,
      'xjp.bytes_sent': 100,
      'xjp.ended_by': 'complete',
      'xjp.config_version': 'abc',
    })
    expect(client).toMatchObject({ name: 'chat model-1', kind: 'client', failed: false, flags: 0x101 })
    expect(client?.parentId).toBe(server?.spanId as string)
    expect(client?.traceId).toBe(server?.traceId as string)
    expect(client?.attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.system': 'openai',
      'gen_ai.request.model': 'model-1',
      'gen_ai.response.model': 'model-1-2026',
      'gen_ai.response.finish_reasons': ['tool_calls'],
      'server.address': 'api.example.com',
      'server.port': 443,
      'http.response.status_code': 200,
      'xjp.provider': 'first',
      'xjp.target': 'first/model-1',
      'xjp.credential': 'spare',
      'xjp.attempt': 1,
      'xjp.reason': 'preferred',
      'xjp.waited_ms': 5,
    })
    expectTime(server?.start, 0)
    expectTime(server?.end, 100)
    expectTime(client?.start, 10)
    // A stream goes on behind its first content.
    expectTime(client?.end, 100)
    expect(client?.events.map(({ name }) => name)).toEqual(['request_sent', 'answer_begun', 'first_content'])
    expectTime(client?.events[2]?.at, 50)
  })

  test('a whole answer ends its attempt with its content', () => {
    const call = callWith({ record: { stream: false, firstByteMs: 50, attempts: [attemptWith()] } })
    expectTime(bench().run(call)[1]?.end, 50)
  })

  test('an attempt that failed, and the one that answered', () => {
    const call = callWith({
      record: {
        target: 'second/model-2',
        provider: 'second',
        firstByteMs: 80,
        attempts: [
          attemptWith({ status: 529, milliseconds: 20, error: failed }),
          attemptWith({ target: 'second/model-2', provider: 'second', model: 'model-2', startedAt: 40 }),
        ],
      },
    })
    const [server, first, second] = bench().run(call)
    expect(server).toMatchObject({ failed: false, attributes: { 'gen_ai.provider.name': 'gcp.vertex_ai' } })
    expect(first).toMatchObject({
      name: 'chat model-1',
      failed: true,
      attributes: { 'error.type': 'overloaded', 'http.response.status_code': 529, 'xjp.attempt': 1 },
    })
    expect(first?.message).toStartWith('the upstream is overloaded, key ')
    expect(first?.message).not.toContain(SECRET)
    expect(first?.events.map(({ name }) => name)).toEqual(['request_sent', 'answer_begun'])
    expectTime(first?.end, 30)
    expect(second).toMatchObject({ name: 'chat model-2', failed: false, attributes: { 'xjp.attempt': 2 } })
    expect(second?.attributes['error.type']).toBeUndefined()
    expect([first, second].map((span) => span?.parentId)).toEqual([server?.spanId, server?.spanId])
  })

  test('a hedge that lost is no failure', () => {
    const lost = attemptWith({ lost: true, error: new GatewayError('client_closed', 'another was first') })
    const call = callWith({
      record: { attempts: [attemptWith({ startedAt: 5 }), lost].toReversed(), firstByteMs: 45 },
    })
    const [, first, second] = bench().run(call)
    expect(first).toMatchObject({ failed: false, attributes: { 'xjp.lost': true } })
    expect(second?.attributes['xjp.lost']).toBeUndefined()
    expect(second?.events.at(-1)?.name).toBe('first_content')
    expectTime(first?.end, 50)
    expectTime(second?.end, 100)
  })

  test('a stream that broke off fails its call and its attempt', () => {
    const error = new GatewayError('upstream_failed', 'it broke off')
    const call = callWith({
      record: { error, endedBy: 'upstream', firstByteMs: 50, attempts: [attemptWith()] },
    })
    const [server, client] = bench().run(call)
    expect(server).toMatchObject({ failed: true, message: 'it broke off' })
    expect(server?.attributes).toMatchObject({
      'error.type': 'upstream_failed',
      'http.response.status_code': 200,
    })
    expect(client).toMatchObject({ failed: true, attributes: { 'error.type': 'upstream_failed' } })
    expectTime(client?.end, 100)
  })

  test('a client that left is no failure', () => {
    const attempts = [attemptWith({ error: new GatewayError('client_closed', 'left') })]
    const error = new GatewayError('client_closed', 'left')
    const call = callWith({ record: { error, endedBy: 'client', status: 499, attempts } })
    const [server, client] = bench().run(call)
    expect([server?.failed, client?.failed]).toEqual([false, false])
    expect(server?.attributes).toMatchObject({ 'xjp.ended_by': 'client', 'http.response.status_code': 499 })
  })

  test('what the caller did wrong has a kind of error, and is no failure of ours', () => {
    const error = new GatewayError('model_not_found', 'no such model')
    const call = callWith({ record: { model: 'x'.repeat(5_000), error, endedBy: 'gateway', status: 404 } })
    const [server] = bench().run(call)
    expect(server).toMatchObject({
      name: 'chat',
      failed: false,
      attributes: { 'error.type': 'model_not_found' },
    })
    expect(String(server?.attributes['gen_ai.request.model']).length).toBe(1_024)
  })

  test('an attempt that still ran at the end ends with its call', () => {
    const call = callWith({
      record: {
        endedBy: 'gateway',
        attempts: [attemptWith({ milliseconds: 0 })],
        status: 503,
        error: failed,
      },
    })
    expectTime(bench().run(call)[1]?.end, 100)
  })

  test('no secret in any text', () => {
    const call = callWith({
      headers: { session_id: SECRET, ...parent, tracestate: `a=${SECRET}` },
      record: {
        model: `m-${SECRET}`,
        attempts: [attemptWith({ model: SECRET, target: `t/${SECRET}`, credential: SECRET, error: failed })],
        error: failed,
        endedBy: 'upstream',
        status: 529,
        dropped: [{ path: SECRET, how: 'dropped', why: SECRET }],
        passedOver: [{ target: SECRET, reason: 'closed' }],
      },
    })
    const made = bench({ showsContent: true, showsBodies: true })
    made.run(call, {
      events: [{ type: 'answer-start', id: SECRET, model: SECRET }],
      during: ({ capture, record: { attempts } }) => {
        capture?.request(attempts[0] as AttemptRecord, `{"key":"${SECRET}"}`)
        capture?.response(attempts[0] as AttemptRecord, Buffer.from(`{"error":"${SECRET}"}`))
      },
    })
    const all = Buffer.concat(made.outlet.chunks).toString('latin1')
    for (let at = 0; at + 12 <= SECRET.length; at += 1) expect(all).not.toContain(SECRET.slice(at, at + 12))
    expect(all).toContain('downstream.response')
  })
})

describe('the trace of the caller', () => {
  test('is gone on with, and handed on to each upstream', () => {
    const made = bench()
    const attempts = [attemptWith({ error: failed }), attemptWith()]
    const call = callWith({
      headers: { ...parent, tracestate: 'rojo=1' },
      record: { attempts, firstByteMs: 1 },
    })
    const sent: Readonly<Record<string, string>>[] = []
    const [server, ...clients] = made.run(call, {
      during: ({ trace }) => {
        for (const attempt of attempts) sent.push(trace?.sent(attempt, 'http://127.0.0.1:9/v1') ?? {})
      },
    })
    expect(server).toMatchObject({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentId: 'b7ad6b7169203331',
      state: 'rojo=1',
      flags: 0x301,
    })
    expect(sent).toEqual(
      clients.map(({ spanId }) => ({
        traceparent: `00-0af7651916cd43dd8448eb211c80319c-${spanId}-01`,
        tracestate: 'rojo=1',
      })),
    )
    expect(new Set([server?.spanId, ...clients.map(({ spanId }) => spanId)]).size).toBe(3)
    expect(clients[0]?.attributes).toMatchObject({ 'server.address': '127.0.0.1', 'server.port': 9 })
  })

  test('without an attempt the call itself is the parent', () => {
    const { traces } = bench()
    const call = callWith({ headers: parent })
    traces.begun(call)
    const { traceparent } = call.trace?.sent(undefined, 'https://api.example.com') ?? {}
    expect(traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/)
  })

  test('one that does not hold is not gone on with', () => {
    const [server] = bench().run(callWith({ headers: { traceparent: 'hello', tracestate: 'rojo=1' } }))
    expect(server).toMatchObject({ parentId: '', state: '' })
  })
})

describe('which calls are traced', () => {
  const notSampled = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00' }
  const bad = { error: failed, endedBy: 'upstream' as const, status: 529 }
  const cases: readonly [string, Settings, number, CallParts, boolean][] = [
    ['all', {}, 0.999, {}, true],
    ['a tenth, drawn', { rate: 0.1 }, 0.0999, {}, true],
    ['a tenth, not drawn', { rate: 0.1 }, 0.1, {}, false],
    ['none', { rate: 0 }, 0, {}, false],
    ['none, and the caller traces', { rate: 0 }, 0, { headers: parent }, true],
    ['all, and the caller does not trace', {}, 0, { headers: notSampled }, false],
    ['none, and it failed', { rate: 0 }, 0, { record: bad }, true],
    ['the caller does not trace, and it failed', {}, 0, { headers: notSampled, record: bad }, true],
    [
      'none, and the client left',
      { rate: 0 },
      0,
      { record: { error: new GatewayError('client_closed', ''), endedBy: 'client' } },
      false,
    ],
  ]
  for (const [name, settings, random, parts, traced] of cases)
    test(name, () => {
      const made = bench(settings)
      made.time.random = random
      const call = callWith(parts)
      expect(made.run(call)).toHaveLength(traced ? 1 : 0)
      // The upstream is told either way, and the log only of a trace that can be looked up.
      expect(call.trace?.sent(undefined, '')['traceparent']).toMatch(/-0[01]$/)
      expect(call.trace?.traceId !== undefined).toBe(traced)
    })

  test('nothing is traced: nothing is done', () => {
    const { traces, outlet, deferred } = tracesBench(undefined)
    outlet.shape = undefined
    const call = callWith({ headers: parent })
    traces.begun(call)
    traces.ended(call, 1)
    traces.refused(refusalWith())
    expect([call.trace, call.capture, call.taps.length, deferred.length]).toEqual([
      undefined,
      undefined,
      0,
      0,
    ])
  })

  test('a request that never became a call', () => {
    const made = bench()
    made.time.now = 7
    made.traces.refused(refusalWith({ headers: new Headers(parent) }))
    made.work()
    const [span] = made.spans()
    expect(span).toMatchObject({
      name: 'chat',
      kind: 'server',
      traceId: '0af7651916cd43dd8448eb211c80319c',
      failed: false,
      attributes: { 'error.type': 'too_large', 'http.response.status_code': 413, 'xjp.request_id': 'req_2' },
    })
    expectTime(span?.end, 7)
  })
})

describe('content', () => {
  const events: AnswerEvent[] = [
    { type: 'answer-start', id: 'a' },
    { type: 'block-start', index: 0, block: { type: 'text', text: '' } },
    { type: 'block-delta', index: 0, delta: { type: 'text', text: 'Hello ' } },
    { type: 'block-delta', index: 0, delta: { type: 'text', text: 'you' } },
    { type: 'answer-end', finishes: [{ reason: 'stop' }] },
  ]
  const exchange = ({ capture, record }: Call): void => {
    for (const [index, attempt] of record.attempts.entries()) {
      capture?.request(attempt, `{"request":${index}}`)
      capture?.response(attempt, Buffer.from('event: a\ndata: {"piece":1}\n\nda'))
      capture?.response(attempt, 'ta: {"piece":2}\n\n')
    }
  }
  const names = ['input', 'output', 'downstream.request', 'downstream.response']
  const shownIn = (span: Span | undefined): string[] =>
    names.filter((name) => name in (span?.attributes ?? {}))

  test('is nowhere unless it is switched on', () => {
    const call = callWith({ record: { attempts: [attemptWith()] } })
    const spans = bench().run(call, { events, during: exchange })
    expect(spans.flatMap(shownIn)).toEqual([])
    expect(call.capture).toBeUndefined()
  })

  test('what was asked and what was answered', () => {
    const call = callWith({ body: '{"q":"Grüße"}', record: { attempts: [attemptWith()] } })
    const [server, client] = bench({ showsContent: true }).run(call, { events })
    expect(server?.attributes['input']).toBe('{"q":"Grüße"}')
    const answer = JSON.parse(String(server?.attributes['output'])) as { answer: object }
    expect(answer).toEqual({
      answer: {
        id: 'a',
        candidates: [{ blocks: [{ type: 'text', text: 'Hello you' }], finish: { reason: 'stop' } }],
      },
    } as object as { answer: object })
    expect(shownIn(client)).toEqual([])
  })

  test('a stream has let go of its request by its end', () => {
    const made = bench({ showsContent: true })
    const call = callWith({ body: '{"q":1}' })
    made.traces.begun(call)
    for (const tap of call.taps) tap(events.slice(0, 2))
    call.body = new Uint8Array(0)
    for (const tap of call.taps) tap(events.slice(2))
    made.traces.ended(call, 1)
    made.work()
    expect(made.spans()[0]?.attributes['input']).toBe('{"q":1}')
  })

  test('what went up and what came down, at each attempt, and of the answering one at the call', () => {
    const call = callWith({
      record: { firstByteMs: 1, attempts: [attemptWith({ error: failed }), attemptWith()] },
    })
    const [server, first, second] = bench({ showsBodies: true }).run(call, { events, during: exchange })
    expect([server, first, second].map((span) => span?.attributes['downstream.request'])).toEqual([
      '{"request":1}',
      '{"request":0}',
      '{"request":1}',
    ])
    for (const span of [server, first, second])
      expect(span?.attributes['downstream.response']).toBe('{"piece":1}\n{"piece":2}')
    expect(shownIn(server)).toEqual(names.slice(2))
  })

  test('each body is cut at its length, at a character', () => {
    const long = `{"q":"${'ü'.repeat(500)}"}`
    const call = callWith({ body: long, record: { attempts: [attemptWith()] } })
    const [server] = bench({ showsContent: true, showsBodies: true, bodyBytes: 99 }).run(call, {
      events: [
        ...events.slice(0, 2),
        ...Array.from({ length: 100 }, () => events[2] as AnswerEvent),
        ...events.slice(4),
      ],
      during: ({ capture, record }) => {
        const attempt = record.attempts[0] as AttemptRecord
        capture?.request(attempt, long)
        for (let count = 0; count < 100; count += 1) capture?.response(attempt, `data: ${'ü'.repeat(30)}\n\n`)
      },
    })
    for (const name of names) {
      const value = String(server?.attributes[name])
      expect(Buffer.byteLength(value)).toBeGreaterThanOrEqual(98)
      expect(Buffer.byteLength(value)).toBeLessThanOrEqual(99)
      expect(value).not.toContain('\ufffd')
    }
  })

  test('another who looks at the bytes sees them too', () => {
    const made = bench({ showsBodies: true })
    const call = callWith({ record: { attempts: [attemptWith()] } })
    const seen: string[] = []
    call.capture = {
      request: (_, body) => void seen.push(String(body)),
      response: (_, bytes) => void seen.push(String(bytes)),
    }
    const [server] = made.run(call, { during: exchange })
    expect(seen).toHaveLength(3)
    expect(shownIn(server)).toEqual(names.slice(2))
  })

  test('in Langfuse’s own words', () => {
    const call = callWith({
      request: { endUser: 'user-1' },
      headers: { session_id: 's-1' },
      record: {
        firstByteMs: 50,
        cost: 2_000_000_000n,
        attempts: [attemptWith()],
        usage: {
          inputTokens: 100,
          outputTokens: 20,
          cacheReadTokens: 60,
          cacheWriteTokens: 10,
          reasoningTokens: 5,
        },
      },
    })
    const [server, client] = bench({ showsContent: true, isLangfuse: true }).run(call, { events })
    expect(server?.attributes).toMatchObject({
      'langfuse.observation.type': 'generation',
      'langfuse.observation.input': server?.attributes['input'] as string,
      'langfuse.observation.output': server?.attributes['output'] as string,
      'langfuse.session.id': 's-1',
      'langfuse.user.id': 'user-1',
      'langfuse.observation.completion_start_time': JSON.stringify(new Date(EPOCH + 50).toISOString()),
      'langfuse.observation.cost_details': '{"total":0.002}',
    })
    expect(JSON.parse(String(server?.attributes['langfuse.observation.usage_details'])) as object).toEqual({
      input: 30,
      input_cached_tokens: 60,
      input_cache_creation: 10,
      output: 15,
      output_reasoning_tokens: 5,
    })
    expect(client?.attributes['langfuse.observation.type']).toBe('span')
  })
})

describe('beside the way of the answer', () => {
  test('nothing is made before the loop has time, and only for a millisecond at once', () => {
    const made = bench()
    const { traces, outlet, time, deferred } = made
    for (let count = 0; count < 10; count += 1) {
      const call = callWith()
      traces.begun(call)
      traces.ended(call, 1)
    }
    expect([outlet.chunks.length, deferred.length]).toEqual([0, 1])
    const { push } = outlet
    outlet.push = (...chunk) => {
      time.now += 0.4
      push.apply(outlet, chunk)
    }
    made.work()
    expect([outlet.chunks.length, deferred.length]).toEqual([3, 1])
    while (deferred.length > 0) made.work()
    expect(outlet.chunks).toHaveLength(10)
  })

  test('what nobody has time for is dropped and counted', () => {
    const { traces, outlet, deferred } = tracesBench()
    for (let count = 0; count < 2_100; count += 1) {
      const call = callWith({ record: { attempts: [attemptWith()] } })
      traces.begun(call)
      traces.ended(call, 1)
    }
    expect(traces.counts.dropped).toBe(200)
    while (deferred.length > 0) for (const task of deferred.splice(0)) task()
    expect(outlet.spans).toBe(4_000)
  })

  test('a call that cannot be told is told to the log, and the next one is whole', () => {
    const made = bench()
    const broken = callWith()
    made.traces.begun(broken)
    Object.assign(broken.record, { attempts: [null] })
    made.traces.ended(broken, 1)
    expect(made.run(callWith())).toHaveLength(1)
    expect(made.log.lines.map(({ message }) => message)).toEqual(['a trace could not be made'])
    expect(made.traces.counts.dropped).toBe(2)
  })

  test('at the end everything is handed over', async () => {
    const { traces, outlet } = tracesBench()
    const call = callWith()
    traces.begun(call)
    traces.ended(call, 1)
    await traces.stop(1_000)
    expect(outlet.spans).toBe(1)
  })
})
