import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import {
  type CollectorAnswer,
  type FaultySink,
  type OtlpCollector,
  type SinkFault,
  sinkFaults,
  startFaultySink,
  startOtlpCollector,
} from '../../../test/rig/otlp-collector.ts'
import { envelope } from '../../telemetry/otlp/resource.ts'
import { SpanWriter } from '../../telemetry/traces/span-writer.ts'
import { send } from '../send.ts'
import { strayErrors } from '../testing.ts'
import type { ExportOutcome, OtlpEndpoint, OtlpTransport } from './port.ts'
import { createOtlpTransport } from './transport.ts'

const protocols = ['grpc', 'http'] as const
const stray = strayErrors()

let collector: OtlpCollector
beforeAll(async () => {
  collector = await startOtlpCollector()
})
afterAll(async () => {
  await collector.close()
  expect(stray).toEqual([])
})

function message(name: string): Uint8Array {
  const writer = new SpanWriter()
  writer.begin()
  writer.attributes.text('filling', 'x'.repeat(5_000))
  writer.end({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentId: undefined,
    isParentRemote: false,
    isSampled: true,
    state: undefined,
    name,
    kind: 'server',
    start: 1e18,
    end: 1e18,
    failure: undefined,
  })
  return envelope({ serviceName: 's', version: '1', instance: 'i', attributes: {} })([writer.take()])
}

type Protocol = (typeof protocols)[number]

function transportTo(url: string, protocol: Protocol, more: Partial<OtlpEndpoint> = {}): OtlpTransport {
  const endpoint = { protocol, url, headers: {}, compression: 'none' as const, timeoutMs: 2_000, ...more }
  return createOtlpTransport(endpoint, send)
}

const urlOf = (protocol: Protocol): string => (protocol === 'grpc' ? collector.grpcUrl : collector.httpUrl)

async function exported(
  transport: OtlpTransport,
  name = 'span',
  abort = new AbortController().signal,
): Promise<ExportOutcome> {
  const outcome = await transport.export('traces', message(name), abort)
  transport.close()
  return outcome
}

describe('a collector takes it', () => {
  for (const protocol of protocols)
    for (const compression of ['none', 'gzip'] as const)
      test(`${protocol}, ${compression}`, async () => {
        const name = `${protocol} ${compression}`
        const transport = transportTo(urlOf(protocol), protocol, { compression, headers: { 'X-Key': 'k1' } })
        expect(await exported(transport, name)).toEqual({ kind: 'accepted', rejected: 0, message: '' })
        expect(collector.spans.at(-1)?.name).toBe(name)
        expect(collector.exports.at(-1)).toMatchObject({
          transport: protocol,
          isCompressed: compression === 'gzip',
          headers: { 'x-key': 'k1' },
        })
      })

  test('over HTTP, with an address that has the path already', async () => {
    for (const tail of ['/', '/v1/traces', '/v1/traces/', '/v1/metrics'])
      expect(await exported(transportTo(collector.httpUrl + tail, 'http'))).toMatchObject({
        kind: 'accepted',
      })
    expect(collector.exports.at(-1)?.path).toBe('/v1/traces')
    await exported(transportTo(`${collector.httpUrl}/api/public/otel`, 'http'))
    expect(collector.exports.at(-1)?.path).toBe('/api/public/otel/v1/traces')
  })

  test('many, one after the other, over one connection', async () => {
    for (const protocol of protocols) {
      const transport = transportTo(urlOf(protocol), protocol)
      for (let count = 0; count < 50; count += 1)
        expect(
          await transport.export('traces', message('one of many'), new AbortController().signal),
        ).toMatchObject({
          kind: 'accepted',
        })
      transport.close()
    }
    expect(collector.spans.filter(({ name }) => name === 'one of many')).toHaveLength(100)
  })

  test('a message of three megabytes', async () => {
    for (const protocol of protocols) {
      const large = Buffer.concat(Array.from({ length: 600 }, () => message('large')))
      const transport = transportTo(urlOf(protocol), protocol)
      expect(await transport.export('traces', large, new AbortController().signal)).toMatchObject({
        kind: 'accepted',
      })
      transport.close()
    }
    expect(collector.spans.filter(({ name }) => name === 'large')).toHaveLength(1_200)
  })
})

/** `google.rpc.Status` with a `RetryInfo` of three seconds. */
const retryInfo = Buffer.from(
  `\x08\x08\x1a\x30\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x03`,
  'latin1',
).toString('base64')

describe('what an answer means', () => {
  const cases: readonly [Protocol, CollectorAnswer, ExportOutcome][] = [
    ['http', { rejected: 3, message: 'no' }, { kind: 'accepted', rejected: 3, message: 'no' }],
    ['http', { status: 202 }, { kind: 'accepted', rejected: 0, message: '' }],
    [
      'http',
      { status: 200, headers: { 'content-type': 'text/html' }, body: Buffer.from('\x0a\x02\x08\x05') },
      { kind: 'accepted', rejected: 0, message: '' },
    ],
    ['http', { status: 429 }, { kind: 'retry', reason: 'it answered 429' }],
    [
      'http',
      { status: 429, headers: { 'retry-after': '7' } },
      { kind: 'retry', reason: 'it answered 429', afterMs: 7_000 },
    ],
    ['http', { status: 502 }, { kind: 'retry', reason: 'it answered 502' }],
    ['http', { status: 503 }, { kind: 'retry', reason: 'it answered 503' }],
    ['http', { status: 504 }, { kind: 'retry', reason: 'it answered 504' }],
    ['http', { status: 500 }, { kind: 'refused', reason: 'it answered 500' }],
    [
      'http',
      { status: 401, headers: { 'content-type': 'application/json' }, body: Buffer.from('{"error":"keys"}') },
      { kind: 'refused', reason: 'it answered 401: {"error":"keys"}' },
    ],
    ['http', { status: 404 }, { kind: 'refused', reason: 'it answered 404' }],
    ['http', { status: 302, headers: { location: '/x' } }, { kind: 'refused', reason: 'it answered 302' }],
    ['grpc', { rejected: 3, message: 'no' }, { kind: 'accepted', rejected: 3, message: 'no' }],
    ['grpc', { grpcStatus: 14 }, { kind: 'retry', reason: 'it answered with gRPC status 14' }],
    [
      'grpc',
      { grpcStatus: 14, headers: { 'grpc-message': 'too%20busy' } },
      { kind: 'retry', reason: 'it answered with gRPC status 14: too busy' },
    ],
    ['grpc', { grpcStatus: 4 }, { kind: 'retry', reason: 'it answered with gRPC status 4' }],
    ['grpc', { grpcStatus: 8 }, { kind: 'refused', reason: 'it answered with gRPC status 8' }],
    [
      'grpc',
      { grpcStatus: 8, headers: { 'grpc-status-details-bin': retryInfo } },
      { kind: 'retry', reason: 'it answered with gRPC status 8', afterMs: 3_000 },
    ],
    ['grpc', { grpcStatus: 16 }, { kind: 'refused', reason: 'it answered with gRPC status 16' }],
    ['grpc', { grpcStatus: 12 }, { kind: 'refused', reason: 'it answered with gRPC status 12' }],
    ['grpc', { body: new Uint8Array(0) }, { kind: 'accepted', rejected: 0, message: '' }],
    [
      'grpc',
      { body: new Uint8Array(100_000) },
      { kind: 'retry', reason: 'it answered with more than 65536 bytes' },
    ],
  ]
  for (const [protocol, answer, wanted] of cases)
    test(`${protocol}: ${JSON.stringify(answer).slice(0, 70)}`, async () => {
      collector.answers.push(answer)
      expect(await exported(transportTo(urlOf(protocol), protocol))).toEqual(wanted)
    })
})

describe('no collector', () => {
  for (const protocol of protocols) {
    test(`${protocol}: nobody listens`, async () => {
      const outcome = await exported(transportTo('http://127.0.0.1:1', protocol))
      expect(outcome).toMatchObject({ kind: 'retry' })
      expect(outcome).toMatchObject({ reason: expect.stringContaining('ECONNREFUSED') })
    })

    test(`${protocol}: a name that does not exist`, async () => {
      const outcome = await exported(transportTo('http://collector.invalid:4317', protocol))
      expect(outcome.kind).toBe('retry')
    })

    test(`${protocol}: the other protocol`, async () => {
      const outcome = await exported(transportTo(urlOf(protocol === 'grpc' ? 'http' : 'grpc'), protocol))
      expect(outcome.kind).toBe('retry')
    })

    test(`${protocol}: the wait ends with its abort, before and during`, async () => {
      const sink = await startFaultySink('hangs')
      const abort = new AbortController()
      const outcome = exported(transportTo(sink.url, protocol, { timeoutMs: 60_000 }), 'span', abort.signal)
      const begun = performance.now()
      setTimeout(() => abort.abort(), 50)
      expect((await outcome).kind).toBe('retry')
      expect((await exported(transportTo(sink.url, protocol), 'span', abort.signal)).kind).toBe('retry')
      expect(performance.now() - begun).toBeLessThan(1_000)
      sink.close()
    })
  }
})

describe('something that is no collector ends within the time', () => {
  const timeoutMs = 400
  const lies: ReadonlySet<SinkFault> = new Set(['lies'])
  for (const fault of Object.keys(sinkFaults) as SinkFault[])
    for (const protocol of protocols)
      test(`${protocol}: it ${fault}`, async () => {
        const sink: FaultySink = await startFaultySink(fault)
        const begun = performance.now()
        const outcome = await exported(transportTo(sink.url, protocol, { timeoutMs }))
        expect(performance.now() - begun).toBeLessThan(timeoutMs + 500)
        // It says 200 in good HTTP: what it says beside that means nothing.
        expect(outcome.kind).toBe(lies.has(fault) && protocol === 'http' ? 'accepted' : 'retry')
        sink.close()
      })
})

test('after a collector came back, the same transport reaches it', async () => {
  const first = await startOtlpCollector()
  for (const protocol of protocols) {
    const transport = transportTo(protocol === 'grpc' ? first.grpcUrl : first.httpUrl, protocol)
    const ask = (): Promise<ExportOutcome> =>
      transport.export('traces', message('again'), new AbortController().signal)
    expect(await ask()).toMatchObject({ kind: 'accepted' })
    first.dropConnections()
    await Promise.resolve()
    const outcomes = [await ask(), await ask(), await ask()].map(({ kind }) => kind)
    expect(outcomes.slice(1)).toEqual(['accepted', 'accepted'])
    transport.close()
  }
  await first.close()
})
