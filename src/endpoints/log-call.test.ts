import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { AttemptRecord, Call, CallRecord, Refusal } from '../pipeline/call.ts'
import { callWith, requestWith } from '../policies/testing.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { LineWriter, type LogFields, type LogLevel, logLevels } from '../telemetry/log-line.ts'
import { Redactor } from '../telemetry/redact.ts'
import type { Gateway } from './gateway.ts'
import { callBegun, endCall, requestRefused } from './log-call.ts'

type Line = { level: LogLevel; message: string } & LogFields

/** A gateway that writes its log into a list. */
function gatewayAt(level: LogLevel): { gateway: Gateway; lines: Line[] } {
  const lines: Line[] = []
  const writes = (asked: LogLevel): boolean => logLevels.indexOf(asked) >= logLevels.indexOf(level)
  const say =
    (as: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (!writes(as)) return
      const known = Object.entries(fields).filter(([, value]) => value !== undefined)
      lines.push({ level: as, message, ...Object.fromEntries(known) })
    }
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error'), writes }
  const parts: Partial<Gateway> = {
    log: log as unknown as Gateway['log'],
    observers: [],
    refused: () => {},
  }
  return { gateway: parts as Gateway, lines }
}

function ended(record: Partial<CallRecord>, parts: Partial<Call> = {}): Call {
  const snapshot = { version: 'v1' } as Call['snapshot']
  const identity = { tenant: 'acme' }
  const request = requestWith([])
  const call = callWith({ identity, ends: [], scrub: (text) => text, request, snapshot, ...parts })
  Object.assign(call.record, record)
  return call
}

function attemptAt(target: string, more: Partial<AttemptRecord> = {}): AttemptRecord {
  const [provider = '', model = ''] = target.split('/')
  return { target, provider, model, startedAt: 0, milliseconds: 5, ...more }
}

test('an end that fails keeps no slot and hides no line of the log', () => {
  const { gateway, lines } = gatewayAt('info')
  const done: string[] = []
  const fails = (): void => {
    throw new RangeError('Not an integer')
  }
  const ends = [() => void done.push('first'), fails, () => void done.push('slot')]
  endCall(gateway, ended({}, { ends }))
  expect(done).toEqual(['first', 'slot'])
  expect(lines.map(({ message }) => message)).toEqual(['a call could not be concluded', 'request'])
})

describe('the line of a call', () => {
  const failure = new GatewayError('upstream_failed', 'The upstream is on fire')
  const cases: [string, Partial<CallRecord>, Partial<Call>, LogFields][] = [
    [
      'who called: the first eight characters of the key',
      {},
      { identity: { tenant: 'acme', key: { id: 'key_1', prefix: 'XJP_a1b2' } as never } },
      { tenant_id: 'acme', key_id: 'key_1', key: 'XJP_a1b2' },
    ],
    ['what it cost', { cost: 1_575_000n }, {}, { cost_usd: 0.000001575 }],
    ['how it was sent', { balance: 'weight', queuedMs: 12.345 }, {}, { balance: 'weight', queued_ms: 12.3 }],
    [
      'whose answer it was, and who was raced against it',
      {
        attempts: [
          attemptAt('a/m', { credential: 'one', lost: true }),
          attemptAt('b/m', { credential: 'two', reason: 'hedge' }),
        ],
      },
      {},
      { credential: 'two', attempts: 2, hedged_attempts: 1, lost_attempts: 1 },
    ],
    [
      'who was passed over, each once',
      {
        passedOver: [
          { target: 'a/m', reason: 'circuit_open' },
          { target: 'b/m', reason: 'cooling' },
          { target: 'a/m', reason: 'circuit_open' },
        ],
      },
      {},
      { passed_over: ['a/m: circuit_open', 'b/m: cooling'] },
    ],
    ['its trace', {}, { trace: { traceId: 'ab12', sent: () => ({}) } }, { trace_id: 'ab12' }],
    [
      'what failed: every attempt, words that are there only once',
      {
        error: failure,
        endedBy: 'upstream',
        attempts: [
          attemptAt('a/m', { error: failure }),
          attemptAt('a/m', { error: failure }),
          attemptAt('b/m', { error: new GatewayError('timeout', 'No answer') }),
        ],
      },
      {},
      {
        error_type: 'upstream_failed',
        error: 'The upstream is on fire',
        failed_attempts: ['a/m: upstream_failed (×2)', 'b/m: timeout: No answer'],
      },
    ],
    [
      'no prompt that an upstream repeats',
      { error: new GatewayError('invalid_request', 'Bad: "the secret plan for Monday"') },
      {
        request: requestWith([
          { role: 'user', content: [{ type: 'text', text: 'the secret plan for Monday' }] },
        ]),
      },
      { error: 'Bad: "[prompt]"' },
    ],
  ]
  for (const [name, record, parts, wanted] of cases)
    test(name, () => {
      const { gateway, lines } = gatewayAt('info')
      endCall(gateway, ended(record, parts))
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatchObject({ message: 'request', ...wanted })
    })

  test('two kilobytes at most, whatever clients and upstreams say (F7)', () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc.constantFrom(
        '\u0000'.repeat(5_000),
        '\u202e'.repeat(900),
        '"\\'.repeat(4_000),
        '\ud83d'.repeat(2_000),
      ),
      fc.string({ maxLength: 20 }),
    )
    const failing = fc.record({
      target: odd,
      error: odd.map((message) => new GatewayError('upstream_failed', message)),
    })
    const records = fc.record({
      model: odd,
      target: odd,
      attempts: fc.array(
        failing.map(({ target, error }) => attemptAt(target, { error })),
        { maxLength: 10 },
      ),
      passedOver: fc.array(fc.record({ target: odd, reason: fc.constant('circuit_open') }), {
        maxLength: 20,
      }),
      dropped: fc.array(fc.record({ path: odd, why: odd, how: fc.constant('dropped' as const) }), {
        maxLength: 20,
      }),
      error: odd.map((message) => new GatewayError('upstream_failed', message)),
    })
    const writer = new LineWriter(new Redactor(), () => new Date(0))
    const sizes: number[] = []
    fc.assert(
      fc.property(records, (record) => {
        const { gateway, lines } = gatewayAt('info')
        endCall(gateway, ended({ ...record, provider: 'a-provider', endedBy: 'upstream', status: 502 }))
        const { level, message, ...fields } = lines[0] as Line
        const line = writer.line('json', level, message, fields)
        JSON.parse(line)
        sizes.push(Buffer.byteLength(line))
      }),
      { numRuns: 1_000, seed: 7 },
    )
    console.info(`F7: n=${sizes.length} hostile records, longest line ${Math.max(...sizes)} bytes`)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2_048)
  })
})

describe('a close look (level debug)', () => {
  test('says that a call began, and what became of each attempt, without content', () => {
    const { gateway, lines } = gatewayAt('debug')
    const request = requestWith([{ role: 'user', content: [{ type: 'text', text: 'canary' }] }])
    const call = ended({}, { request, startedAt: 100, body: Buffer.from('{"canary":1}') })
    callBegun(gateway, call)
    call.record.attempts.push(
      attemptAt('a/m', {
        reason: 'preferred',
        startedAt: 101,
        sentAt: 103,
        milliseconds: 7,
        status: 429,
        error: new GatewayError('rate_limited', 'Slow down', { retryAfterSeconds: 3 }),
      }),
      attemptAt('b/m', {
        reason: 'fallback',
        credential: 'two',
        startedAt: 120,
        waitedMs: 10,
        milliseconds: 9,
      }),
    )
    endCall(gateway, call)
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'debug request begun',
      'debug attempt',
      'debug attempt',
      'info request',
    ])
    expect(lines[0]).toMatchObject({ request_id: 'call', messages: 1, body_bytes: 12 })
    expect(lines[1]).toEqual({
      level: 'debug',
      message: 'attempt',
      request_id: 'call',
      target: 'a/m',
      reason: 'preferred',
      began_ms: 1,
      sent_ms: 2,
      milliseconds: 7,
      status: 429,
      error_type: 'rate_limited',
      retry_after_seconds: 3,
      error: 'Slow down',
    })
    expect(lines[2]).toMatchObject({ target: 'b/m', reason: 'fallback', credential: 'two', waited_ms: 10 })
    expect(JSON.stringify(lines)).not.toContain('canary')
  })

  test('is not there at level info', () => {
    const { gateway, lines } = gatewayAt('info')
    const call = ended({ attempts: [attemptAt('a/m')] })
    callBegun(gateway, call)
    endCall(gateway, call)
    expect(lines).toHaveLength(1)
  })
})

describe('the line of a request that never became a call', () => {
  const refusal: Refusal = {
    requestId: 'req_1',
    identity: { tenant: 'acme' },
    endpoint: 'messages',
    startedAt: performance.now(),
    error: new GatewayError('too_large', 'The body is too large'),
    status: 413,
    endedBy: 'gateway',
  }
  const cases: [Refusal['endedBy'], number, LogLevel][] = [
    ['gateway', 413, 'warn'],
    ['client', 499, 'info'],
  ]
  for (const [endedBy, status, level] of cases)
    test(`ended by the ${endedBy}`, () => {
      const { gateway, lines } = gatewayAt('info')
      requestRefused(gateway, { ...refusal, endedBy, status })
      expect(lines).toMatchObject([
        {
          level,
          message: 'request',
          request_id: 'req_1',
          tenant_id: 'acme',
          endpoint: 'messages',
          status,
          ended_by: endedBy,
          attempts: 0,
          error_type: 'too_large',
          error: 'The body is too large',
        },
      ])
    })
})
