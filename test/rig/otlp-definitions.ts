import * as generated from '@opentelemetry/otlp-transformer/build/src/generated/root.js'

/** What protobufjs makes of one message type. */
interface MessageType {
  decode(bytes: Uint8Array): object
  encode(message: object): { finish(): Uint8Array }
  toObject(message: object, options: { longs: unknown; bytes: unknown }): unknown
}

interface Definitions {
  proto: {
    collector: Record<'trace' | 'metrics', { v1: Record<string, MessageType> }>
  }
}

/** The official definitions of OTLP, as code generated from them. */
const { collector } = (generated as unknown as { opentelemetry: Definitions }).opentelemetry.proto

function decoded(type: MessageType | undefined, bytes: Uint8Array): unknown {
  if (!type) throw new Error('the definitions lack a message')
  return type.toObject(type.decode(bytes), { longs: String, bytes: Buffer })
}

type Value =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values?: Value[] } }

interface KeyValue {
  key: string
  value: Value
}

interface WireSpan {
  traceId: Uint8Array
  spanId: Uint8Array
  parentSpanId?: Uint8Array
  traceState?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: KeyValue[]
  events?: { name: string; timeUnixNano: string }[]
  status?: { code?: number; message?: string }
  flags: number
}

interface TraceRequest {
  resourceSpans?: {
    resource: { attributes?: KeyValue[] }
    scopeSpans: { scope: { name: string; version?: string }; spans?: WireSpan[] }[]
  }[]
}

export type AttributeValue = string | number | boolean | AttributeValue[]

/** A span as a collector understood it. Ids in hexadecimal digits, times in nanoseconds since 1970. */
export interface Span {
  traceId: string
  spanId: string
  /** Empty at the root. */
  parentId: string
  state: string
  name: string
  kind: 'server' | 'client' | 'other'
  start: bigint
  end: bigint
  attributes: Record<string, AttributeValue>
  events: { name: string; at: bigint }[]
  failed: boolean
  message: string
  flags: number
  resource: Record<string, AttributeValue>
  scope: string
}

export function decodeSpans(bytes: Uint8Array): Span[] {
  const request = decoded(collector.trace.v1['ExportTraceServiceRequest'], bytes) as TraceRequest
  return (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans = [] }) =>
      spans.map((span) => spanOf(span, attributesOf(resource.attributes), scope.name)),
    ),
  )
}

function spanOf(span: WireSpan, resource: Span['resource'], scope: string): Span {
  return {
    traceId: digits(span.traceId),
    spanId: digits(span.spanId),
    parentId: digits(span.parentSpanId),
    state: span.traceState ?? '',
    name: span.name,
    kind: span.kind === 2 ? 'server' : span.kind === 3 ? 'client' : 'other',
    start: BigInt(span.startTimeUnixNano),
    end: BigInt(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map(({ name, timeUnixNano }) => ({ name, at: BigInt(timeUnixNano) })),
    failed: span.status?.code === 2,
    message: span.status?.message ?? '',
    flags: span.flags,
    resource,
    scope,
  }
}

function digits(id: Uint8Array = new Uint8Array(0)): string {
  return Buffer.from(id).toString('hex')
}

function attributesOf(pairs: readonly KeyValue[] = []): Record<string, AttributeValue> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue(value: Value): AttributeValue {
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return value.boolValue
  if ('intValue' in value) return Number(value.intValue)
  if ('doubleValue' in value) return value.doubleValue
  return (value.arrayValue.values ?? []).map(plainValue)
}

interface WirePoint {
  attributes?: KeyValue[]
  startTimeUnixNano?: string
  timeUnixNano: string
  asDouble?: number
  count?: string
  sum?: number
  bucketCounts?: string[]
  explicitBounds?: number[]
}

interface WireMetric {
  name: string
  description?: string
  unit?: string
  gauge?: { dataPoints: WirePoint[] }
  sum?: { dataPoints: WirePoint[]; aggregationTemporality: number; isMonotonic: boolean }
  histogram?: { dataPoints: WirePoint[]; aggregationTemporality: number }
}

interface MetricsRequest {
  resourceMetrics?: { scopeMetrics: { metrics: WireMetric[] }[] }[]
}

/** A metric as a collector understood it. */
export interface Metric {
  name: string
  unit: string
  type: 'gauge' | 'sum' | 'histogram'
  isCumulative: boolean
  isMonotonic: boolean
  points: {
    attributes: Record<string, AttributeValue>
    value: number
    count: number
    buckets: number[]
    bounds: number[]
    start: bigint
    at: bigint
  }[]
}

export function decodeMetrics(bytes: Uint8Array): Metric[] {
  const request = decoded(collector.metrics.v1['ExportMetricsServiceRequest'], bytes) as MetricsRequest
  return (request.resourceMetrics ?? []).flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.map(metricOf)),
  )
}

function metricOf({ name, unit = '', gauge, sum, histogram }: WireMetric): Metric {
  const points = gauge?.dataPoints ?? sum?.dataPoints ?? histogram?.dataPoints ?? []
  return {
    name,
    unit,
    type: gauge ? 'gauge' : sum ? 'sum' : 'histogram',
    isCumulative: (sum ?? histogram)?.aggregationTemporality === 2,
    isMonotonic: sum?.isMonotonic === true,
    points: points.map((point) => ({
      attributes: attributesOf(point.attributes),
      value: point.asDouble ?? point.sum ?? Number.NaN,
      count: Number(point.count ?? 0),
      buckets: (point.bucketCounts ?? []).map(Number),
      bounds: point.explicitBounds ?? [],
      start: BigInt(point.startTimeUnixNano ?? 0),
      at: BigInt(point.timeUnixNano),
    })),
  }
}

/** A collector's answer that took everything but `rejected`, and says why. */
export function encodeTraceResponse(rejected: number, message: string): Uint8Array {
  const type = collector.trace.v1['ExportTraceServiceResponse']
  if (!type) throw new Error('the definitions lack a message')
  const partialSuccess =
    rejected > 0 || message !== '' ? { rejectedSpans: rejected, errorMessage: message } : null
  return type.encode({ partialSuccess }).finish()
}
