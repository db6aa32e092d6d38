import type { Snapshot } from '../../config/snapshot.ts'
import type { AttemptRecord, Call, CallRecord, Refusal } from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { ExportCounts } from '../otlp/exporter.ts'
import { TestLog } from '../otlp/testing.ts'
import { Redactor } from '../redact.ts'
import { TraceIds } from './ids.ts'
import { SpanEncoder } from './span-encoder.ts'
import type { TraceSettings } from './trace-settings.ts'
import { type SpanOutlet, Traces } from './traces.ts'
import { UnixClock } from './unix-clock.ts'

export const SECRET = 'a-secret-of-this-test-0123456789'

/** When the tests' calls begin: 0 on the clock that never jumps is this, in milliseconds since 1970. */
export const EPOCH = 1_790_000_000_000

const settings: TraceSettings = {
  exporter: 'otlp_grpc',
  rate: 1,
  showsContent: false,
  showsBodies: false,
  bodyBytes: 1_000,
  isLangfuse: false,
}

/** An outlet that keeps what it is given. */
class KeepingOutlet implements SpanOutlet {
  readonly chunks: Uint8Array[] = []
  spans = 0
  shape: TraceSettings | undefined
  readonly counts: ExportCounts = { exported: 0, dropped: 0, lost: 0, rejected: 0, waiting: 0 }

  constructor(more: Partial<TraceSettings> | undefined) {
    this.shape = more && { ...settings, ...more }
  }

  settings(): TraceSettings | undefined {
    return this.shape
  }

  push(bytes: Uint8Array, spans: number): void {
    this.chunks.push(bytes)
    this.spans += spans
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}

/** Traces with a clock, chance and an outlet of a test. `undefined`: nothing is traced. */
export function tracesBench(more: Partial<TraceSettings> | undefined = {}) {
  const outlet = new KeepingOutlet(more)
  const log = new TestLog()
  const redactor = new Redactor()
  redactor.learn(SECRET)
  const time = { now: 0, random: 0.5 }
  const deferred: (() => void)[] = []
  let byte = 0
  const monotonic = (): number => time.now
  const traces = new Traces({
    outlet,
    encoder: new SpanEncoder(redactor, new UnixClock(() => EPOCH + time.now, monotonic)),
    ids: new TraceIds((bytes) => {
      for (let index = 0; index < bytes.length; index += 1) bytes[index] = (byte += 1) % 251
    }),
    random: () => time.random,
    monotonic,
    defer: (work) => void deferred.push(work),
    log,
  })
  return { traces, outlet, log, time, deferred, redactor }
}

export function attemptWith(parts: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    target: 'first/model-1',
    provider: 'first',
    model: 'model-1',
    startedAt: 10,
    sentAt: 12,
    answeredAt: 30,
    milliseconds: 40,
    status: 200,
    ...parts,
  }
}

export interface CallParts {
  record?: Partial<CallRecord>
  request?: Partial<Call['request']>
  headers?: Record<string, string>
  body?: string
  key?: { id: string; prefix: string }
}

export function callWith({
  record,
  request,
  headers,
  body = '{"model":"public"}',
  key,
}: CallParts = {}): Call {
  const providers: Record<string, unknown> = { first: { type: 'openai' }, second: { type: 'vertex' } }
  const snapshot: unknown = { version: 'abc', providers } satisfies Partial<Record<keyof Snapshot, unknown>>
  const encodeAnswer = (answer: object) => ({ body: { answer }, dropped: [] })
  const call: unknown = {
    id: 'req_1',
    client: { client: { encodeAnswer } },
    body: Buffer.from(body),
    request: { model: 'public', stream: true, messages: [], ...request },
    headers: new Headers(headers),
    snapshot,
    identity: { tenant: 'acme', ...(key ? { key } : {}) },
    tenant: 'acme',
    startedAt: 0,
    taps: [],
    record: {
      endpoint: 'chat.completions',
      model: 'public',
      stream: true,
      provider: 'first',
      target: 'first/model-1',
      attempts: [],
      dropped: [],
      bytesSent: 100,
      status: 200,
      endedBy: 'complete',
      ...record,
    },
  }
  return call as Call
}

export function refusalWith(parts: Partial<Refusal> = {}): Refusal {
  return {
    requestId: 'req_2',
    identity: { tenant: 'acme' },
    endpoint: 'messages',
    startedAt: 0,
    error: new GatewayError('too_large', 'The body is too large'),
    status: 413,
    endedBy: 'gateway',
    ...parts,
  }
}
