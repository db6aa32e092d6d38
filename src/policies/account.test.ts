import { afterEach, describe, expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { toGatewayError } from '../pipeline/answer-reader.ts'
import type { Call, Reply } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import type { UsageRow } from '../store/ports/usage.ts'
import { type Accounting, createAccounting } from '../usage/accounting.ts'
import { listeningLog, MemoryUsageStore, newFolder, snapshotWith } from '../usage/testing.ts'
import { account } from './account.ts'
import { callWith, requestWith } from './testing.ts'

let folder = ''
let accounting: Accounting | undefined
afterEach(async () => {
  await accounting?.stop(0)
  rmSync(folder, { recursive: true, force: true })
})

let serial = 0

/** A call on its way to its first attempt, whose client may leave; `row` is what is kept of it. */
function bench(): {
  call: Call
  leave(): void
  run(): Promise<string>
  end(): void
  row(): Promise<UsageRow | undefined>
} {
  folder = newFolder()
  const store = new MemoryUsageStore()
  const snapshot = snapshotWith({ prices: { 'openai/*': { input: '2', output: '8' } } })
  const books = createAccounting({
    dataDirectory: folder,
    store,
    snapshot: () => snapshot,
    now: Date.now,
    newId: () =>
      String((serial += 1))
        .padStart(24, '0')
        .split('')
        .toReversed()
        .join(''),
    log: listeningLog(),
  })
  accounting = books
  const leaving = new AbortController()
  const target: Partial<Target> = {
    model: 'gpt-4.1',
    label: 'openai/gpt-4.1',
    settings: { name: 'openai' } as Target['settings'],
  }
  const call = callWith({
    snapshot,
    account: {},
    body: new Uint8Array(10),
    identity: { tenant: 'open' },
    request: requestWith([{ role: 'user', content: [{ type: 'text', text: 'hello' }] }]),
    signal: leaving.signal,
    left: leaving.signal,
    ends: [],
    replyHeaders: {},
    targets: [target as Target],
  })
  books.begin(call)
  const policy = account(books)(() => Promise.resolve({ status: 200, headers: {}, body: 'sent' } as Reply))
  return {
    call,
    leave: () => leaving.abort(),
    /** As the attempt policy does. */
    async run() {
      const record: Call['record']['attempts'][number] = {
        target: 'openai/gpt-4.1',
        provider: 'p',
        model: 'm',
        startedAt: performance.now(),
        milliseconds: 0,
      }
      call.record.attempts.push(record)
      try {
        return String((await policy(call)).body)
      } catch (thrown) {
        record.error = toGatewayError(thrown)
        return record.error.kind
      }
    },
    end: () => {
      for (const end of call.ends) end()
    },
    async row() {
      await books.flush(2_000)
      return [...store.kept.values()][0]
    },
  }
}

describe('nothing is asked of an upstream, and nothing charged', () => {
  test('for a client that left before its turn came', async () => {
    const { call, leave, run, end, row } = bench()
    leave()
    expect(await run()).toBe('client_closed')
    Object.assign(call.record, { status: 499, endedBy: 'client' })
    end()
    expect(await row()).toMatchObject({ status: 499, usageSource: 'none', inputTokens: 0, attempts: [] })
  })

  test('for one that left while its attempt was written down', async () => {
    const { call, leave, run, end, row } = bench()
    const running = run()
    leave()
    expect(await running).toBe('client_closed')
    Object.assign(call.record, { status: 499, endedBy: 'client' })
    end()
    expect(await row()).toMatchObject({ status: 499, usageSource: 'none', inputTokens: 0, attempts: [] })
    // What was written down is settled: it would be taken for interrupted else.
    await accounting?.stop(1_000)
    expect(accounting?.health()).toMatchObject({ state: 'ok' })
  })

  test('for a call that the gateway has given up', async () => {
    const { call, run, end, row } = bench()
    Object.assign(call.record, { status: 503, endedBy: 'gateway' })
    end()
    expect(await run()).toBe('client_closed')
    expect(await row()).toMatchObject({ status: 503, usageSource: 'none', attempts: [] })
  })
})

test('who waits is served', async () => {
  const { run } = bench()
  expect(await run()).toBe('sent')
})
