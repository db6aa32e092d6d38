import { GatewayError } from '../protocol/model/error.ts'
import { decodedSource } from './content-encoding.ts'
import { Deadline } from './deadline.ts'
import { clientClosed, codeOf, failureBeforeAnswer, failureInAnswer } from './failure.ts'
import type { Send, UpstreamRequest } from './request.ts'
import type { ByteSource } from './source.ts'
import { rememberAnswer, wasStale } from './stale-connection.ts'

/**
 * The runtime's own client, for requests that go through a proxy of the environment. There is no connect clock: only the
 * proxy knows whether the upstream is there, and the first-byte clock covers both. Rejects with `GatewayError`s only.
 */
export const sendByFetch: Send = async (request) => {
  const url = parseUrl(request.url)
  const exchange = new Exchange(request)
  try {
    const response = await begin(request, `${request.method} ${url.origin}${url.pathname}`, exchange.signal)
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
  #timedOut: GatewayError | undefined

  constructor(request: UpstreamRequest) {
    this.#request = request
    this.deadline = new Deadline(request.timeouts, (error) => this.#timeOut(error))
    if (request.signal.aborted) this.#controller.abort()
    else request.signal.addEventListener('abort', this.#leave, { once: true })
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(): void {
    this.over()
    this.#controller.abort()
  }

  over(): void {
    this.deadline.stop()
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
      throw this.#exchange.reason(thrown) ?? deadline.blamed(failureInAnswer(thrown))
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
