import { GatewayError } from '../protocol/model/error.ts'
import { ConnectClock } from './connect-clock.ts'
import { decodedSource } from './content-encoding.ts'
import { Deadline, type Timeouts, timeoutError } from './deadline.ts'
import type { ByteSource } from './source.ts'

export interface UpstreamRequest {
  url: string
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string | Uint8Array
  timeouts: Timeouts
  /** Aborted when the client leaves. */
  signal: AbortSignal
}

export interface UpstreamResponse {
  status: number
  header(name: string): string | null
  body: ByteSource
}

export type Send = (request: UpstreamRequest) => Promise<UpstreamResponse>

/**
 * The one way out of the process over HTTP. No redirects are followed, nothing is decompressed beyond caps, four
 * clocks are kept, and the connection closes when the client leaves. Throws `GatewayError`s only.
 */
export const send: Send = async (request) => {
  const exchange = new Exchange(request)
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
      redirect: 'manual',
      signal: exchange.signal,
      decompress: false,
      // Our own clocks are kept instead.
      timeout: false,
    } as RequestInit)
    exchange.answered()
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      body: decodedSource(new FetchSource(response.body, exchange), response.headers.get('content-encoding')),
    }
  } catch (thrown) {
    exchange.over()
    throw exchange.timedOut ?? (thrown instanceof GatewayError ? thrown : connectionError(thrown, request))
  }
}

/** The clocks and the two ends' wishes to leave, for one request and its answer. */
class Exchange {
  readonly #controller = new AbortController()
  readonly #request: UpstreamRequest
  readonly #leave = (): void => this.#controller.abort()
  readonly deadline: Deadline
  readonly #connectClock: ConnectClock | undefined
  timedOut: GatewayError | undefined

  constructor(request: UpstreamRequest) {
    this.#request = request
    this.deadline = new Deadline(request.timeouts, (error) => this.#timeOut(error))
    const { connectMs } = request.timeouts
    if (connectMs !== undefined)
      this.#connectClock = new ConnectClock(new URL(request.url), connectMs, () =>
        this.#timeOut(timeoutError('connect', connectMs)),
      )
    if (request.signal.aborted) this.#controller.abort()
    else request.signal.addEventListener('abort', this.#leave, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  answered(): void {
    this.#connectClock?.answered()
  }

  abort(): void {
    this.over()
    this.#controller.abort()
  }

  over(): void {
    this.deadline.stop()
    this.#connectClock?.stop()
    this.#request.signal.removeEventListener('abort', this.#leave)
  }

  #timeOut(error: GatewayError): void {
    this.timedOut ??= error
    this.#controller.abort()
  }
}

/** Reads a `fetch` body under the exchange's clocks. */
class FetchSource implements ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #exchange: Exchange

  constructor(body: ReadableStream<Uint8Array> | null, exchange: Exchange) {
    this.#reader = body?.getReader()
    this.#exchange = exchange
  }

  async read(): Promise<Uint8Array | undefined> {
    if (!this.#reader) return this.#end()
    const { deadline } = this.#exchange
    deadline.resume()
    try {
      const { value, done } = await this.#reader.read()
      if (done) return this.#end()
      deadline.touch()
      deadline.pause()
      return value
    } catch (thrown) {
      this.#exchange.over()
      throw this.#exchange.timedOut ?? brokenError(thrown)
    }
  }

  cancel(): void {
    this.#exchange.abort()
    this.#reader?.cancel().catch(() => {})
  }

  #end(): undefined {
    this.#exchange.over()
    return undefined
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
}

/** Failures where no request can have reached the upstream: another attempt repeats nothing. */
const beforeSending = new Set([
  'ConnectionRefused',
  'ECONNREFUSED',
  'FailedToOpenSocket',
  'ENOTFOUND',
  'DNSLookupFailed',
])

function connectionError(thrown: unknown, request: UpstreamRequest): GatewayError {
  if (request.signal.aborted)
    return new GatewayError('client_closed', 'The client closed the connection', { cause: thrown })
  const code = codeOf(thrown)
  const { host } = new URL(request.url)
  if (beforeSending.has(code))
    return new GatewayError('upstream_failed', `No connection to ${host} could be made (${code})`, {
      code: 'connection_failed',
      cause: thrown,
    })
  return new GatewayError(
    'upstream_failed',
    `The connection to ${host} was lost before an answer came (${code || 'unknown reason'})`,
    {
      code: 'connection_lost',
      cause: thrown,
    },
  )
}

function brokenError(thrown: unknown): GatewayError {
  return new GatewayError(
    'upstream_failed',
    'The upstream broke the connection in the middle of its answer',
    {
      code: 'upstream_ended_early',
      cause: thrown,
    },
  )
}
