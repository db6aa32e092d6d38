import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../config/snapshot.ts'
import { type Call, type Handler, isStream, type Reply, type StreamBody } from '../pipeline/call.ts'
import { chatCompletions } from '../protocol/dialects/chat-completions/dialect.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { MemoryIdempotency } from '../store/memory/idempotency.ts'
import type { IdempotencyState } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { idempotency } from './idempotency.ts'
import { callWith } from './testing.ts'

interface Asked {
  key?: string
  body?: object
  tenant?: string
  keyId?: string
  endpoint?: string
  signal?: AbortSignal
  replayStreams?: boolean
  maxAnswerBytes?: number
  replyHeaders?: Record<string, string>
  readsOn?: boolean
}

function callOf(asked: Asked): Call {
  const body = asked.body ?? { model: 'm', messages: [] }
  const stream = 'stream' in body && body.stream === true
  const { client } = chatCompletions
  if (!client) throw new Error('no client side')
  return callWith({
    headers: new Headers(asked.key === undefined ? {} : { 'idempotency-key': asked.key }),
    body: Buffer.from(JSON.stringify(body)),
    request: { model: 'm', stream, messages: [] },
    client: { ...chatCompletions, client },
    tenant: asked.tenant ?? 't',
    identity: {
      tenant: asked.tenant ?? 't',
      ...(asked.keyId === undefined
        ? {}
        : { key: { id: asked.keyId } as NonNullable<Call['identity']['key']> }),
    },
    record: {
      endpoint: asked.endpoint ?? 'chat.completions',
      model: 'm',
      stream,
      attempts: [],
      dropped: [],
      bytesSent: 0,
    },
    replyHeaders: asked.replyHeaders ?? {},
    readsOn: asked.readsOn ?? false,
    scrub: (text) => text.replaceAll('secret', '***'),
    snapshot: {
      idempotency: {
        ttlSeconds: 60,
        replayStreams: asked.replayStreams ?? false,
        maxAnswerBytes: asked.maxAnswerBytes ?? 1_000,
      },
    } as Snapshot,
    ...(asked.signal ? { signal: asked.signal } : {}),
  })
}

/** A gateway of which only this policy is real: the handler counts, and answers as it is told. */
function stage(answer: (call: Call, execution: number) => Reply | Promise<Reply>, state?: IdempotencyState) {
  let now = 1_000
  const renewals: (() => void)[] = []
  const seen = { executions: 0 }
  const policy = idempotency(state ?? new MemoryIdempotency(() => now), {
    every(_, run) {
      renewals.push(run)
      return () => void renewals.splice(renewals.indexOf(run), 1)
    },
  })
  const handle: Handler = policy(async (call) => {
    seen.executions += 1
    return answer(call, seen.executions)
  })
  return {
    seen,
    renewals,
    pass: (milliseconds: number) => void (now += milliseconds),
    ask: async (asked: Asked): Promise<Reply> => handle(callOf(asked)),
    async refusal(asked: Asked): Promise<GatewayError> {
      try {
        await handle(callOf(asked))
      } catch (thrown) {
        if (thrown instanceof GatewayError) return thrown
        throw thrown
      }
      throw new Error('it was let through')
    },
  }
}

function ok(body: Reply['body'] = '{"n":1}', headers: Record<string, string> = {}): Reply {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body }
}

function textOf(reply: Reply): string {
  if (isStream(reply.body)) throw new Error('a stream')
  return Buffer.from(reply.body as string).toString()
}

async function drained(reply: Reply): Promise<string> {
  if (!isStream(reply.body)) throw new Error('no stream')
  let text = ''
  for (let piece = await reply.body.next(); piece !== undefined; piece = await reply.body.next())
    text += Buffer.from(piece as string).toString()
  return text
}

/** A stream that plays pieces, then notes how it ended, as the pipeline does. */
function streamOf(
  call: Call,
  pieces: readonly (string | Uint8Array)[],
  ends: 'complete' | 'error',
): StreamBody {
  const left = [...pieces]
  return {
    async next() {
      const piece = left.shift()
      if (left.length === 0)
        if (ends === 'complete') call.record.endedBy = 'complete'
        else call.record.error = new GatewayError('upstream_failed', 'cut')
      return piece
    },
    cancel() {
      call.record.endedBy ??= 'client'
    },
  }
}

const streaming = { model: 'm', stream: true, messages: [] }

describe('the header', () => {
  test('without it nothing happens', async () => {
    const { ask, seen } = stage(() => ok())
    await ask({})
    await ask({})
    expect(seen.executions).toBe(2)
  })

  const good = [
    'a',
    'x'.repeat(255),
    '8e03978e-40d5-43dd-bc93-6894a57f9324',
    '"quoted"',
    'a/b+c==',
    'a:b#1|2@~!$&%',
  ]
  test.each(good)('%s is a key', async (key) => {
    const { ask, seen } = stage(() => ok())
    await ask({ key })
    await ask({ key })
    expect(seen.executions).toBe(1)
  })

  const bad = [
    '',
    'x'.repeat(256),
    'a b',
    'a, b',
    'a,b',
    '*',
    '?',
    '[a-z]',
    'a\\',
    '{a}',
    "');redis.call('FLUSHALL')--",
    'ä',
    'a\u007f',
    'a\tb',
  ]
  test.each(bad)('%j is refused, and the header named', async (key) => {
    const { refusal, seen } = stage(() => ok())
    const { status, details, message } = await refusal({ key })
    expect({ status, param: details.param }).toEqual({ status: 400, param: 'idempotency-key' })
    expect(message).toStartWith('idempotency-key: ')
    expect(seen.executions).toBe(0)
  })
})

describe('a repetition', () => {
  test('gets the same bytes and status, what describes them, and word that it is one', async () => {
    const headers = { 'x-xjp-target': 'p/m', 'x-xjp-cost': '0.001', 'x-ratelimit-remaining': '7' }
    const { ask, seen } = stage((_, n) => ok(`{"n":${n},"s":"é\\u0000"}`, headers))
    const first = await ask({ key: 'k' })
    const again = await ask({ key: 'k', replyHeaders: { 'x-outer': '1' } })
    expect(textOf(again)).toBe(textOf(first))
    expect(again.status).toBe(200)
    expect(again.headers).toEqual({
      'content-type': 'application/json',
      'x-xjp-target': 'p/m',
      'x-xjp-cost': '0',
      'x-outer': '1',
      'idempotency-replayed': 'true',
    })
    expect(seen.executions).toBe(1)
  })

  test('is noted in the record, and uses nothing', async () => {
    const policy = idempotency(new MemoryIdempotency(() => 0))
    const handle = policy(async () => ok())
    await handle(callOf({ key: 'k' }))
    const call = callOf({ key: 'k' })
    await handle(call)
    expect(call.record).toMatchObject({ replay: true, endedBy: 'complete', attempts: [] })
    expect(call.record.usage).toBeUndefined()
  })

  test('bytes that are no text stay what they are', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    const { ask } = stage(() => ok(bytes))
    await ask({ key: 'k' })
    expect((await ask({ key: 'k' })).body).toEqual(Buffer.from(bytes))
  })

  test('meanwhile is told to wait', async () => {
    const gate = Promise.withResolvers<Reply>()
    const { ask, refusal, seen } = stage(() => gate.promise)
    const first = ask({ key: 'k' })
    const error = await refusal({ key: 'k' })
    expect(error).toMatchObject({ kind: 'conflict', status: 409 })
    expect(error.details).toMatchObject({ code: 'idempotency_in_flight', retryAfterSeconds: 1 })
    gate.resolve(ok())
    await first
    await ask({ key: 'k' })
    expect(seen.executions).toBe(1)
  })

  test('with another body is refused, during and after', async () => {
    const gate = Promise.withResolvers<Reply>()
    const { ask, refusal } = stage(() => gate.promise)
    const first = ask({ key: 'k' })
    const other = { key: 'k', body: { model: 'm', messages: [1] } }
    expect(await refusal(other)).toMatchObject({ status: 422, details: { code: 'idempotency_mismatch' } })
    gate.resolve(ok())
    await first
    expect(await refusal(other)).toMatchObject({ status: 422, details: { code: 'idempotency_mismatch' } })
  })

  test('after its time is a new request', async () => {
    const { ask, pass, seen } = stage(() => ok())
    await ask({ key: 'k' })
    pass(59_999)
    await ask({ key: 'k' })
    expect(seen.executions).toBe(1)
    pass(1)
    await ask({ key: 'k' })
    expect(seen.executions).toBe(2)
  })

  test('by somebody else, or elsewhere, is another request', async () => {
    const { ask, seen } = stage((_, n) => ok(`${n}`))
    const askers: Asked[] = [
      { tenant: 'a' },
      { tenant: 'b' },
      { tenant: 'a', keyId: 'key_1' },
      { tenant: 'a', keyId: 'key_2' },
      { tenant: 'b', keyId: 'key_1' },
      { tenant: 'a', endpoint: 'messages' },
      { tenant: 'a","k' },
    ]
    const answers: string[] = []
    for (const asker of askers) answers.push(textOf(await ask({ key: 'k', ...asker })))
    expect(new Set(answers).size).toBe(askers.length)
    expect(seen.executions).toBe(askers.length)
  })
})

describe('what is kept', () => {
  const upstream = (kind: GatewayError['kind'], status: number): GatewayError =>
    new GatewayError(kind, 'said secret', {
      status,
      upstream: { dialect: 'messages', status, body: '{"type":"error"}' },
    })
  const kept: [string, GatewayError][] = [
    ['a request the upstream refused', upstream('invalid_request', 400)],
    ['a prompt too long', upstream('context_too_long', 400)],
    ['a field it does not take', upstream('unprocessable', 422)],
    ['a model it does not have', upstream('not_found', 404)],
  ]
  test.each(kept)('%s', async (_, error) => {
    const { ask, refusal, seen } = stage((call) => {
      call.record.attempts.push({ target: 'p/m', provider: 'p', model: 'm', startedAt: 0, milliseconds: 1 })
      throw error
    })
    await refusal({ key: 'k' })
    const again = await ask({ key: 'k' })
    expect(again.status).toBe(error.status)
    expect(again.headers).toMatchObject({ 'idempotency-replayed': 'true', 'x-xjp-attempts': '1' })
    expect(JSON.parse(textOf(again))).toMatchObject({ error: { message: 'said ***' } })
    expect(seen.executions).toBe(1)
  })

  const freed: [string, GatewayError][] = [
    ['the upstream failed', upstream('upstream_failed', 500)],
    ['the upstream is overloaded', upstream('overloaded', 529)],
    ['the upstream limits', upstream('rate_limited', 429)],
    ['our quota there is spent', upstream('quota_exhausted', 429)],
    ['our account there is empty', upstream('payment_required', 402)],
    ['our key there is wrong', upstream('upstream_unauthenticated', 502)],
    ['a time-out', new GatewayError('timeout', 'slow')],
    ['our own limit', new GatewayError('rate_limited', 'no')],
    ['our own refusal', new GatewayError('unsupported', 'no')],
    ['no such model', new GatewayError('model_not_found', 'no')],
    ['our own fault', new GatewayError('internal', 'no')],
    ['the client left', new GatewayError('client_closed', 'gone')],
  ]
  test.each(freed)('the key is free again when %s', async (_, error) => {
    const { ask, refusal, seen, renewals } = stage((_call, n) => {
      if (n === 1) throw error
      return ok()
    })
    expect(await refusal({ key: 'k' })).toBe(error)
    expect(renewals).toEqual([])
    expect((await ask({ key: 'k' })).headers['idempotency-replayed']).toBeUndefined()
    expect(seen.executions).toBe(2)
  })

  test('nothing for a client that left before its answer', async () => {
    const controller = new AbortController()
    const { ask, refusal, seen } = stage((_call, n) => {
      if (n > 1) return ok()
      controller.abort()
      throw upstream('invalid_request', 400)
    })
    await refusal({ key: 'k', signal: controller.signal })
    await ask({ key: 'k' })
    expect(seen.executions).toBe(2)
  })

  test('of an answer beyond the cap only that it was given', async () => {
    const { ask, refusal, seen } = stage(() => ok('x'.repeat(1_001)))
    expect(textOf(await ask({ key: 'k' }))).toHaveLength(1_001)
    expect(await refusal({ key: 'k' })).toMatchObject({ status: 422, details: { code: 'not_replayable' } })
    expect(seen.executions).toBe(1)
  })
})

describe('streams', () => {
  test('are refused where they are not kept, before anything is done', async () => {
    const { refusal, seen } = stage(() => ok())
    expect(await refusal({ key: 'k', body: streaming })).toMatchObject({
      status: 409,
      details: { code: 'idempotency_stream' },
    })
    expect(seen.executions).toBe(0)
  })

  const asked: Asked = { key: 'k', body: streaming, replayStreams: true }
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }
  const reply = (
    call: Call,
    pieces: (string | Uint8Array)[],
    ends: 'complete' | 'error' = 'complete',
  ): Reply => ({
    status: 200,
    headers: { ...headers, 'x-accel-buffering': 'no', 'x-xjp-target': 'p/m' },
    body: streamOf(call, pieces, ends),
  })

  test('are replayed as streams of the same bytes', async () => {
    const long = `data: ${'y'.repeat(40_000)}\n\n`
    const { ask, seen } = stage((call) =>
      reply(call, ['data: 1\n\n', Buffer.from('data: é\n\n'), long, 'data: [DONE]\n\n']),
    )
    const roomy = { ...asked, maxAnswerBytes: 100_000 }
    const first = await drained(await ask(roomy))
    const again = await ask(roomy)
    expect(again.headers).toMatchObject({
      ...headers,
      'x-accel-buffering': 'no',
      'idempotency-replayed': 'true',
    })
    expect(await drained(again)).toBe(first)
    expect(await drained(await ask(roomy))).toBe(first)
    expect(seen.executions).toBe(1)
  })

  test('are in flight until their end', async () => {
    const { ask, refusal } = stage((call) => reply(call, ['a', 'b']))
    const first = await ask(asked)
    expect((await refusal(asked)).details.code).toBe('idempotency_in_flight')
    await drained(first)
    expect(await drained(await ask(asked))).toBe('ab')
  })

  test('copy what they hand on: the buffer may be used again', async () => {
    const buffer = Buffer.from('one')
    const { ask } = stage((call) => reply(call, [buffer, 'end']))
    await drained(await ask(asked))
    buffer.write('two')
    expect(await drained(await ask(asked))).toBe('oneend')
  })

  test('beyond the cap are not kept, only that they were given', async () => {
    const { ask, refusal, seen } = stage((call) => reply(call, ['x'.repeat(600), 'x'.repeat(401)]))
    expect(await drained(await ask(asked))).toHaveLength(1_001)
    expect((await refusal(asked)).details.code).toBe('not_replayable')
    expect(seen.executions).toBe(1)
  })

  test('that end in an error free the key', async () => {
    const { ask, seen, renewals } = stage((call, n) =>
      reply(call, ['a', 'b'], n === 1 ? 'error' : 'complete'),
    )
    await drained(await ask(asked))
    expect(renewals).toEqual([])
    await drained(await ask(asked))
    expect(seen.executions).toBe(2)
  })

  test('that their client leaves free the key', async () => {
    const { ask, seen, renewals } = stage((call) => reply(call, ['a', 'b', 'c']))
    const first = await ask(asked)
    if (!isStream(first.body)) throw new Error('no stream')
    await first.body.next()
    first.body.cancel()
    first.body.cancel()
    expect(renewals).toEqual([])
    await drained(await ask(asked))
    expect(seen.executions).toBe(2)
  })
})

describe('streams that are read on for a client that left', () => {
  const asked: Asked = { key: 'k', body: streaming, replayStreams: true, readsOn: true }
  const reply = (call: Call, ends: 'complete' | 'error'): Reply => ({
    status: 200,
    headers: {},
    body: streamOf(call, ['a', 'b', 'c'], ends),
  })

  test('are kept for it', async () => {
    const { ask, refusal, seen } = stage((call) => reply(call, 'complete'))
    const first = await ask(asked)
    if (!isStream(first.body)) throw new Error('no stream')
    await first.body.next()
    const over = first.body.cancel()
    expect((await refusal(asked)).details.code).toBe('idempotency_in_flight')
    await over
    expect(await drained(await ask(asked))).toBe('abc')
    expect(seen.executions).toBe(1)
  })

  test('are not, when they end in an error or are given up', async () => {
    const { ask, seen, renewals } = stage((call, n) => reply(call, n === 1 ? 'error' : 'complete'))
    const first = await ask(asked)
    if (!isStream(first.body)) throw new Error('no stream')
    await first.body.cancel()
    const second = await ask(asked)
    if (!isStream(second.body)) throw new Error('no stream')
    void second.body.cancel()
    void second.body.cancel()
    expect(renewals).toEqual([])
    await drained(await ask(asked))
    expect(seen.executions).toBe(3)
  })
})

describe('the lease', () => {
  test('lapses by itself, and is renewed while the call runs', async () => {
    const gate = Promise.withResolvers<Reply>()
    const { ask, refusal, pass, renewals, seen } = stage((_call, n) => (n === 1 ? gate.promise : ok()))
    const first = ask({ key: 'k' })
    for (let round = 0; round < 5; round += 1) {
      pass(29_999)
      expect((await refusal({ key: 'k' })).details.code).toBe('idempotency_in_flight')
      for (const renew of renewals) renew()
    }
    // Nobody renews any more, as after a crash.
    pass(30_000)
    await ask({ key: 'k' })
    expect(seen.executions).toBe(2)
    gate.resolve(ok('late'))
    expect(textOf(await first)).toBe('late')
    expect(textOf(await ask({ key: 'k' }))).toBe('{"n":1}')
  })

  test('a store that cannot be asked is a 503 that says when to come again; nothing is executed', async () => {
    const away: IdempotencyState = {
      claim: () => Promise.reject(new StoreUnavailable('redis', 'down')),
      renew: () => true,
      complete: () => {},
      release: () => {},
    }
    const { refusal, seen, ask } = stage(() => ok(), away)
    expect(await refusal({ key: 'k' })).toMatchObject({
      status: 503,
      details: { code: 'idempotency_unavailable', retryAfterSeconds: 1 },
    })
    expect(seen.executions).toBe(0)
    await ask({})
    expect(seen.executions).toBe(1)
  })

  test('a store that goes away meanwhile holds no answer up', async () => {
    const down = (): Promise<never> => Promise.reject(new StoreUnavailable('redis', 'down'))
    const failing: IdempotencyState = {
      claim: () => ({ state: 'execute', token: 't' }),
      renew: down,
      complete: down,
      release: down,
    }
    const { ask, refusal } = stage((_call, n) => {
      if (n === 1) return ok()
      throw new GatewayError('timeout', 'slow')
    }, failing)
    expect(textOf(await ask({ key: 'k' }))).toBe('{"n":1}')
    expect((await refusal({ key: 'k' })).kind).toBe('timeout')
  })
})
