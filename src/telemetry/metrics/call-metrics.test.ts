import { describe, expect, test } from 'bun:test'
import type { AttemptRecord, Call, CallRecord, Refusal } from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import { CallMetrics } from './call-metrics.ts'
import { CallNames } from './call-names.ts'
import { Registry } from './registry.ts'

class Stage {
  readonly registry = new Registry(() => 0)
  now = 1_000
  readonly metrics = new CallMetrics({
    registry: this.registry,
    names: new CallNames((text) => text),
    now: () => this.now,
  })

  call(record: Partial<CallRecord> = {}, parts: Partial<Call> = {}): Call {
    const call: Partial<Call> = {
      tenant: 'acme',
      startedAt: 1_000,
      snapshot: { models: new Map([['m', {}]]), aliases: new Map() } as unknown as Call['snapshot'],
      targets: [],
      taps: [],
      replyHeaders: {},
      record: {
        endpoint: 'messages',
        model: 'm',
        stream: false,
        attempts: [],
        dropped: [],
        bytesSent: 0,
        ...record,
      },
      ...parts,
    }
    return call as Call
  }

  /** `name{labels} value`, without the zeros of what is always there. */
  said(...names: string[]): string[] {
    return this.registry
      .collect()
      .filter(({ name }) => names.includes(name))
      .flatMap(({ name, samples }) =>
        samples.map(({ labels, value, counts }) => {
          const count = counts === undefined ? '' : ` of ${counts.reduce((sum, one) => sum + one, 0)}`
          return `${name}{${labels.join()}} ${Math.round(value * 1e6) / 1e6}${count}`
        }),
      )
      .filter((line) => !/ 0( of 0)?$/.test(line))
  }
}

const attempt = (parts: Partial<AttemptRecord> = {}): AttemptRecord => ({
  target: 'p/up',
  provider: 'p',
  model: 'up',
  startedAt: 1_000,
  sentAt: 1_000.4,
  milliseconds: 50,
  ...parts,
})
const answered: Partial<CallRecord> = {
  provider: 'p',
  status: 200,
  endedBy: 'complete',
  firstByteMs: 80,
  attempts: [attempt()],
}

describe('a call that went well', () => {
  test('whole: the published metrics', () => {
    const stage = new Stage()
    const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, reasoningTokens: 0 }
    const record = { ...answered, usage, cost: 1_500_000_000_000n, bytesSent: 900 }
    stage.metrics.ended(stage.call(record), 250)
    expect(
      stage.said(
        'xjp_requests_total',
        'xjp_request_duration_seconds',
        'xjp_tokens_total',
        'xjp_streaming_bytes_total',
        'xjp_cost_dollars_total',
        'xjp_attempts_total',
        'xjp_added_latency_seconds',
        'xjp_time_to_first_token_seconds',
        'xjp_errors_total',
      ),
    ).toEqual([
      'xjp_requests_total{m,p,acme,200} 1',
      'xjp_request_duration_seconds{m,p,messages} 0.25 of 1',
      'xjp_tokens_total{m,acme,prompt} 100',
      'xjp_tokens_total{m,acme,completion} 20',
      'xjp_tokens_total{m,acme,cached} 60',
      'xjp_added_latency_seconds{messages} 0.0004 of 1',
      'xjp_cost_dollars_total{m,acme} 1.5',
      'xjp_attempts_total{m,p,preferred,ok} 1',
    ])
  })

  test('streamed: bytes and the first token too', () => {
    const stage = new Stage()
    stage.metrics.ended(stage.call({ ...answered, stream: true, bytesSent: 900 }), 250)
    expect(stage.said('xjp_streaming_bytes_total', 'xjp_time_to_first_token_seconds')).toEqual([
      'xjp_streaming_bytes_total{m,p} 900',
      'xjp_time_to_first_token_seconds{m,p} 0.08 of 1',
    ])
  })

  test('an answer from an earlier call uses nothing', () => {
    const stage = new Stage()
    const usage = { inputTokens: 100, outputTokens: 20 }
    stage.metrics.ended(stage.call({ status: 200, endedBy: 'complete', replay: true, usage, cost: 5n }), 1)
    expect(stage.said('xjp_tokens_total', 'xjp_cost_dollars_total', 'xjp_replays_total')).toEqual([
      'xjp_replays_total{m} 1',
    ])
  })

  test('tokens kept in the cache are counted once, however they were reported', () => {
    const stage = new Stage()
    for (const usage of [
      { cacheWrite5mTokens: 3, cacheWrite1hTokens: 4 },
      { cacheWriteTokens: 10, cacheWrite5mTokens: 3 },
    ])
      stage.metrics.ended(stage.call({ ...answered, usage }), 1)
    expect(stage.said('xjp_tokens_total')).toEqual(['xjp_tokens_total{m,acme,cache_write} 17'])
  })

  test('the wait in the queue is not our latency', () => {
    const stage = new Stage()
    const record = { ...answered, queuedMs: 300, attempts: [attempt({ sentAt: 1_301 })] }
    stage.metrics.ended(stage.call(record), 400)
    expect(stage.said('xjp_queue_wait_seconds', 'xjp_added_latency_seconds')).toEqual([
      'xjp_added_latency_seconds{messages} 0.001 of 1',
      'xjp_queue_wait_seconds{} 0.3 of 1',
    ])
  })
})

describe('gaps', () => {
  test('lie between one read and the next, from the first content on', () => {
    const stage = new Stage()
    const call = stage.call({ ...answered, stream: true })
    stage.metrics.begun(call)
    for (const moment of [2_000, 2_030, 2_030, 7_030]) {
      stage.now = moment
      for (const tap of call.taps) tap([])
    }
    expect(stage.said('xjp_event_gap_seconds')).toEqual(['xjp_event_gap_seconds{m,p} 5.03 of 3'])
  })

  test('a whole answer has none, and costs no tap', () => {
    const stage = new Stage()
    const call = stage.call()
    stage.metrics.begun(call)
    expect(call.taps).toEqual([])
  })
})

const failed = new GatewayError('upstream_failed', 'no', {
  upstream: { dialect: 'messages', status: 500, body: '' },
})
const limited = new GatewayError('rate_limited', 'no')

describe('attempts', () => {
  const outcomes = (record: Partial<CallRecord>): string[] => {
    const stage = new Stage()
    stage.metrics.ended(stage.call(record), 1)
    return stage.said('xjp_attempts_total').map((line) => line.replace('xjp_attempts_total', ''))
  }

  test('each with why it was made and what came of it', () => {
    const attempts = [
      attempt({ error: failed }),
      attempt({ error: new GatewayError('timeout', 'late') }),
      attempt({ target: 'q/up', provider: 'q', reason: 'fallback' }),
    ]
    expect(outcomes({ ...answered, provider: 'q', attempts })).toEqual([
      '{m,p,preferred,upstream_failed} 1',
      '{m,p,retry,timeout} 1',
      '{m,q,fallback,ok} 1',
    ])
  })

  test('where nobody says why, another target is a fallback', () => {
    const attempts = [attempt({ error: failed }), attempt({ target: 'q/up', provider: 'q' })]
    expect(outcomes({ ...answered, attempts })).toEqual([
      '{m,p,preferred,upstream_failed} 1',
      '{m,q,fallback,ok} 1',
    ])
  })

  test('of two at once the one that was later is lost', () => {
    const attempts = [attempt({ lost: true }), attempt({ reason: 'hedge' })]
    expect(outcomes({ ...answered, attempts })).toEqual(['{m,p,preferred,lost} 1', '{m,p,hedge,ok} 1'])
    const swapped = [attempt(), attempt({ reason: 'hedge', lost: true })]
    expect(outcomes({ ...answered, attempts: swapped })).toEqual([
      '{m,p,preferred,ok} 1',
      '{m,p,hedge,lost} 1',
    ])
  })

  test('a stream that the upstream broke is not ok', () => {
    expect(outcomes({ ...answered, stream: true, endedBy: 'upstream', error: failed })).toEqual([
      '{m,p,preferred,upstream_failed} 1',
    ])
  })

  test('one that nobody waited for any more is open', () => {
    expect(outcomes({ provider: 'p', status: 499, endedBy: 'client', attempts: [attempt()] })).toEqual([
      '{m,p,preferred,open} 1',
    ])
  })

  test('targets that were left out are counted by reason', () => {
    const stage = new Stage()
    const passedOver = [
      { target: 'p/up', reason: 'circuit_open' },
      { target: 'q/up', reason: 'circuit_open' },
      { target: 'r/up', reason: 'not_permitted' },
    ]
    stage.metrics.ended(stage.call({ ...answered, passedOver }), 1)
    expect(stage.said('xjp_targets_passed_over_total')).toEqual([
      'xjp_targets_passed_over_total{m,circuit_open} 2',
      'xjp_targets_passed_over_total{m,not_permitted} 1',
    ])
  })
})

describe('what did not go well', () => {
  const all = [
    'xjp_requests_total',
    'xjp_errors_total',
    'xjp_rate_limit_hits_total',
    'xjp_limit_refusals_total',
  ]
  const after = (record: Partial<CallRecord>, parts: Partial<Call> = {}): string[] => {
    const stage = new Stage()
    stage.metrics.ended(stage.call(record, parts), 1)
    return stage.said(...all)
  }

  test('a limit of ours', () => {
    const replyHeaders = { 'x-xjp-limit': 'requests_per_minute' }
    expect(after({ status: 429, error: limited, endedBy: 'gateway' }, { replyHeaders })).toEqual([
      'xjp_requests_total{m,none,acme,429} 1',
      'xjp_errors_total{m,none,rate_limited,gateway} 1',
      'xjp_limit_refusals_total{requests_per_minute} 1',
      'xjp_rate_limit_hits_total{} 1',
    ])
  })

  test('a limit of the upstream is none of ours', () => {
    const error = new GatewayError('rate_limited', 'no', {
      upstream: { dialect: 'messages', status: 429, body: '' },
    })
    const attempts = [attempt({ error })]
    expect(after({ provider: 'p', status: 429, error, endedBy: 'upstream', attempts })).toEqual([
      'xjp_requests_total{m,p,acme,429} 1',
      'xjp_errors_total{m,p,rate_limited,upstream} 1',
    ])
  })

  test('a 503 of ours is told by its code; one of the upstream is not', () => {
    const own = new GatewayError('unavailable', 'no', { code: 'circuits_open' })
    const stage = new Stage()
    stage.metrics.ended(stage.call({ status: 503, error: own, endedBy: 'gateway' }), 1)
    const bare = new GatewayError('unavailable', 'no')
    stage.metrics.ended(stage.call({ status: 503, error: bare, endedBy: 'gateway' }), 1)
    const theirs = new GatewayError('overloaded', 'no', {
      upstream: { dialect: 'messages', status: 529, body: '' },
    })
    stage.metrics.ended(stage.call({ status: 529, error: theirs, endedBy: 'upstream' }), 1)
    expect([...stage.metrics.shed]).toEqual([
      ['circuits_open', 1],
      ['unavailable', 1],
    ])
  })

  test('a stream that broke has 200, and is an error', () => {
    expect(after({ ...answered, stream: true, error: failed, endedBy: 'upstream' })).toEqual([
      'xjp_requests_total{m,p,acme,200} 1',
      'xjp_errors_total{m,p,upstream_failed,upstream} 1',
    ])
  })

  test('a client that left is no error of anybody else', () => {
    expect(after({ ...answered, status: 499, endedBy: 'client', error: failed })).toEqual([
      'xjp_requests_total{m,p,acme,499} 1',
      'xjp_errors_total{m,p,client_closed,client} 1',
    ])
  })

  test('a key that is not for the model', () => {
    const stage = new Stage()
    const error = new GatewayError('forbidden', 'no', { code: 'model_not_allowed' })
    stage.metrics.ended(stage.call({ status: 403, error, endedBy: 'gateway' }), 1)
    expect(stage.metrics.outOfScope).toBe(1)
    const theirs = new GatewayError('forbidden', 'no', {
      upstream: { dialect: 'messages', status: 403, body: '' },
    })
    stage.metrics.ended(stage.call({ status: 403, error: theirs, endedBy: 'upstream' }), 1)
    expect(stage.metrics.outOfScope).toBe(1)
  })

  test('a request that never became a call', () => {
    const stage = new Stage()
    stage.now = 1_004
    const refusal: Refusal = {
      requestId: 'r',
      identity: { tenant: 'acme' },
      endpoint: 'messages',
      startedAt: 1_000,
      error: new GatewayError('unavailable', 'full', { code: 'max_inflight' }),
      status: 503,
      endedBy: 'gateway',
    }
    stage.metrics.refused(refusal)
    expect(stage.said(...all, 'xjp_request_duration_seconds')).toEqual([
      'xjp_requests_total{none,none,acme,503} 1',
      'xjp_request_duration_seconds{none,none,messages} 0.004 of 1',
      'xjp_errors_total{none,none,unavailable,gateway} 1',
    ])
    expect([...stage.metrics.shed]).toEqual([['max_inflight', 1]])
  })
})

test('a call costs less than 3 µs, and a read of its stream less than 1 µs', () => {
  const stage = new Stage()
  const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, reasoningTokens: 5 }
  const record = { ...answered, stream: true, usage, cost: 1_500_000n, bytesSent: 900 }
  const calls = Array.from({ length: 8 }, (_, index) => stage.call(record, { tenant: `t${index}` }))
  const rounds = 20_000
  const best = (work: (call: Call) => void): number => {
    let least = Number.POSITIVE_INFINITY
    for (let round = 0; round < 10; round += 1) {
      const begun = performance.now()
      for (let index = 0; index < rounds; index += 1) work(calls[index % 8] as Call)
      least = Math.min(least, ((performance.now() - begun) / rounds) * 1_000)
    }
    return least
  }
  const ended = best((call) => {
    call.taps.length = 0
    stage.metrics.begun(call)
    stage.metrics.ended(call, 250)
  })
  const read = best((call) => call.taps[0]?.([]))
  console.info(`a call costs ${ended.toFixed(2)} µs, a read ${read.toFixed(3)} µs (n=${rounds * 10})`)
  expect(ended).toBeLessThan(3)
  expect(read).toBeLessThan(1)
})
