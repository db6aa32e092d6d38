import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { AttemptRecord, CallRecord } from '../pipeline/call.ts'
import { callWith, requestWith, targetNamed } from '../policies/testing.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { explanationText } from './explain.ts'
import { headerValue } from './respond.ts'

function attempt(target: string, more: Partial<AttemptRecord> = {}): AttemptRecord {
  const [provider = '', model = ''] = target.split('/')
  return { target, provider, model, startedAt: 1_000, milliseconds: 12.345, ...more }
}

function textOf(record: Partial<CallRecord>, asked = record.model ?? 'm'): string {
  const call = callWith({
    request: { ...requestWith([]), model: asked },
    record: { endpoint: '', model: 'm', stream: true, attempts: [], dropped: [], bytesSent: 0, ...record },
  })
  return explanationText(call, 1_250)
}

describe('the explanation of a call', () => {
  test('says where it could go, why in this order, what was passed over, and how each attempt went', () => {
    const record: Partial<CallRecord> = {
      model: 'm',
      balance: 'sticky',
      considered: [targetNamed('a/x'), targetNamed('b/y'), targetNamed('c/z')],
      passedOver: [
        { target: 'd/w', reason: 'not_permitted' },
        { target: 'a/x', reason: 'circuit_open' },
      ],
      attempts: [
        attempt('b/y', {
          credential: 'main',
          reason: 'fallback',
          status: 500,
          error: new GatewayError('upstream_failed', 'secret words'),
        }),
        attempt('b/y', { reason: 'retry', waitedMs: 250.04, status: 200 }),
        attempt('c/z', { reason: 'hedge', lost: true, milliseconds: 3 }),
      ],
      queuedMs: 5,
      firstByteMs: 99.99,
    }
    expect(JSON.parse(textOf(record, 'alias'))).toEqual({
      model: 'm',
      asked: 'alias',
      balance: 'sticky',
      routes: ['a/x', 'b/y', 'c/z'],
      passed_over: [
        { target: 'd/w', reason: 'not_permitted' },
        { target: 'a/x', reason: 'circuit_open' },
      ],
      attempts: [
        {
          target: 'b/y',
          credential: 'main',
          reason: 'fallback',
          ms: 12.3,
          status: 500,
          error: 'upstream_failed',
        },
        { target: 'b/y', reason: 'retry', ms: 12.3, waited_ms: 250, status: 200 },
        { target: 'c/z', reason: 'hedge', ms: 3, lost: true },
      ],
      queued_ms: 5,
      first_content_ms: 100,
    })
  })

  test('of a call with one route is short', () => {
    expect(
      textOf({
        model: 'm',
        attempts: [attempt('a/x', { reason: 'preferred', status: 200 })],
        firstByteMs: 13,
      }),
    ).toBe(
      '{"model":"m","attempts":[{"target":"a/x","reason":"preferred","ms":12.3,"status":200}],"first_content_ms":13}',
    )
  })

  test('while nothing is there yet says so, and how long the attempt has been going', () => {
    expect(JSON.parse(textOf({ attempts: [attempt('a/x', { milliseconds: 0 })] }))).toEqual({
      model: 'm',
      attempts: [{ target: 'a/x', ms: 250 }],
      pending: true,
    })
  })

  test('too long for a header: fewer entries, the last attempts, and how many are missing', () => {
    const record: Partial<CallRecord> = {
      considered: Array.from({ length: 60 }, (_, index) => targetNamed(`provider/model-${index}`)),
      attempts: Array.from({ length: 20 }, (_, index) => attempt(`provider/model-${index}`)),
      firstByteMs: 1,
    }
    const { routes, attempts, left_out } = JSON.parse(textOf(record))
    expect(routes[0]).toBe('provider/model-0')
    expect(attempts.at(-1).target).toBe('provider/model-19')
    expect(routes.length + attempts.length + left_out).toBe(80)
    expect(routes.length).toBeGreaterThan(5)
  })

  test('is always JSON that a header carries unchanged', () => {
    const name = fc.oneof(fc.string({ maxLength: 400 }), fc.string({ unit: 'binary', maxLength: 400 }))
    const list = fc.array(name, { maxLength: 60 })
    fc.assert(
      fc.property(name, name, list, list, list, (model, asked, routes, passed, tried) => {
        const text = textOf(
          {
            model,
            considered: routes.map((label) => targetNamed(label)),
            passedOver: passed.map((target) => ({ target, reason: 'condition' })),
            attempts: tried.map((target) => attempt(target, { credential: target, reason: 'retry' })),
          },
          asked,
        )
        expect(text.length).toBeLessThan(2_000)
        expect(headerValue(text)).toBe(text)
        expect(JSON.parse(text)).toMatchObject({ attempts: expect.any(Array) })
      }),
      { numRuns: 500 },
    )
  })
})
