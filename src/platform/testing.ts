import { connect, type Socket } from 'node:net'
import { type Exchange, type Listener, listen } from './serve.ts'
import { type StreamWriter, streamResponse } from './stream.ts'

/** A client made of a socket: what it got, and whether the other side ended. */
export interface RawClient {
  socket: Socket
  text(): string
  bytes(): number
  ended: boolean
}

export function rawClient(port: number, request = 'GET / HTTP/1.1\r\nhost: test\r\n\r\n'): RawClient {
  const socket = connect(port, '127.0.0.1')
  const kept: Buffer[] = []
  let length = 0
  const client: RawClient = {
    socket,
    text: () => Buffer.concat(kept).toString(),
    bytes: () => length,
    ended: false,
  }
  socket.on('error', () => {})
  socket.on('close', () => {
    client.ended = true
  })
  socket.on('data', (bytes) => {
    length += bytes.length
    kept.push(Buffer.from(bytes))
    // The end of a long stream is enough.
    if (kept.length > 200) kept.splice(0, kept.length - 100)
  })
  socket.write(request)
  return client
}

export type Pull = (count: number) => Promise<string | Uint8Array | undefined> | string | undefined

/** A server that answers with one pulled stream, and what happened to it. */
export interface StreamServer {
  listener: Listener
  pulls: number
  cancels: number
  ends: { bytes: number; clientLeft: boolean }[]
  writer: StreamWriter | undefined
}

export interface StreamSetting {
  keepAliveMs?: number
  readIdleSeconds?: number
  stallMs?: number
  /** What is read on after the client left takes this long. */
  readsOn?: Promise<void>
  /** Waits before the response is given. */
  before?(exchange: Exchange): Promise<void>
}

export const KEEP_ALIVE = ': keep-alive\n\n'

export function streamServer(pull: Pull, setting: StreamSetting = {}): StreamServer {
  const server: StreamServer = {
    pulls: 0,
    cancels: 0,
    ends: [],
    writer: undefined,
    listener: listen({
      host: '127.0.0.1',
      port: 0,
      maxBodyBytes: 1_000_000,
      ...(setting.readIdleSeconds === undefined ? {} : { readIdleSeconds: setting.readIdleSeconds }),
      async handle(_, exchange) {
        await setting.before?.(exchange)
        const body = {
          async next() {
            server.pulls += 1
            return pull(server.pulls - 1)
          },
          cancel() {
            server.cancels += 1
            return setting.readsOn
          },
        }
        return streamResponse(
          body,
          { status: 200, headers: { 'content-type': 'text/event-stream' } },
          {
            keepAlive: KEEP_ALIVE,
            keepAliveMs: setting.keepAliveMs ?? 60_000,
            ...(setting.stallMs === undefined ? {} : { stallMs: setting.stallMs }),
            onEnd: (bytes, clientLeft) => void server.ends.push({ bytes, clientLeft }),
            onOpen(writer) {
              server.writer = writer
            },
          },
        )
      },
    }),
  }
  return server
}

export function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Waits until it holds, at most five seconds; says whether it does. */
export async function holds(condition: () => boolean): Promise<boolean> {
  for (let waits = 0; waits < 1_000 && !condition(); waits += 1) await wait(5)
  return condition()
}
