import type { Socket } from 'bun'
import type { WireDialect } from './dialects.ts'
import { RequestReader, type UpstreamRequest } from './request-reader.ts'
import type { Ticker } from './ticker.ts'
import { type PacedStream, PaceWheel, WindowedTurns } from './upstream-pace.ts'
import { type UpstreamWire, upstreamWire } from './upstream-wire.ts'

/** How streams run that begin from now on. */
export interface StreamPlan {
  /** Milliseconds between two events of one stream; undefined: as fast as `window` allows. */
  intervalMs?: number
  /** Most events under way at once, when there is no interval. */
  window?: number
  /** Content events after which a stream ends by itself. */
  events: number
}

type Connection = { reader: RequestReader; stream?: Stream; rest?: Uint8Array }

/** Last part of the path → dialect. */
const PATHS: readonly { suffix: string; dialect: WireDialect }[] = [
  { suffix: '/chat/completions', dialect: 'chat-completions' },
  { suffix: '/messages', dialect: 'messages' },
  { suffix: ':generateContent', dialect: 'generate-content' },
  { suffix: ':streamGenerateContent', dialect: 'generate-content' },
]

const NOT_FOUND = new TextEncoder().encode('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')

/** One streamed answer. Knows how to write itself; when is the pace's business. */
class Stream implements PacedStream {
  readonly #upstream: Upstream
  readonly #socket: Socket<Connection>
  readonly #wire: UpstreamWire
  #left: number

  constructor(upstream: Upstream, socket: Socket<Connection>, wire: UpstreamWire, events: number) {
    this.#upstream = upstream
    this.#socket = socket
    this.#wire = wire
    this.#left = events
    write(socket, wire.opening)
  }

  emit(): boolean {
    if (this.#socket.data.rest) return false
    write(this.#socket, this.#wire.event)
    this.#upstream.emitted++
    if (--this.#left <= 0) this.end()
    return true
  }

  end(): void {
    this.#upstream.drop(this)
    delete this.#socket.data.stream
    write(this.#socket, this.#wire.ending)
  }
}

/** Writes what the socket takes; the rest waits for `drain`. */
function write(socket: Socket<Connection>, bytes: Uint8Array): void {
  const { data } = socket
  if (data.rest) {
    data.rest = Buffer.concat([data.rest, bytes])
    return
  }
  const written = Math.max(0, socket.write(bytes))
  if (written < bytes.length) data.rest = bytes.subarray(written)
}

/**
 * A scripted vendor on a raw socket: whole answers at once, streams at a given pace, in three dialects. It does as
 * little as can be done, so that what is measured is what stands before it.
 */
export class Upstream {
  readonly port: number
  requests = 0
  emitted = 0
  connections = 0
  readonly #streams = new Set<Stream>()
  #wires: Record<WireDialect, UpstreamWire> = wires()
  #plan: StreamPlan = { intervalMs: 10, events: 100 }
  #pace: PaceWheel | WindowedTurns = new PaceWheel(10, performance.now())
  #received: () => number = () => 0
  readonly #server: { stop(closeActive?: boolean): void }
  readonly #ticker: Ticker
  readonly #step = (now: number): void => this.#pace.advance(now)

  constructor(ticker: Ticker, port = 0) {
    const server = Bun.listen<Connection>({
      hostname: '127.0.0.1',
      port,
      socket: {
        open: (socket) => {
          socket.data = { reader: new RequestReader() }
          this.connections++
        },
        data: (socket, bytes) => {
          for (const request of socket.data.reader.push(bytes)) this.#answer(socket, request)
        },
        drain: (socket) => {
          const { rest } = socket.data
          delete socket.data.rest
          if (rest) write(socket, rest)
        },
        close: (socket) => {
          this.connections--
          if (socket.data.stream) this.drop(socket.data.stream)
        },
        error: () => {},
      },
    })
    this.port = server.port
    this.#server = server
    this.#ticker = ticker
    ticker.add(this.#step)
  }

  get openStreams(): number {
    return this.#streams.size
  }

  /** Sets the pace of streams that begin from now on. `received` counts the events that came through. */
  plan(plan: StreamPlan, received: () => number = () => 0): void {
    this.#plan = plan
    this.#received = received
    const base = this.emitted - received()
    this.#pace =
      plan.intervalMs === undefined
        ? new WindowedTurns(plan.window ?? 1, () => this.emitted - this.#received() - base)
        : new PaceWheel(plan.intervalMs, performance.now())
  }

  /** Length of the JSON of whole answers. */
  wholeBytes(length: number): void {
    this.#wires = wires(length)
  }

  /** Every open stream ends as its protocol wants it. */
  endStreams(): void {
    for (const stream of [...this.#streams]) stream.end()
  }

  drop(stream: Stream): void {
    this.#streams.delete(stream)
    this.#pace.remove(stream)
  }

  close(): void {
    this.#ticker.remove(this.#step)
    this.#server.stop(true)
  }

  #answer(socket: Socket<Connection>, request: UpstreamRequest): void {
    this.requests++
    const dialect = PATHS.find(({ suffix }) => request.path.endsWith(suffix))?.dialect
    if (!dialect || !request.stream) {
      write(socket, dialect ? this.#wires[dialect].whole : NOT_FOUND)
      return
    }
    const wire = this.#wires[dialect]
    const stream = new Stream(this, socket, wire, this.#plan.events)
    socket.data.stream = stream
    this.#streams.add(stream)
    this.#pace.add(stream)
    stream.emit()
  }
}

function wires(wholeBytes?: number): Record<WireDialect, UpstreamWire> {
  return {
    'chat-completions': upstreamWire('chat-completions', wholeBytes),
    messages: upstreamWire('messages', wholeBytes),
    'generate-content': upstreamWire('generate-content', wholeBytes),
  }
}
