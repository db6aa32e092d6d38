import { GatewayError } from '../../protocol/model/error.ts'
import { retryAfter } from '../../protocol/model/retry-after.ts'
import type { Send, UpstreamResponse } from '../request.ts'
import { readAll } from '../source.ts'
import { accepted, MAXIMUM_ANSWER_BYTES, words } from './answer.ts'
import type { ExportOutcome, OtlpEndpoint, OtlpSignal } from './port.ts'

/** Statuses after which OTLP wants the same request again. */
const retryable: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** OTLP over HTTP with protobuf bodies. */
export class HttpTransport {
  readonly address: string
  readonly #endpoint: OtlpEndpoint
  readonly #base: string
  readonly #send: Send

  constructor(endpoint: OtlpEndpoint, send: Send) {
    this.#endpoint = endpoint
    this.#send = send
    // An address is often copied with the path of one signal.
    this.#base = endpoint.url.replace(/\/+$/, '').replace(/\/v1\/(?:traces|metrics)$/, '')
    this.address = new URL(endpoint.url).host
  }

  async export(
    signal: OtlpSignal,
    body: Uint8Array,
    isCompressed: boolean,
    abort: AbortSignal,
  ): Promise<ExportOutcome> {
    const { headers, timeoutMs } = this.#endpoint
    try {
      const response = await this.#send({
        url: `${this.#base}/v1/${signal}`,
        method: 'POST',
        headers: {
          ...headers,
          'content-type': 'application/x-protobuf',
          'accept-encoding': 'identity',
          ...(isCompressed ? { 'content-encoding': 'gzip' } : {}),
        },
        body,
        timeouts: { connectMs: timeoutMs, firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs },
        signal: abort,
      })
      return outcomeOf(response, await readAll(response.body, MAXIMUM_ANSWER_BYTES))
    } catch (thrown) {
      return failure(thrown)
    }
  }

  close(): void {
    // Connections are shared with everything else that goes out.
  }
}

function outcomeOf(response: UpstreamResponse, body: Uint8Array): ExportOutcome {
  const { status, header } = response
  const type = header('content-type') ?? ''
  if (status >= 200 && status <= 299)
    return accepted(type.startsWith('application/x-protobuf') ? body : new Uint8Array(0))
  const said = /^(?:text\/plain|application\/json)/i.test(type) ? `: ${words(body)}` : ''
  const reason = `it answered ${status}${said}`
  if (!retryable.has(status)) return { kind: 'refused', reason }
  const seconds = retryAfter(header)
  return { kind: 'retry', reason, ...(seconds === undefined ? {} : { afterMs: seconds * 1_000 }) }
}

/** What our own client cannot write will not be written a second time either. */
function failure(thrown: unknown): ExportOutcome {
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  const isOurs = !(thrown instanceof GatewayError) || thrown.kind === 'internal'
  return { kind: isOurs ? 'refused' : 'retry', reason }
}
