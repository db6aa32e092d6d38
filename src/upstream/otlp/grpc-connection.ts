import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
} from 'node:http2'
import { MAXIMUM_ANSWER_BYTES } from './answer.ts'

export interface GrpcCall {
  /** `/package.Service/Method`. */
  path: string
  headers: Readonly<Record<string, string>>
  message: Uint8Array
  isCompressed: boolean
  timeoutMs: number
  abort: AbortSignal
}

export interface GrpcAnswer {
  httpStatus: number
  /** Undefined when whoever answered does not speak gRPC. */
  status: number | undefined
  /** What it says beside the status. */
  words: string
  /** A `google.rpc.Status`, empty when there is none. */
  details: Uint8Array
  /** The answer's message, empty when there is none. */
  message: Uint8Array
}

/** One byte that says whether the message is compressed, four with its length. */
const PREFIX_BYTES = 5
/** How a stream ends that ends well. */
const NO_ERROR = 0
const MAXIMUM_HEADER_BYTES = 16 * 1024
const MAXIMUM_WORDS = 300

/** An open connection, and why it failed. */
interface Session {
  readonly http2: ClientHttp2Session
  failure: string | undefined
}

/** One HTTP/2 connection to one server, opened when it is needed and kept while it works; unary gRPC calls over it. */
export class GrpcConnection {
  readonly #origin: string
  #session: Session | undefined

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Rejects when there is no answer: with an error that says why, within the time of the call. */
  call(call: GrpcCall): Promise<GrpcAnswer> {
    if (call.abort.aborted) return Promise.reject(new Error('it was given up'))
    return new Promise((resolve, reject) => {
      const session = this.#open()
      new Unary(call, session.http2.request(requestHeaders(call)), {
        answered: resolve,
        failed: (reason) => reject(new Error(session.failure ?? reason)),
        // A connection without an answer in time may never have one again.
        silent: () => this.#forget(session),
      })
    })
  }

  close(): void {
    if (this.#session) this.#forget(this.#session)
  }

  #open(): Session {
    const known = this.#session
    if (known && !known.http2.closed && !known.http2.destroyed) return known
    const http2 = connect(this.#origin, {
      maxHeaderListPairs: 64,
      settings: { enablePush: false, maxHeaderListSize: MAXIMUM_HEADER_BYTES },
    })
    const session: Session = { http2, failure: undefined }
    this.#session = session
    http2.on('error', (error) => {
      session.failure = failureOf(error)
      this.#forget(session)
    })
    http2.on('close', () => this.#forget(session))
    // It takes no new calls.
    http2.on('goaway', () => {
      if (this.#session === session) this.#session = undefined
    })
    // Whoever waits for an answer has a clock running.
    http2.unref()
    return session
  }

  #forget(session: Session): void {
    if (this.#session === session) this.#session = undefined
    if (!session.http2.destroyed) session.http2.destroy()
  }
}

function requestHeaders({ path, headers, timeoutMs }: GrpcCall): Record<string, string> {
  return {
    ...headers,
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    'grpc-timeout': `${timeoutMs}m`,
    'user-agent': 'xjp-gateway',
  }
}

interface Listener {
  answered(answer: GrpcAnswer): void
  failed(reason: string): void
  /** Nothing came in time, or nobody waits any more. */
  silent(): void
}

/** One call on its way. */
class Unary {
  readonly #stream: ClientHttp2Stream
  readonly #listener: Listener
  readonly #call: GrpcCall
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #giveUp = (): void => this.#leave('it was given up')
  readonly #pieces: Uint8Array[] = []
  #length = 0
  #httpStatus = 0
  /** Statuses come at the end; where there is no message, with the headers. */
  #fields: IncomingHttpHeaders = {}
  #isOver = false

  constructor(call: GrpcCall, stream: ClientHttp2Stream, listener: Listener) {
    this.#call = call
    this.#stream = stream
    this.#listener = listener
    this.#timer = setTimeout(
      () => this.#leave(`it did not answer within ${call.timeoutMs} ms`),
      call.timeoutMs,
    )
    call.abort.addEventListener('abort', this.#giveUp, { once: true })
    stream.on('response', (headers) => this.#onHead(headers))
    stream.on('trailers', (trailers) => {
      this.#fields = { ...this.#fields, ...trailers }
    })
    stream.on('data', (bytes: Uint8Array) => this.#onData(bytes))
    stream.on('error', (error) => this.#fail(failureOf(error)))
    stream.on('close', () => this.#onClose())
    stream.end(framed(call.message, call.isCompressed))
  }

  #onHead(headers: IncomingHttpHeaders): void {
    this.#httpStatus = Number(headers[':status'] ?? 0)
    this.#fields = headers
  }

  #onData(bytes: Uint8Array): void {
    this.#length += bytes.length
    if (this.#length > MAXIMUM_ANSWER_BYTES)
      this.#leave(`it answered with more than ${MAXIMUM_ANSWER_BYTES} bytes`)
    else this.#pieces.push(bytes)
  }

  #onClose(): void {
    if (this.#httpStatus === 0 || this.#stream.rstCode !== NO_ERROR)
      this.#fail('the connection was closed before its answer was complete')
    if (!this.#end()) return
    const status = this.#text('grpc-status')
    this.#listener.answered({
      httpStatus: this.#httpStatus,
      status: /^\d{1,3}$/.test(status) ? Number(status) : undefined,
      words: percentDecoded(this.#text('grpc-message').slice(0, MAXIMUM_WORDS)),
      details: Buffer.from(this.#text('grpc-status-details-bin'), 'base64'),
      message: unframed(Buffer.concat(this.#pieces)),
    })
  }

  #text(name: string): string {
    const value = this.#fields[name]
    return typeof value === 'string' ? value : ''
  }

  #leave(reason: string): void {
    this.#fail(reason)
    this.#listener.silent()
  }

  #fail(reason: string): void {
    if (this.#end()) this.#listener.failed(reason)
  }

  /** False when it was over before. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#call.abort.removeEventListener('abort', this.#giveUp)
    return true
  }
}

function framed(message: Uint8Array, isCompressed: boolean): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame.writeUInt8(isCompressed ? 1 : 0, 0)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, PREFIX_BYTES)
  return frame
}

/** The first message; empty when it is compressed, which nobody asked for, or not whole. */
function unframed(bytes: Buffer): Uint8Array {
  const length = bytes.length < PREFIX_BYTES || bytes[0] !== 0 ? 0 : bytes.readUInt32BE(1)
  return length > bytes.length - PREFIX_BYTES
    ? new Uint8Array(0)
    : bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + length)
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function failureOf(error: Error): string {
  return `the connection failed (${'code' in error ? String(error.code) : error.message})`
}
