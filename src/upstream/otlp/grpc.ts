import { accepted, retryDelay } from './answer.ts'
import { type GrpcAnswer, GrpcConnection } from './grpc-connection.ts'
import type { ExportOutcome, OtlpEndpoint, OtlpSignal } from './port.ts'

const paths: Readonly<Record<OtlpSignal, string>> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
}

/** gRPC statuses by number, as far as they are told apart. */
const OK = 0
const RESOURCE_EXHAUSTED = 8
/** Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss: OTLP wants the same request again. */
const retryable: ReadonlySet<number> = new Set([1, 4, 10, 11, 14, 15])
/** The same among HTTP statuses, for a proxy that answers in a collector's place. */
const retryableHttp: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** OTLP over gRPC: one unary call an export. */
export class GrpcTransport {
  readonly address: string
  readonly #endpoint: OtlpEndpoint
  readonly #connection: GrpcConnection
  readonly #metadata: Record<string, string>

  constructor(endpoint: OtlpEndpoint) {
    const url = new URL(endpoint.url)
    this.#endpoint = endpoint
    this.#connection = new GrpcConnection(url.origin)
    this.#metadata = Object.fromEntries(
      Object.entries(endpoint.headers).map(([name, value]) => [name.toLowerCase(), value]),
    )
    this.address = url.host
  }

  async export(
    signal: OtlpSignal,
    message: Uint8Array,
    isCompressed: boolean,
    abort: AbortSignal,
  ): Promise<ExportOutcome> {
    try {
      const answer = await this.#connection.call({
        path: paths[signal],
        headers: { ...this.#metadata, ...(isCompressed ? { 'grpc-encoding': 'gzip' } : {}) },
        message,
        isCompressed,
        timeoutMs: this.#endpoint.timeoutMs,
        abort,
      })
      return outcomeOf(answer)
    } catch (thrown) {
      return { kind: 'retry', reason: thrown instanceof Error ? thrown.message : String(thrown) }
    }
  }

  close(): void {
    this.#connection.close()
  }
}

function outcomeOf({ httpStatus, status, words, details, message }: GrpcAnswer): ExportOutcome {
  if (status === OK) return accepted(message)
  if (status === undefined) {
    const reason = `it answered ${httpStatus} without a gRPC status`
    return { kind: retryableHttp.has(httpStatus) ? 'retry' : 'refused', reason }
  }
  const reason = `it answered with gRPC status ${status}${words === '' ? '' : `: ${words}`}`
  const afterMs = retryDelay(details)
  // Exhausted for good, unless it says when to come again.
  const again = retryable.has(status) || (status === RESOURCE_EXHAUSTED && afterMs !== undefined)
  if (!again) return { kind: 'refused', reason }
  return { kind: 'retry', reason, ...(afterMs === undefined ? {} : { afterMs }) }
}
