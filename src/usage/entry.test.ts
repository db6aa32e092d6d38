import { describe, expect, test } from 'bun:test'
import type { AttemptRecord, Call } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { Entry } from './entry.ts'
import { rowOf } from './row.ts'
import { settle } from './settle.ts'
import { snapshotWith } from './testing.ts'

/** An entry whose attempts went to these targets, as their records say. */
function entryWith(...records: (Partial<AttemptRecord> & { target: string })[]): Entry {
  const call: Partial<Call> = {
    id: 'req_1',
    tenant: 'acme',
    identity: { tenant: 'acme' },
    snapshot: snapshotWith(),
    startedAt: 0,
    request: {
      model: 'm',
      stream: true,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hello you' }] }],
    },
    record: { endpoint: 'messages', model: 'm', stream: true, attempts: [], dropped: [], bytesSent: 0 },
  }
  const entry = new Entry('id', call as Call, 0)
  for (const parts of records) {
    const record = { provider: 'p', model: 'm', startedAt: 0, milliseconds: 7, ...parts }
    entry.attempts.push({
      provider: parts.target,
      model: 'm',
      target: parts.target,
      startedAt: 0,
      begun: 0,
      record,
    })
  }
  return entry
}

function answeredBy(entry: Entry, place: number): void {
  const record = entry.attempts[place]?.record
  if (record) entry.call.attempt = record
}

describe('the attempt a call ends with', () => {
  test('is the one that answers, wherever it stands', () => {
    const entry = entryWith({ target: 'first' }, { target: 'second', lost: true })
    answeredBy(entry, 0)
    expect(entry.final?.target).toBe('first')
  })

  test('is the newest as long as none answers', () => {
    const error = new GatewayError('upstream_failed', 'down')
    expect(entryWith({ target: 'first', error }, { target: 'second' }).final?.target).toBe('second')
  })

  test('is none when none was made', () => {
    const code = 'attempt_not_made'
    const error = new GatewayError('client_closed', 'left', { code })
    const entry = entryWith({ target: 'first', error }, { target: 'second', error })
    entry.forget(({ record }) => record?.error?.details.code === code)
    expect(entry.final).toBeUndefined()
  })
})

test('the row: amounts stand with the attempt that answered, the one that was lost has none', () => {
  const entry = entryWith({ target: 'first', lost: true, milliseconds: 120 }, { target: 'second' })
  answeredBy(entry, 1)
  const { call, counter } = entry
  counter.read([{ type: 'answer-end', finishes: [{ reason: 'stop' }] }])
  Object.assign(call.record, { status: 200, endedBy: 'complete', usage: { inputTokens: 5, outputTokens: 3 } })
  const settlement = settle(call, { provider: 'second', model: 'm', inFlight: true }, counter)
  expect(rowOf(entry, settlement, 300)).toMatchObject({
    provider: 'second',
    route: 'second',
    inputTokens: 5,
    attempts: [
      {
        attempt: 0,
        provider: 'first',
        status: 499,
        errorType: 'lost',
        milliseconds: 120,
        usageSource: 'none',
        inputTokens: 0,
      },
      {
        attempt: 1,
        provider: 'second',
        status: 200,
        usageSource: 'reported',
        inputTokens: 5,
        outputTokens: 3,
      },
    ],
  })
})
