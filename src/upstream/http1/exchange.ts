import { GatewayError } from '../../protocol/model/error.ts'
import { decodedSource } from '../content-encoding.ts'
import { Deadline, timeoutError } from '../deadline.ts'
import { clientClosed, failureInAnswer } from '../failure.ts'
import type { UpstreamRequest, UpstreamResponse } from '../request.ts'
import type { ByteSource } from '../source.ts'
import { rememberAnswer, wasStale } from '../stale-connection.ts'
import type { Connection, ConnectionUser, Loss } from './connection.ts'
import { connectionFailed, connectionLost, givenUp } from './failures.ts'
import type { ResponseHead } from './head.ts'
import type { Place } from './place.ts'
import type { ConnectionPool } from './pool.ts'
import { requestHead } from './request.ts'

/** Bytes that wait for a reader before the peer has to wait. */
const MAXIMUM_QUEUED_BYTES = 32 * 1024

const NOTHING = new Uint8Array()

/** A promise and its two ends. */
interface Waiting<Value> {
  promise: Promise<Value>
  resolve(value: Value): void
  reject(reason: unknown): void
}

/** What is sent, kept until its answer begins. */
interface Sending {
  head: string
  body: string | Uint8Array | undefined
  bodyBytes: number
}

/** Sends one request; resolves when the answer's head has come, rejects with a `GatewayError`. */
export function exchange(
  request: UpstreamRequest,
  place: Place,
  pool: ConnectionPool,
): Promise<UpstreamResponse> {
  const answer = Promise.withResolvers<UpstreamResponse>()
  new Exchange(request, place, pool, answer)
  return answer.promise
}

/** One request and its answer: the clocks, the two ends' wishes to leave, and the bytes nobody has read yet. */
class Exchange implements ConnectionUser, ByteSource, EventListenerObject {
  readonly #place: Place
  readonly #pool: ConnectionPool
  readonly #signal: AbortSignal
  readonly #connectMs: number | undefined
  readonly #deadline: Deadline
  #connection: Connection
  #connectTimer: ReturnType<typeof setTimeout> | undefined
  #startedAt = 0
  #mayResend = true
  #isOver = false
  #error: GatewayError | undefined
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #isPaused = false
  /** Both are absent from the head of the answer on: a stream may last, and nothing is sent again after that. */
  #sending: Sending | undefined
  #answer: Waiting<UpstreamResponse> | undefined
  #reader: Waiting<Uint8Array | undefined> | undefined

  /** Throws `internal` when the request cannot be written. */
  constructor(
    request: UpstreamRequest,
    place: Place,
    pool: ConnectionPool,
    answer: Waiting<UpstreamResponse>,
  ) {
    this.#place = place
    this.#pool = pool
    this.#signal = request.signal
    this.#connectMs = request.timeouts.connectMs
    this.#answer = answer
    const { body } = request
    const length = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0)
    const announced = body === undefined && request.method === 'GET' ? undefined : length
    this.#sending = { head: requestHead(request, place, announced), body, bodyBytes: length }
    this.#deadline = new Deadline(request.timeouts, (error) => this.#leave(error))
    request.signal.addEventListener('abort', this, { once: true })
    this.#connection = pool.take(place)
    this.#use(this.#connection)
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#queuedBytes > 0) {
      // It is ahead of its reader, who waits for nothing.
      this.#deadline.pause()
      return Promise.resolve(this.#takeQueued())
    }
    if (this.#error) return Promise.reject(this.#error)
    if (this.#isOver) return Promise.resolve(undefined)
    this.#deadline.resume()
    this.#reader = Promise.withResolvers<Uint8Array | undefined>()
    return this.#reader.promise
  }

  /** Short answers come in one piece with their heads, so nobody has to wait for them twice. */
  rest(): Uint8Array | undefined {
    if (!this.#isOver || this.#error) return undefined
    return this.#queuedBytes > 0 ? this.#takeQueued() : NOTHING
  }

  cancel(): void {
    this.#dropQueue()
    if (this.#isOver) this.#error ??= givenUp()
    else this.#leave(givenUp())
  }

  /** The client left. */
  handleEvent(): void {
    this.#dropQueue()
    this.#leave(clientClosed(this.#signal.reason))
  }

  onReady(): void {
    this.#stopConnectTimer()
    this.#startedAt = performance.now()
    const sending = this.#sending
    if (sending) this.#connection.send(sending.head, sending.body, sending.bodyBytes, false)
  }

  onHead(head: ResponseHead): void {
    if (head.status < 300) this.#rememberAnswer()
    const answer = this.#answer
    this.#answer = undefined
    this.#sending = undefined
    try {
      const body = decodedSource(this, head.get('content-encoding'))
      answer?.resolve({ status: head.status, header: (name) => head.get(name), body })
    } catch (thrown) {
      answer?.reject(thrown)
    }
  }

  onBody(bytes: Uint8Array): void {
    this.#deadline.touch()
    const reader = this.#reader
    if (reader !== undefined) {
      this.#reader = undefined
      this.#deadline.pause()
      reader.resolve(bytes)
      return
    }
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
    if (this.#queuedBytes <= MAXIMUM_QUEUED_BYTES || this.#isPaused) return
    this.#isPaused = true
    this.#connection.pause()
  }

  onDone(): void {
    this.#over()
    this.#reader?.resolve(undefined)
    this.#reader = undefined
  }

  onLost(loss: Loss): void {
    if (this.#isDead(loss)) {
      this.#mayResend = false
      this.#use(this.#pool.open(this.#place))
    } else this.#fail(this.#errorOf(loss))
  }

  onInvalid(thrown: unknown): void {
    this.#fail(thrown instanceof GatewayError ? thrown : failureInAnswer(thrown))
  }

  #use(connection: Connection): void {
    this.#connection = connection
    connection.attach(this)
    if (connection.isOpen) this.onReady()
    else this.#watchConnecting()
  }

  #watchConnecting(): void {
    const connectMs = this.#connectMs
    if (connectMs === undefined) return
    this.#connectTimer = setTimeout(() => this.#leave(timeoutError('connect', connectMs)), connectMs)
  }

  #stopConnectTimer(): void {
    clearTimeout(this.#connectTimer)
    this.#connectTimer = undefined
  }

  /** The kept connection was dead: nothing was done with the request, and a fresh one may do it. */
  #isDead({ when, quickResetMs, cause }: Loss): boolean {
    if (!this.#mayResend) return false
    if (when === 'unread') return true
    return quickResetMs !== undefined && wasStale(this.#place.path, cause.code, quickResetMs)
  }

  #errorOf({ when, cause }: Loss): GatewayError {
    const host = this.#place.hostHeader
    if (when === 'answering') return this.#deadline.blamed(failureInAnswer(cause))
    if (when === 'waiting') return connectionLost(host, cause)
    return connectionFailed(host, cause)
  }

  #rememberAnswer(): void {
    rememberAnswer(this.#place.path, performance.now() - this.#startedAt)
  }

  #takeQueued(): Uint8Array {
    const queue = this.#queue
    const first = queue[0] as Uint8Array
    const bytes = queue.length === 1 ? first : Buffer.concat(queue, this.#queuedBytes)
    this.#dropQueue()
    if (this.#isPaused) {
      this.#isPaused = false
      // Once its answer is over the connection is somebody else's.
      if (!this.#isOver) this.#connection.resume()
    }
    return bytes
  }

  #dropQueue(): void {
    this.#queue = []
    this.#queuedBytes = 0
  }

  /** Ends it from our side: the upstream sees it at once. */
  #leave(error: GatewayError): void {
    if (this.#isOver) return
    this.#connection.giveUp()
    this.#fail(error)
  }

  #fail(error: GatewayError): void {
    this.#over()
    this.#error = error
    if (this.#answer) this.#answer.reject(error)
    else this.#reader?.reject(error)
    this.#answer = undefined
    this.#reader = undefined
  }

  #over(): void {
    this.#isOver = true
    this.#stopConnectTimer()
    this.#deadline.stop()
    this.#signal.removeEventListener('abort', this)
  }
}
