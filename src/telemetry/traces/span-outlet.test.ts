import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../../config/snapshot.ts'
import type { UpstreamRequest } from '../../upstream/request.ts'
import { TestClock, TestLog } from '../otlp/testing.ts'
import { Redactor } from '../redact.ts'
import { ConfiguredOutlet } from './span-outlet.ts'

type Observability = Snapshot['observability']

function snapshotWith(parts: object): Snapshot {
  const observability = {
    serviceName: 's',
    otlpGrpc: { timeoutMs: 100 },
    otlpHttp: { baseUrl: 'http://one.example', timeoutMs: 100 },
    otlpCompression: 'none',
    exporters: { tracing: 'otlp_http', metrics: null },
    dumpDownstream: false,
    traceBodyMaxBytes: 10,
    traceSampleRate: 1,
    ...parts,
  } as unknown as Observability
  return { observability } as Snapshot
}

function bench(first: object) {
  const clock = new TestClock()
  const log = new TestLog()
  const redactor = new Redactor()
  const sent: UpstreamRequest[] = []
  const live = { snapshot: snapshotWith(first) }
  const outlet = new ConfiguredOutlet({
    snapshot: () => live.snapshot,
    send: (request) => {
      sent.push(request)
      const body = { read: async () => undefined, cancel: () => {} }
      return Promise.resolve({ status: 200, header: () => null, body })
    },
    log,
    redactor,
    monotonic: clock.monotonic,
    version: '1',
    instance: 'i',
    clock,
    random: () => 0,
  })
  return { clock, log, redactor, sent, live, outlet }
}

describe('where spans go', () => {
  test('nowhere', () => {
    const { outlet, log } = bench({ exporters: { tracing: null, metrics: null } })
    outlet.push(new Uint8Array(1), 1)
    expect([outlet.settings(), outlet.counts.waiting, log.lines]).toEqual([undefined, 0, []])
  })

  test('without what it needs, nowhere, and the log says why', () => {
    const { outlet, log } = bench({ exporters: { tracing: 'langfuse_http', metrics: null } })
    expect(outlet.settings()).toBeUndefined()
    expect(log.lines).toEqual([
      {
        level: 'warn',
        message: 'traces are not exported',
        fields: {
          exporter: 'langfuse_http',
          reason: 'it needs observability.otlp_http.base_url, public_key and secret_key',
        },
      },
    ])
  })

  test('with keys: Basic authentication, content by default, and the redactor knows them', async () => {
    const { outlet, sent, clock, redactor } = bench({
      exporters: { tracing: 'langfuse_http', metrics: null },
      otlpHttp: {
        baseUrl: 'https://cloud.langfuse.com/api/public/otel',
        publicKey: 'pk_one',
        secretKey: 'sk_two',
        timeoutMs: 5_000,
      },
    })
    expect(outlet.settings()).toMatchObject({
      showsContent: true,
      isLangfuse: true,
      bodyBytes: 10,
    })
    outlet.push(new Uint8Array(1), 1)
    await clock.pass(1_000)
    expect(sent[0]).toMatchObject({
      url: 'https://cloud.langfuse.com/api/public/otel/v1/traces',
      headers: {
        authorization: `Basic ${Buffer.from('pk_one:sk_two').toString('base64')}`,
        'content-type': 'application/x-protobuf',
      },
    })
    expect(redactor.text('Basic cGtfb25lOnNrX3R3bw')).not.toContain('cGtfb25lOnNr')
    expect(outlet.counts).toMatchObject({ exported: 1, waiting: 0 })
  })

  test('with headers and a name of one’s own', async () => {
    const { outlet, sent, clock } = bench({ otlpHeaders: 'X-Api-Key=abc%20d,other=1', traceContent: true })
    expect(outlet.settings()).toMatchObject({ showsContent: true, isLangfuse: false })
    outlet.push(new Uint8Array(1), 1)
    await clock.pass(1_000)
    expect(sent[0]?.headers).toMatchObject({ 'X-Api-Key': 'abc d', other: '1' })
  })
})

describe('a reload', () => {
  test('that changes nothing of it keeps what waits', async () => {
    const { outlet, sent, clock, live } = bench({})
    outlet.push(new Uint8Array(1), 1)
    live.snapshot = snapshotWith({ traceSampleRate: 0.5 })
    expect(outlet.settings()?.rate).toBe(0.5)
    outlet.push(new Uint8Array(1), 1)
    await clock.pass(1_000)
    expect(sent).toHaveLength(1)
    expect(outlet.counts.exported).toBe(2)
  })

  test('to another place: what waited goes to the old one, what comes to the new', async () => {
    const { outlet, sent, clock, live } = bench({})
    outlet.push(new Uint8Array(1), 1)
    live.snapshot = snapshotWith({ otlpHttp: { baseUrl: 'http://two.example', timeoutMs: 100 } })
    outlet.settings()
    outlet.push(new Uint8Array(1), 1)
    await clock.pass(1_000)
    expect(sent.map(({ url }) => url)).toEqual([
      'http://one.example/v1/traces',
      'http://two.example/v1/traces',
    ])
    expect(outlet.counts).toMatchObject({ exported: 2, waiting: 0 })
  })

  test('that switches it off, and on again', async () => {
    const { outlet, sent, clock, live } = bench({})
    live.snapshot = snapshotWith({ exporters: { tracing: null, metrics: null } })
    expect(outlet.settings()).toBeUndefined()
    outlet.push(new Uint8Array(1), 1)
    live.snapshot = snapshotWith({})
    expect(outlet.settings()).toBeDefined()
    outlet.push(new Uint8Array(1), 1)
    await clock.pass(1_000)
    expect(sent).toHaveLength(1)
  })
})
