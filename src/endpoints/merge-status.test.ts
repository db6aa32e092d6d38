import { expect, test } from 'bun:test'
import { mergeStatus } from './merge-status.ts'
import type { Status } from './operations.ts'

const since = '2026-11-21T00:00:00.000Z'
const later = '2026-11-21T00:01:00.000Z'

const status = (parts: Partial<Status>): Status => ({
  status: 'ok',
  version: '1',
  config_version: 'abc',
  uptime_seconds: 10,
  draining: false,
  overloaded: false,
  active: 1,
  queue: { waiting: 0 },
  circuits: [],
  cooldowns: [],
  stores: [],
  ...parts,
})

const circuit = { model: 'm', target: 'p/up', since, failures_in_row: 0 }

test('none is none, and one is itself', () => {
  expect(mergeStatus([])).toBeUndefined()
  expect(mergeStatus([status({})])).toEqual({ ...status({}), workers: 1 })
})

test('numbers are added, and of what each has for itself the worst counts', () => {
  const one = status({
    active: 3,
    queue: { waiting: 2 },
    uptime_seconds: 99,
    circuits: [
      { ...circuit, state: 'closed' },
      { ...circuit, target: 'q/up', state: 'half_open' },
    ],
    cooldowns: [{ provider: 'p', credential: 'a', until: later, reason: 'retry_after' }],
    stores: [{ store: 'database', up: true, since }],
    accounting: { state: 'ok', journal_bytes: 5, rows_waiting: 1, lag_seconds: 0.1 },
  })
  const other = status({
    status: 'degraded',
    overloaded: true,
    active: 4,
    queue: { waiting: 3 },
    circuits: [
      { ...circuit, state: 'open', failures_in_row: 5, retry_at: later },
      { ...circuit, target: 'q/up', state: 'half_open', failures_in_row: 7 },
    ],
    cooldowns: [
      { provider: 'p', credential: 'a', until: since, reason: 'retry_after' },
      { provider: 'p', credential: 'b', until: since, reason: 'retry_after' },
    ],
    stores: [
      { store: 'database', up: false, since: later, reason: 'gone' },
      { store: 'redis', up: true, since },
    ],
    accounting: { state: 'waiting', journal_bytes: 6, rows_waiting: 3, lag_seconds: 9 },
  })
  const merged: Status = {
    ...status({}),
    status: 'degraded',
    uptime_seconds: 99,
    overloaded: true,
    active: 7,
    queue: { waiting: 5 },
    circuits: [
      { ...circuit, state: 'open', failures_in_row: 5, retry_at: later },
      { ...circuit, target: 'q/up', state: 'half_open', failures_in_row: 7 },
    ],
    cooldowns: [
      { provider: 'p', credential: 'a', until: later, reason: 'retry_after' },
      { provider: 'p', credential: 'b', until: since, reason: 'retry_after' },
    ],
    stores: [
      { store: 'database', up: false, since: later, reason: 'gone' },
      { store: 'redis', up: true, since },
    ],
    accounting: { state: 'waiting', journal_bytes: 11, rows_waiting: 4, lag_seconds: 9 },
    workers: 2,
  }
  expect(mergeStatus([one, other])).toEqual(merged)
  // In whichever order, but for the order of the lists.
  expect(new Set(mergeStatus([other, one])?.circuits)).toEqual(new Set(merged.circuits))
})

test('one that drains makes it drain', () => {
  const merged = mergeStatus([
    status({}),
    status({ status: 'draining', draining: true }),
    status({ status: 'degraded' }),
  ])
  expect([merged?.status, merged?.draining, merged?.workers]).toEqual(['draining', true, 3])
})
