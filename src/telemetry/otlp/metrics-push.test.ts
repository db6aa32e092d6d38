import { describe, expect, test } from 'bun:test'
import { decodeMetrics, type Metric } from '../../../test/rig/otlp-definitions.ts'
import type { Snapshot } from '../../config/snapshot.ts'
import type { UpstreamRequest } from '../../upstream/request.ts'
import type { Family } from '../metrics/family.ts'
import { Redactor } from '../redact.ts'
import { MetricsPush } from './metrics-push.ts'
import { TestClock, TestLog } from './testing.ts'

const families: readonly Family[] = [
  {
    name: 'xjp_requests_total',
    type: 'counter',
    labels: ['model', 'status'],
    help: 'Calls.',
    gather: 'sum',
    samples: [
      { labels: ['m', '200'], value: 12 },
      { labels: ['ü', '500'], value: 3 },
    ],
  },
  {
    name: 'xjp_active_connections',
    type: 'gauge',
    labels: [],
    help: 'Open calls.',
    gather: 'sum',
    samples: [{ labels: [], value: 4.5 }],
  },
  {
    name: 'xjp_request_duration_seconds',
    type: 'histogram',
    labels: ['model'],
    help: 'Time.',
    unit: 'seconds',
    bounds: [0.1, 1],
    gather: 'sum',
    samples: [{ labels: ['m'], value: 7.25, counts: [3, 200, 1] }],
  },
]

function bench(collect: () => readonly Family[] = () => families, status: () => number = () => 200) {
  const clock = new TestClock()
  const log = new TestLog()
  const sent: UpstreamRequest[] = []
  const observability = {
    serviceName: 's',
    otlpHttp: { baseUrl: 'http://one.example', timeoutMs: 100 },
    otlpCompression: 'none',
    exporters: { tracing: null, metrics: 'otlp_http' },
  }
  const live = { snapshot: { observability } as unknown as Snapshot }
  const push = new MetricsPush({
    snapshot: () => live.snapshot,
    send: (request) => {
      sent.push(request)
      const body = { read: async () => undefined, cancel: () => {} }
      return Promise.resolve({ status: status(), header: () => null, body })
    },
    log,
    redactor: new Redactor(),
    monotonic: clock.monotonic,
    version: '1',
    instance: 'i',
    clock,
    collect,
    since: 1_790_000_000_000,
    now: () => 1_790_000_000_000 + clock.now,
  })
  const metrics = (): Metric[] => sent.flatMap(({ body }) => decodeMetrics(body as Uint8Array))
  return { clock, log, sent, live, push, metrics }
}

test('counters, gauges and histograms read the same by the official definitions', async () => {
  const { clock, sent, metrics } = bench()
  await clock.pass(30_000)
  expect(sent.map(({ url }) => url)).toEqual(['http://one.example/v1/metrics'])
  const point = { count: 0, buckets: [], bounds: [] }
  expect(
    metrics().map(({ points, ...rest }) => ({
      ...rest,
      points: points.map(({ start, at, ...values }) => values),
    })),
  ).toEqual([
    {
      name: 'xjp_requests_total',
      unit: '',
      type: 'sum',
      isCumulative: true,
      isMonotonic: true,
      points: [
        { ...point, attributes: { model: 'm', status: '200' }, value: 12 },
        { ...point, attributes: { model: 'ü', status: '500' }, value: 3 },
      ],
    },
    {
      name: 'xjp_active_connections',
      unit: '',
      type: 'gauge',
      isCumulative: false,
      isMonotonic: false,
      points: [{ ...point, attributes: {}, value: 4.5 }],
    },
    {
      name: 'xjp_request_duration_seconds',
      unit: 's',
      type: 'histogram',
      isCumulative: true,
      isMonotonic: false,
      points: [
        { attributes: { model: 'm' }, value: 7.25, count: 204, buckets: [3, 200, 1], bounds: [0.1, 1] },
      ],
    },
  ])
  const [{ start, at } = { start: 0n, at: 0n }] = metrics()[0]?.points ?? []
  expect(start / 1_000_000_000n).toBe(1_790_000_000n)
  expect((at + 256n) / 1_000_000_000n).toBe(1_790_000_030n)
})

describe('when', () => {
  test('every thirty seconds, and once more at the end', async () => {
    const { clock, sent, push } = bench()
    await clock.pass(95_000)
    expect(sent).toHaveLength(3)
    await push.stop(1_000)
    expect(sent).toHaveLength(4)
    await clock.pass(95_000)
    expect(sent).toHaveLength(4)
  })

  test('never, unless it is configured; a reload switches it on', async () => {
    const { clock, sent, live, push } = bench()
    const on = live.snapshot
    const off = { ...on.observability, exporters: { tracing: null, metrics: null } }
    live.snapshot = { observability: off } as Snapshot
    await clock.pass(65_000)
    expect(sent).toEqual([])
    live.snapshot = on
    await clock.pass(30_000)
    expect(sent).toHaveLength(1)
    live.snapshot = { observability: off } as Snapshot
    await clock.pass(30_000)
    await push.stop(1_000)
    expect(sent).toHaveLength(1)
  })
})

test('more than a message may hold goes in several', async () => {
  const many: Family[] = Array.from({ length: 6 }, (_, family) => ({
    ...(families[0] as Family),
    name: `xjp_${family}_total`,
    samples: Array.from({ length: 10_000 }, (_, value) => ({
      labels: ['m'.repeat(60), String(value)],
      value,
    })),
  }))
  const { clock, sent, metrics } = bench(() => many)
  await clock.pass(30_000)
  expect(sent.length).toBeGreaterThan(1)
  for (const { body } of sent) expect(body?.length).toBeLessThan(4 * 1024 * 1024)
  expect(metrics().flatMap(({ points }) => points)).toHaveLength(60_000)
})

test('failure and recovery are told once each', async () => {
  let status = 404
  const { clock, log } = bench(undefined, () => status)
  await clock.pass(90_000)
  status = 200
  await clock.pass(60_000)
  expect(log.lines.map(({ message, fields }) => [message, fields['reason']])).toEqual([
    ['metrics cannot be exported', 'it answered 404'],
    ['metrics are exported again', undefined],
  ])
})
