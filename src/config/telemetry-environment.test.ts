import { describe, expect, test } from 'bun:test'
import type { Environment } from './references.ts'
import { problemLines, snapshotOf } from './testing/load-text.ts'

const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const PROTOCOL = 'OTEL_EXPORTER_OTLP_PROTOCOL'
const HEADERS = 'OTEL_EXPORTER_OTLP_HEADERS'

function telemetryOf(environment: Environment, text?: string) {
  return snapshotOf(text === undefined ? '' : 'a.toml', text, { environment }).observability
}

describe('where traces go', () => {
  const grpc = { exporters: { tracing: 'otlp_grpc', metrics: null } }
  const http = { exporters: { tracing: 'otlp_http', metrics: null } }
  const off = { exporters: { tracing: null, metrics: null } }
  const cases: readonly [string, Environment, object][] = [
    ['an address', { [ENDPOINT]: 'http://c:4317' }, { ...grpc, otlpGrpc: { endpoint: 'http://c:4317' } }],
    [
      'an address with the port of HTTP',
      { [ENDPOINT]: 'http://c:4318' },
      { ...http, otlpHttp: { baseUrl: 'http://c:4318' } },
    ],
    [
      'the port of HTTP, and the protocol says otherwise',
      { [ENDPOINT]: 'http://c:4318', [PROTOCOL]: 'grpc' },
      { ...grpc, otlpGrpc: { endpoint: 'http://c:4318' } },
    ],
    [
      'HTTP',
      { [ENDPOINT]: 'https://c.example/otel', [PROTOCOL]: 'http/protobuf' },
      { ...http, otlpHttp: { baseUrl: 'https://c.example/otel' } },
    ],
    ['an exporter without an address', { OTEL_TRACES_EXPORTER: 'otlp' }, grpc],
    ['HTTP without an address', { OTEL_TRACES_EXPORTER: 'otlp', [PROTOCOL]: 'http/protobuf' }, http],
    ['none', { [ENDPOINT]: 'http://c:4317', OTEL_TRACES_EXPORTER: 'none' }, off],
    ['one that does not exist here', { [ENDPOINT]: 'http://c:4317', OTEL_TRACES_EXPORTER: 'console' }, off],
    ['one among others', { [ENDPOINT]: 'http://c:4317', OTEL_TRACES_EXPORTER: 'console, otlp' }, grpc],
    ['switched off', { [ENDPOINT]: 'http://c:4317', OTEL_SDK_DISABLED: 'True' }, off],
    [
      'metrics too',
      { [ENDPOINT]: 'http://c:4317', OTEL_METRICS_EXPORTER: 'otlp' },
      { exporters: { tracing: 'otlp_grpc', metrics: 'otlp_grpc' } },
    ],
    [
      'metrics alone',
      { [ENDPOINT]: 'http://c:4318', OTEL_METRICS_EXPORTER: 'otlp', OTEL_TRACES_EXPORTER: 'none' },
      { exporters: { tracing: null, metrics: 'otlp_http' } },
    ],
    ['a protocol of something that is not asked for', { [PROTOCOL]: 'http/json' }, off],
    ['nothing', {}, off],
    [
      'how',
      {
        [ENDPOINT]: 'http://c:4317',
        [HEADERS]: 'api-key=k%201,x=2',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        OTEL_EXPORTER_OTLP_TIMEOUT: '1500',
      },
      {
        otlpHeaders: 'api-key=k%201,x=2',
        otlpCompression: 'gzip',
        otlpGrpc: { endpoint: 'http://c:4317', timeoutMs: 1_500 },
      },
    ],
  ]
  for (const [name, environment, wanted] of cases)
    test(name, () => expect(telemetryOf(environment)).toMatchObject(wanted))
})

test('what we are called', () => {
  expect(telemetryOf({ OTEL_RESOURCE_ATTRIBUTES: 'service.name=a,team=b' })).toMatchObject({
    serviceName: 'a',
    resourceAttributes: 'service.name=a,team=b',
  })
  expect(telemetryOf({ OTEL_RESOURCE_ATTRIBUTES: 'service.name=a', OTEL_SERVICE_NAME: 'c' })).toMatchObject({
    serviceName: 'c',
  })
})

describe('the file wins', () => {
  const environment = {
    [ENDPOINT]: 'http://c:4317',
    [HEADERS]: 'api-key=secret-of-c',
    OTEL_RESOURCE_ATTRIBUTES: 'a=1',
    OTEL_EXPORTER_OTLP_TIMEOUT: '9',
  }

  test('headers for one collector never go to another', () => {
    const elsewhere = [
      '[observability.otlp_grpc]\nendpoint = "http://own:1"\n[observability.exporters]\ntracing = "otlp_grpc"\n',
      '[observability.otlp_http]\nbase_url = "http://own:1"\n[observability.exporters]\ntracing = "otlp_http"\n',
      '[observability.otlp_http]\nbase_url = "http://own:1"\npublic_key = "p"\nsecret_key = "s"\n[observability.exporters]\ntracing = "langfuse_http"\n',
    ]
    for (const text of elsewhere) {
      const settings = telemetryOf(environment, text)
      expect(settings.otlpHeaders).toBeUndefined()
      expect(settings.otlpGrpc.timeoutMs).toBe(3_000)
    }
  })

  test('setting by setting', () => {
    const text =
      '[observability]\nresource_attributes = "b=2"\notlp_headers = "own=1"\n[observability.otlp_grpc]\ntimeout_ms = 77\n[observability.exporters]\nmetrics = "otlp_http"\n'
    expect(telemetryOf({ ...environment, OTEL_METRICS_EXPORTER: 'otlp' }, text)).toMatchObject({
      resourceAttributes: 'b=2',
      otlpHeaders: 'own=1',
      otlpGrpc: { endpoint: 'http://c:4317', timeoutMs: 77 },
      exporters: { tracing: 'otlp_grpc', metrics: 'otlp_http' },
    })
  })
})

describe('what is wrong is told without its value', () => {
  const cases: readonly [string, Environment, string][] = [
    ['an address', { [ENDPOINT]: 'collector:4317' }, ENDPOINT],
    ['headers', { [ENDPOINT]: 'http://c:4317', [HEADERS]: 'api-key secret-of-c' }, HEADERS],
    ['a header with a line break', { [ENDPOINT]: 'http://c:4317', [HEADERS]: 'a=b%0d%0ac' }, HEADERS],
    ['attributes', { OTEL_RESOURCE_ATTRIBUTES: '=secret-of-c' }, 'OTEL_RESOURCE_ATTRIBUTES'],
    ['a protocol', { [ENDPOINT]: 'http://c:4317', [PROTOCOL]: 'http/json' }, PROTOCOL],
    [
      'a time',
      { [ENDPOINT]: 'http://c:4317', OTEL_EXPORTER_OTLP_TIMEOUT: '1s' },
      'OTEL_EXPORTER_OTLP_TIMEOUT',
    ],
  ]
  for (const [name, environment, path] of cases)
    test(name, () => {
      const lines = problemLines('', undefined, { environment })
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain(path)
      expect(lines[0]).not.toContain('secret-of-c')
    })

  test('in a file too', () => {
    const lines = problemLines('a.toml', '[observability]\notlp_headers = "secret-of-c"\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('pairs of the form name=value')
    expect(lines[0]).not.toContain('secret-of-c')
  })
})
