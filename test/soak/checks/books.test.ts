import { describe, expect, test } from 'bun:test'
import type { UsageRow } from '../../../src/store/ports/usage.ts'
import { rowWith } from '../../../src/usage/testing.ts'
import type { Entry } from '../../rig/ledger.ts'
import type { Seen } from '../load/client.ts'
import { type Plan, planOf } from '../load/plan.ts'
import { wordOf } from '../load/scenes.ts'
import { Books } from './books.ts'
import type { Outcome } from './verdict.ts'

/** The accounts of the soak see what does not fit. */

const word = wordOf(7)
const plan: Plan = {
  ...planOf(7, { seed: 1, keys: 3, leaving: 0, thinkingUntil: 0 }),
  word,
  requestId: word,
  kind: 'call',
}
const bill = { input: 10, output: 5, cacheRead: 0, cacheWrite: 0, reasoning: 0 }
const conversation = {} as NonNullable<Entry['conversation']>

function entry(more: Partial<Entry> = {}): Entry {
  const about = { body: `… ${word} …`, status: 200, vendor: 'openai', bill, ended: 'complete', conversation }
  return { ...about, ...more } as Entry
}

const attempt = { ...rowWith('x', {}).attempts[0] } as UsageRow['attempts'][number]

function row(more: Partial<UsageRow> = {}): UsageRow {
  const tokens = { inputTokens: 10, outputTokens: 5, cost: 20_000_000n }
  const about = { requestId: word, status: 200, endReason: 'complete', usageSource: 'reported' } as const
  return rowWith('row-1', { ...about, ...tokens, attempts: [attempt], ...more })
}

interface Story {
  outcome?: Outcome
  status?: number
  entries?: Entry[]
  rows?: UsageRow[]
}

/** The faults of one request, when nothing more comes. */
function faultsOf({
  outcome = 'answered',
  status = 200,
  entries = [entry()],
  rows = [row()],
}: Story): string[] {
  let now = 0
  const books = new Books(() => now, new Set())
  books.told(plan, { status } as Seen, outcome)
  books.take(entries)
  books.add(rows)
  // The same rows are read again.
  books.add(rows)
  now = 60_000
  books.close(new Set())
  books.closeAll()
  return books.faults
}

describe('one request', () => {
  const left = { outcome: 'left', status: 0 } as const
  const good: [string, Story][] = [
    ['an answer', {}],
    ['left, and nobody heard it', { ...left, entries: [], rows: [] }],
    ['left, heard, and not asked further', { ...left, entries: [], rows: [row({ endReason: 'client' })] }],
    ['refused', { outcome: 'refused', status: 429, entries: [], rows: [refused(429)] }],
  ]
  test.each(good)('that fits: %s', (_, story) => {
    expect(faultsOf(story)).toEqual([])
  })

  const bad: [string, Story][] = [
    ['no row', { rows: [] }],
    ['two rows', { rows: [row(), { ...row(), id: 'row-2' }] }],
    ['a row of nobody', { rows: [row(), { ...row({ requestId: 'who' }), id: 'row-2' }] }],
    ['an attempt that no row knows', { entries: [entry(), entry()] }],
    ['an attempt that no vendor knows', { entries: [] }],
    ['another status', { rows: [row({ status: 503 })] }],
    ['other tokens', { rows: [row({ outputTokens: 6, cost: 22_000_000n })] }],
    ['another price', { rows: [row({ cost: 1n })] }],
    ['tokens for an error', { outcome: 'refused', status: 503, rows: [row({ status: 503 })] }],
    ['an end that was none', { rows: [row({ endReason: 'gateway' })] }],
    ['left, asked, and no row', { ...left, rows: [] }],
  ]
  test.each(bad)('that does not: %s', (_, story) => {
    expect(faultsOf(story)).not.toEqual([])
  })
})

function refused(status: number): UsageRow {
  const nothing = { inputTokens: 0, outputTokens: 0, cost: 0n, attempts: [] }
  return row({ status, endReason: 'gateway', usageSource: 'none', ...nothing })
}

test('a row that comes after the account was closed is told', () => {
  let now = 0
  const books = new Books(() => now, new Set())
  books.told(plan, { status: 200 } as Seen, 'answered')
  books.take([entry()])
  books.add([row()])
  now = 60_000
  books.close(new Set())
  expect(books.balanced).toBe(1)
  books.add([{ ...row(), id: 'row-2' }])
  expect(books.faults).toHaveLength(1)
})
