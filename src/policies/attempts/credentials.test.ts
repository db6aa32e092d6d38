import { describe, expect, test } from 'bun:test'
import { type ErrorDetails, type ErrorKind, GatewayError } from '../../protocol/model/error.ts'
import { bench, rememberingResilience, target, VirtualTime } from './testing.ts'

function failing(kind: ErrorKind, details: ErrorDetails = {}): GatewayError {
  return new GatewayError(kind, kind, details)
}

const three = ['a', 'b', 'c']

describe('several credentials', () => {
  const moving: ErrorKind[] = [
    'rate_limited',
    'upstream_unauthenticated',
    'quota_exhausted',
    'payment_required',
  ]
  for (const kind of moving)
    test(`${kind}: the next one at once, whatever the budget`, async () => {
      const { run } = bench({
        targets: [target('first', { retry: { maxRetries: 0, backoffMs: 500 } }, three)],
        tries: (_, __, credential) => (credential === 'c' ? undefined : { error: failing(kind) }),
        retry: { budget: 0 },
      })
      const { tried, endedAt, attempts } = await run()
      expect(tried).toEqual(['first#a', 'first#b', 'first#c'])
      expect(endedAt).toBe(0)
      expect(attempts.map(({ credential, reason }) => [credential, reason])).toEqual([
        ['a', 'preferred'],
        ['b', 'credential'],
        ['c', 'credential'],
      ])
    })

  const staying: ErrorKind[] = ['overloaded', 'upstream_failed', 'invalid_request', 'forbidden', 'timeout']
  for (const kind of staying)
    test(`${kind}: another credential changes nothing`, async () => {
      const targets = [target('first', { retry: { maxRetries: 0, backoffMs: 0 } }, three)]
      expect((await bench({ targets, tries: () => ({ error: failing(kind) }) }).run()).tried).toEqual([
        'first#a',
      ])
    })

  test('all are limited: the one that may be used first is waited for', async () => {
    const waits: Record<string, number> = { a: 5, b: 2, c: 9 }
    const { run } = bench({
      targets: [target('first', {}, three)],
      tries: (_, count, credential = '') =>
        count > 3 ? undefined : { error: failing('rate_limited', { retryAfterSeconds: waits[credential] }) },
    })
    const { tried, begun } = await run()
    expect(tried).toEqual(['first#a', 'first#b', 'first#c', 'first#b'])
    expect(begun[3]).toBe(2_255)
  })

  test('one that is cooling is not tried by the next call', async () => {
    const time = new VirtualTime()
    const shared = { time, resilience: rememberingResilience(time) }
    const targets = [target('first', {}, ['a', 'b'])]
    const tries = (_: string, __: number, credential?: string) =>
      credential === 'a' ? { error: failing('rate_limited', { retryAfterSeconds: 30 }) } : undefined
    expect((await bench({ targets, tries, shared }).run()).tried).toEqual(['first#a', 'first#b'])
    expect((await bench({ targets, tries, shared }).run()).tried).toEqual(['first#b'])
  })

  test('they count as attempts, and leave later routes their turn', async () => {
    const { tried } = await bench({
      targets: [target('first', {}, ['a', 'b', 'c', 'd']), target('second')],
      tries: (label) => (label === 'first' ? { error: failing('upstream_unauthenticated') } : undefined),
      retry: { maxAttempts: 3 },
    }).run()
    expect(tried).toEqual(['first#a', 'first#b', 'second'])
  })
})
