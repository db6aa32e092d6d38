import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createServer2, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import {
  decodeMetrics,
  decodeSpans,
  encodeTraceResponse,
  type Metric,
  type Span,
} from './otlp-definitions.ts'

/** How a collector answers one export; by default it takes everything. */
export interface CollectorAnswer {
  /** Over HTTP. */
  status?: number
  /** Over gRPC. */
  grpcStatus?: number
  /** Of the answer: `retry-after`, `grpc-message`, `grpc-status-details-bin` … */
  headers?: Record<string, string>
  /** Spans it says it did not take, and why. */
  rejected?: number
  message?: string
  /** In place of the answer's body. */
  body?: Uint8Array
}

/** One export as it arrived. */
export interface ReceivedExport {
  transport: 'http' | 'grpc'
  path: string
  headers: Record<string, string>
  isCompressed: boolean
  /** Of the message as it was before compression. */
  bytes: number
  at: number
}

/** A stand-in for an OpenTelemetry collector: OTLP over gRPC and over HTTP, read with the official definitions. */
export interface OtlpCollector {
  grpcUrl: string
  httpUrl: string
  spans: Span[]
  metrics: Metric[]
  exports: ReceivedExport[]
  /** The answers to come, in order; without any it takes everything. */
  readonly answers: CollectorAnswer[]
  /** Resolves with the spans when what is asked of them holds; rejects after the time. */
  until(holds: (spans: readonly Span[]) => boolean, milliseconds?: number): Promise<Span[]>
  /** Ends every connection that is open. */
  dropConnections(): void
  close(): Promise<void>
}

const PREFIX_BYTES = 5
const PATIENCE_MILLISECONDS = 10_000

/** `httpPort`: where OTLP over HTTP listens; by default on any free port. */
export async function startOtlpCollector({ httpPort: wanted = 0 } = {}): Promise<OtlpCollector> {
  const rig = new Collector()
  const http = createServer((request, response) => void rig.overHttp(request, response))
  const grpc = createServer2()
  const sessions = new Set<{ destroy(): void }>()
  grpc.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
  })
  grpc.on('stream', (stream, headers) => void rig.overGrpc(stream as ServerHttp2Stream, headers))
  const [httpPort, grpcPort] = await Promise.all([
    listening(http, wanted),
    listening(grpc as unknown as Server),
  ])
  const dropConnections = (): void => {
    for (const session of sessions) session.destroy()
    sessions.clear()
    http.closeAllConnections()
  }
  return Object.assign(rig, {
    httpUrl: `http://127.0.0.1:${httpPort}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    dropConnections,
    close: async () => {
      dropConnections()
      http.close()
      grpc.close()
    },
  })
}

async function listening(server: Pick<Server, 'listen' | 'address'>, port = 0): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

class Collector {
  readonly spans: Span[] = []
  readonly metrics: Metric[] = []
  readonly exports: ReceivedExport[] = []
  readonly answers: CollectorAnswer[] = []
  readonly #waiting = new Set<() => void>()

  until(holds: (spans: readonly Span[]) => boolean, milliseconds = PATIENCE_MILLISECONDS): Promise<Span[]> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds(this.spans)) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve(this.spans)
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(
          new Error(
            `not within ${milliseconds} ms; there are ${this.spans.map(({ name }) => name).join(', ')}`,
          ),
        )
      }, milliseconds)
      this.#waiting.add(look)
      look()
    })
  }

  async overHttp(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const isCompressed = request.headers['content-encoding'] === 'gzip'
    const sent = Buffer.concat(pieces)
    const message = isCompressed ? gunzipSync(sent) : sent
    const {
      status = 200,
      headers = {},
      body,
    } = this.#take('http', request.url ?? '', request.headers, isCompressed, message)
    response.writeHead(status, { 'content-type': 'application/x-protobuf', ...headers })
    response.end(body)
  }

  async overGrpc(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => {})
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece as Buffer)
    const frame = Buffer.concat(pieces)
    const isCompressed = frame[0] === 1
    if (frame.readUInt32BE(1) !== frame.length - PREFIX_BYTES) throw new Error('not one whole message')
    const sent = frame.subarray(PREFIX_BYTES)
    const message = isCompressed ? gunzipSync(sent) : sent
    const answer = this.#take('grpc', String(headers[':path']), headers, isCompressed, message)
    const { grpcStatus = 0, headers: more = {}, body } = answer
    const trailers = { 'grpc-status': String(grpcStatus), ...more }
    if (grpcStatus !== 0) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers(trailers))
    const prefix = Buffer.alloc(PREFIX_BYTES)
    prefix.writeUInt32BE(body.length, 1)
    stream.end(Buffer.concat([prefix, body]))
  }

  #take(
    transport: ReceivedExport['transport'],
    path: string,
    headers: IncomingHttpHeaders,
    isCompressed: boolean,
    message: Uint8Array,
  ): CollectorAnswer & { body: Uint8Array } {
    const isMetrics = /metrics/i.test(path)
    this.exports.push({
      transport,
      path,
      headers: headers as Record<string, string>,
      isCompressed,
      bytes: message.length,
      at: performance.now(),
    })
    const answer = this.answers.shift() ?? {}
    const isTaken = (answer.status ?? 200) < 300 && (answer.grpcStatus ?? 0) === 0
    // What is no message of the definitions throws here, and the test with it.
    if (isMetrics) this.metrics.push(...(isTaken ? decodeMetrics(message) : []))
    else this.spans.push(...(isTaken ? decodeSpans(message) : []))
    for (const look of [...this.#waiting]) look()
    return { ...answer, body: answer.body ?? encodeTraceResponse(answer.rejected ?? 0, answer.message ?? '') }
  }
}

/** Ways in which a collector can be no collector at all. */
export const sinkFaults = {
  /** Takes connections and everything sent, and says nothing. */
  hangs: (socket) => void socket.on('data', () => {}),
  /** Takes connections, and reads nothing. */
  'does not read': (socket) => void socket.pause(),
  resets: (socket) => void socket.once('data', () => socket.resetAndDestroy()),
  closes: (socket) => void socket.once('data', () => socket.end()),
  /** A byte now and then, for ever. */
  trickles: (socket) => {
    const words = Buffer.from(
      'HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 100000\r\n\r\n',
    )
    let at = 0
    const timer = setInterval(() => socket.write(words.subarray(at, ++at) || 'x'), 50)
    socket.on('data', () => {})
    socket.on('close', () => clearInterval(timer))
  },
  /** An answer without an end. */
  floods: (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const piece = `10000\r\n${'x'.repeat(0x10000)}\r\n`
      const pour = (): void => {
        while (!socket.destroyed && socket.write(piece)) {}
      }
      socket.on('drain', pour)
      pour()
    })
  },
  /** Says that it took everything, in bytes that mean nothing. */
  lies: (socket) =>
    void socket.on('data', () => {
      const body = '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff'
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
        'latin1',
      )
    }),
} satisfies Record<string, (socket: Socket) => void>

export type SinkFault = keyof typeof sinkFaults

export interface FaultySink {
  url: string
  /** Connections taken so far. */
  connections: number
  close(): void
}

export async function startFaultySink(fault: SinkFault): Promise<FaultySink> {
  const sockets = new Set<Socket>()
  const server = createSocketServer((socket) => {
    sink.connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    sinkFaults[fault](socket)
  })
  const port = await listening(server)
  const sink: FaultySink = {
    url: `http://127.0.0.1:${port}`,
    connections: 0,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return sink
}
