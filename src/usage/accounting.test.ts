import { afterEach, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import type { PriceSettings, Snapshot } from '../config/snapshot.ts'
import type { Call, CallRecord } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { mergeUsage } from '../protocol/model/usage.ts'
import type { UsageRow } from '../store/ports/usage.ts'
import { type Accounting, createAccounting } from './accounting.ts'
import { UNWRITABLE } from './ledger.ts'
import { listeningLog, MemoryUsageStore, newFolder, snapshotWith } from './testing.ts'

const prices: Record<string, PriceSettings> = {
  'openai/*': { input: '2', output: '8', cachedInput: '0.5', image: '0.001', request: '0.01' },
}
const snapshot = snapshotWith({ prices })

let folder: string | undefined
let accounting: Accounting | undefined
afterEach(async () => {
  await accounting?.stop(0)
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  accounting = undefined
  folder = undefined
})

let serial = 0

/** Books over a store in memory; `row` gives the one row when everything was written. */
function books(): { accounting: Accounting; store: MemoryUsageStore; row(): Promise<UsageRow> } {
  folder = newFolder()
  const store = new MemoryUsageStore()
  const made = createAccounting({
    dataDirectory: folder,
    store,
    snapshot: () => snapshot,
    now: () => 1_790_000_000_000,
    newId: () =>
      String((serial += 1))
        .padStart(24, '0')
        .split('')
        .toReversed()
        .join(''),
    log: listeningLog(),
  })
  accounting = made
  const row = async (): Promise<UsageRow> => {
    expect(await made.flush(2_000)).toBe(true)
    const [only, ...others] = store.kept.values()
    if (!only || others.length > 0) throw new Error(`${store.kept.size} rows`)
    return only
  }
  return { accounting: made, store, row }
}

interface Parts {
  record?: Partial<CallRecord>
  request?: Partial<ChatRequest>
  snapshot?: Snapshot
  key?: { id: string; tags: Record<string, string> }
}

function callWith({ record = {}, request = {}, snapshot: own = snapshot, key }: Parts = {}): Call {
  const messages: ChatRequest['messages'] = [
    { role: 'user', content: [{ type: 'text', text: 'How are you?' }] },
  ]
  const call: Partial<Call> = {
    id: 'req_1',
    body: new Uint8Array(100),
    request: { model: 'public', stream: true, messages, ...request },
    tenant: 'acme',
    identity: { tenant: 'acme', ...(key ? { key: key as never } : {}) },
    snapshot: own,
    startedAt: performance.now(),
    taps: [],
    ends: [],
    replyHeaders: {},
    record: {
      endpoint: 'messages',
      model: 'public',
      stream: request.stream ?? true,
      attempts: [],
      dropped: [],
      bytesSent: 0,
      ...record,
    },
  }
  // As the meter does, which stands before everything else.
  call.taps?.push((events) => {
    for (const event of events)
      if (event.type === 'usage' && call.record)
        call.record.usage = mergeUsage(call.record.usage, event.usage)
  })
  return call as Call
}

function attempt(to: Accounting, call: Call, model = 'gpt-4.1', error?: GatewayError): void {
  const record: CallRecord['attempts'][number] = {
    target: `openai/${model}`,
    provider: 'openai',
    model,
    startedAt: 0,
    milliseconds: 3,
  }
  if (error) record.error = error
  call.record.attempts.push(record)
  const target: Partial<Target> = {
    settings: { name: 'openai' } as Target['settings'],
    model,
    label: `openai/${model}`,
  }
  void to.attempt(call, target as Target)
}

const said = (text: string): AnswerEvent => ({ type: 'block-delta', index: 0, delta: { type: 'text', text } })
const used = (inputTokens?: number, outputTokens?: number): AnswerEvent => ({
  type: 'usage',
  usage: {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
  },
})
const over: AnswerEvent = { type: 'answer-end', finishes: [{ reason: 'stop' }] }

function hear(call: Call, ...events: AnswerEvent[]): void {
  for (const tap of call.taps) tap(events)
}

function end(call: Call, record: Partial<CallRecord>): void {
  Object.assign(call.record, record)
  for (const last of call.ends) last()
}

describe('the row of a call', () => {
  test('that went well: what was reported, at the configured price', async () => {
    const { accounting, row } = books()
    const call = callWith({ key: { id: 'key_1', tags: { team: 'a' } } })
    accounting.begin(call)
    accounting.begin(call)
    attempt(accounting, call)
    hear(call, said('Fine'), used(100, 20), over)
    end(call, { status: 200, endedBy: 'complete', bytesSent: 321, firstByteMs: 4.4 })
    expect(await row()).toMatchObject({
      requestId: 'req_1',
      tenant: 'acme',
      keyId: 'key_1',
      endpoint: 'messages',
      model: 'public',
      provider: 'openai',
      route: 'openai/gpt-4.1',
      status: 200,
      endReason: 'complete',
      usageSource: 'reported',
      inputTokens: 100,
      outputTokens: 20,
      cost: 10_360_000_000n,
      bytesSent: 321,
      firstByteMilliseconds: 4,
      tags: { team: 'a' },
      startedAt: 1_790_000_000_000,
      attempts: [{ attempt: 0, provider: 'openai', model: 'gpt-4.1', status: 200, usageSource: 'reported' }],
    })
    expect([call.record.cost, (await row()).priceVersion]).toEqual([10_360_000_000n, expect.any(String)])
  })

  test('that failed twice before it went well: one row, three attempts, one of them paid', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    const busy = new GatewayError('overloaded', 'busy', {
      upstream: { dialect: 'messages', status: 529, body: '' },
    })
    attempt(accounting, call, 'gpt-4.1', busy)
    attempt(accounting, call, 'gpt-4.1', new GatewayError('timeout', 'late'))
    attempt(accounting, call, 'gpt-4.1-mini')
    hear(call, said('Fine'), used(100, 20), over)
    end(call, { status: 200, endedBy: 'complete' })
    const { attempts, route } = await row()
    expect(route).toBe('openai/gpt-4.1-mini')
    expect(
      attempts.map(({ status, errorType, usageSource, cost }) => [status, errorType, usageSource, cost > 0n]),
    ).toEqual([
      [529, 'overloaded', 'none', false],
      [504, 'timeout', 'none', false],
      [200, undefined, 'reported', true],
    ])
  })

  test('that was refused: nothing used, and why', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    end(call, { status: 429, endedBy: 'gateway', error: new GatewayError('rate_limited', 'slow down') })
    expect(await row()).toMatchObject({
      status: 429,
      errorType: 'rate_limited',
      endReason: 'gateway',
      usageSource: 'none',
      inputTokens: 0,
      cost: 0n,
      attempts: [],
    })
  })

  test('that never was one, for its body made no sense', async () => {
    const { accounting, row } = books()
    accounting.refused({
      requestId: 'req_2',
      identity: { tenant: 'acme' },
      endpoint: 'messages',
      startedAt: performance.now() - 20,
      error: new GatewayError('invalid_request', 'messages: expected a list'),
      status: 400,
      endedBy: 'gateway',
    })
    expect(await row()).toMatchObject({
      requestId: 'req_2',
      tenant: 'acme',
      model: '',
      status: 400,
      errorType: 'invalid_request',
      usageSource: 'none',
      attempts: [],
    })
  })

  test('that was answered from an earlier one costs nothing', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    end(call, { status: 200, endedBy: 'complete', replay: true })
    expect(await row()).toMatchObject({ replay: true, usageSource: 'none', cost: 0n, endReason: 'complete' })
  })

  test('that nobody spoke for was ended by the gateway', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    end(call, {})
    expect(await row()).toMatchObject({ endReason: 'gateway', status: 0 })
  })
})

describe('a client that left', () => {
  const left = { status: 499, endedBy: 'client' } as const
  const gone = new GatewayError('client_closed', 'gone')

  test('before anything came pays for the prompt', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    attempt(accounting, call, 'gpt-4.1', gone)
    end(call, left)
    const { inputTokens, outputTokens, usageSource, attempts } = await row()
    expect([inputTokens > 0, outputTokens, usageSource]).toEqual([true, 0, 'estimated'])
    expect(attempts[0]).toMatchObject({ status: 499, errorType: 'client_closed' })
  })

  test('between two attempts pays nothing', async () => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    attempt(accounting, call, 'gpt-4.1', new GatewayError('overloaded', 'busy'))
    end(call, left)
    expect(await row()).toMatchObject({ usageSource: 'none', inputTokens: 0, endReason: 'client' })
  })

  test.each([
    ['in the middle: what came is counted', [said('x'.repeat(40))], ['estimated', 10]],
    [
      'after a first report: what came since is counted on top',
      [used(50, 1), said('x'.repeat(40))],
      ['estimated', 11],
    ],
    [
      'after a report of everything so far: it stands',
      [said('x'.repeat(40)), used(50, 17)],
      ['reported', 17],
    ],
    ['at the very end: what was reported', [said('x'.repeat(40)), used(50, 17), over], ['reported', 17]],
  ] as const)('%s', async (_, events, expected) => {
    const { accounting, row } = books()
    const call = callWith()
    accounting.begin(call)
    attempt(accounting, call)
    hear(call, ...events)
    end(call, left)
    const { usageSource, outputTokens } = await row()
    expect([usageSource, outputTokens]).toEqual([...expected])
  })
})

describe('money', () => {
  test('stands in the headers of a whole answer before they leave, and not in those of a stream', async () => {
    const { accounting, row } = books()
    const call = callWith({ request: { stream: false } })
    accounting.begin(call)
    attempt(accounting, call)
    hear(call, said('Fine'), used(100, 20), over)
    expect(call.replyHeaders).toEqual({ 'x-xjp-cost': '0.01036' })
    end(call, { status: 200, endedBy: 'complete' })
    expect((await row()).cost).toBe(10_360_000_000n)
    const stream = callWith()
    accounting.begin(stream)
    attempt(accounting, stream)
    hear(stream, said('Fine'), used(100, 20), over)
    expect(stream.replyHeaders).toEqual({})
  })

  test('images of the prompt have their price', () => {
    const { accounting } = books()
    const image = {
      type: 'media',
      kind: 'image',
      source: { type: 'url', url: 'https://example.com/a.png' },
    } as const
    const call = callWith({
      request: { stream: false, messages: [{ role: 'user', content: [image, image] }] },
    })
    accounting.begin(call)
    attempt(accounting, call)
    hear(call, used(100, 20), over)
    expect(call.replyHeaders).toEqual({ 'x-xjp-cost': '0.01236' })
  })

  const named: AnswerEvent = {
    type: 'usage',
    usage: {
      inputTokens: 100,
      outputTokens: 20,
      raw: { dialect: 'chat-completions', value: { cost: 0.00014175 } },
    },
  }

  test.each([
    ['what the upstream says it charged wins over what ships', {}, '0.00014175', 'upstream'],
    ['but not over what is configured', prices, '0.01036', expect.stringMatching(/^[0-9a-f]{12}$/)],
  ])('%s', async (_, configured, cost, version) => {
    const { accounting, row } = books()
    const call = callWith({ request: { stream: false }, snapshot: snapshotWith({ prices: configured }) })
    accounting.begin(call)
    attempt(accounting, call)
    hear(call, named, over)
    expect(call.replyHeaders).toEqual({ 'x-xjp-cost': cost })
    end(call, { status: 200, endedBy: 'complete' })
    expect((await row()).priceVersion).toEqual(version)
  })

  test('a call keeps the prices it began with, and its row names them', async () => {
    const { accounting, store } = books()
    const versions = []
    for (const input of ['1', '1.000001']) {
      const call = callWith({ snapshot: snapshotWith({ prices: { 'openai/*': { input } } }) })
      accounting.begin(call)
      attempt(accounting, call)
      hear(call, used(1_000_000, 0), over)
      end(call, { status: 200, endedBy: 'complete' })
      versions.push(call.record.cost)
    }
    await accounting.flush(2_000)
    expect(versions).toEqual([1_000_000_000_000n, 1_000_001_000_000n])
    expect(new Set([...store.kept.values()].map((row) => row.priceVersion)).size).toBe(2)
  })

  test('without a store nothing is written, and the price is told all the same', async () => {
    const silent = createAccounting({
      dataDirectory: '/nonexistent/never-made',
      store: undefined,
      snapshot: () => snapshot,
      now: Date.now,
      newId: () => 'unused',
      log: listeningLog(),
    })
    const call = callWith({ request: { stream: false } })
    silent.begin(call)
    attempt(silent, call)
    hear(call, used(100, 20), over)
    end(call, { status: 200, endedBy: 'complete' })
    expect([call.replyHeaders, silent.health(), await silent.flush(0)]).toEqual([
      { 'x-xjp-cost': '0.01036' },
      undefined,
      true,
    ])
  })
})

test('names from clients are stored without what a database does not take, and not at any length', async () => {
  const { accounting, row } = books()
  const call = callWith({ record: { model: `a\u0000b\ud800${'x'.repeat(5_000)}` } })
  accounting.begin(call)
  end(call, { status: 404, endedBy: 'gateway' })
  const { model } = await row()
  expect([model.length, model.startsWith('a\ufffdb\ufffdx')]).toEqual([256, true])
})

test('an attempt that could not be written down was never made', async () => {
  const { accounting, row } = books()
  const call = callWith()
  accounting.begin(call)
  const refused = new GatewayError('unavailable', 'the disk is full', { code: UNWRITABLE })
  attempt(accounting, call, 'gpt-4.1', refused)
  end(call, { status: 503, endedBy: 'gateway', error: refused })
  expect(await row()).toMatchObject({ status: 503, usageSource: 'none', attempts: [] })
})
