import { GatewayError } from '../protocol/model/error.ts'
import { ConnectClock } from './connect-clock.ts'
import { decodedSource } from './content-encoding.ts'
import { Deadline, type Timeouts, timeoutError } from './deadline.ts'
import { clientClosed, codeOf, failureBeforeAnswer, failureInAnswer } from './failure.ts'
import type { ByteSource } from './source.ts'
import { rememberAnswer, wasStale } from './stale-connection.ts'

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
  const url = parseUrl(request.url)
  const exchange = new Exchange(request, url)
  try {
    const response = await begin(request, `${request.method} ${url.origin}${url.pathname}`, exchange.signal)
    exchange.answered()
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      body: decodedSource(new FetchSource(response.body, exchange), response.headers.get('content-encoding')),
    }
  } catch (thrown) {
    exchange.over()
    throw exchange.reason(thrown) ?? failureBeforeAnswer(thrown, url.host)
  }
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new GatewayError(
    'internal',
    "The upstream's address is not an http or https URL: check the provider's base URL",
  )
}

/** One request; once more on a fresh connection when the kept one was dead. */
async function begin(request: UpstreamRequest, place: string, signal: AbortSignal): Promise<Response> {
  const startedAt = performance.now()
  try {
    const response = await fetchOnce(request, signal, true)
    if (response.ok) rememberAnswer(place, performance.now() - startedAt)
    return response
  } catch (thrown) {
    if (signal.aborted || !wasStale(place, codeOf(thrown), performance.now() - startedAt)) throw thrown
    return fetchOnce(request, signal, false)
  }
}

function fetchOnce(request: UpstreamRequest, signal: AbortSignal, keepalive: boolean): Promise<Response> {
  return fetch(request.url, {
    method: request.method,
    headers: request.headers,
    ...(request.body === undefined ? {} : { body: request.body as BodyInit }),
    redirect: 'manual',
    signal,
    keepalive,
    decompress: false,
    // Our own clocks are kept instead.
    timeout: false,
  } as RequestInit)
}

/** The clocks and the two ends' wishes to leave, for one request and its answer. */
class Exchange {
  readonly #controller = new AbortController()
  readonly #request: UpstreamRequest
  readonly #leave = (): void => this.#controller.abort()
  readonly deadline: Deadline
  readonly #connectClock: ConnectClock | undefined
  #timedOut: GatewayError | undefined

  constructor(request: UpstreamRequest, url: URL) {
    this.#request = request
    this.deadline = new Deadline(request.timeouts, (error) => this.#timeOut(error))
    const { connectMs } = request.timeouts
    if (connectMs !== undefined)
      this.#connectClock = new ConnectClock(url, connectMs, () =>
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

  /** Why we ended it ourselves; undefined when the connection failed by itself. */
  reason(thrown: unknown): GatewayError | undefined {
    if (thrown instanceof GatewayError) return thrown
    return this.#timedOut ?? (this.#request.signal.aborted ? clientClosed(thrown) : undefined)
  }

  #timeOut(error: GatewayError): void {
    this.#timedOut ??= error
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
      throw this.#exchange.reason(thrown) ?? failureInAnswer(thrown)
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
