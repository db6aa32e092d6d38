import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Timeouts } from './deadline.ts'
import type { UpstreamRequest } from './send.ts'

/** What a scripted upstream does with each request that has come whole. */
export type Script = (socket: Socket, request: { id: string; number: number }) => void

/** An upstream made of sockets, so that it can misbehave in every way. */
export interface ScriptedUpstream {
  url: string
  /** Connections taken so far. */
  connections: number
  /** When the connection of a request was closed, by the request's id. */
  closedAt: Map<string, number>
  /** How often each request was read whole. */
  received: Map<string, number>
  close(): void
}

/** Listens on a free port. Requests carry an `x-id` header; `number` counts the requests of one connection from 1. */
export async function scriptedUpstream(script: Script): Promise<ScriptedUpstream> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    upstream.connections += 1
    sockets.add(socket)
    let text = ''
    let number = 0
    const ids: string[] = []
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      for (const id of ids) upstream.closedAt.set(id, performance.now())
    })
    socket.on('data', (bytes) => {
      text += bytes.toString('latin1')
      for (;;) {
        const head = text.indexOf('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
        if (head === -1 || text.length < head + 4 + length) return
        const id = /x-id: (\S+)/i.exec(text)?.[1] ?? ''
        text = text.slice(head + 4 + length)
        number += 1
        ids.push(id)
        upstream.received.set(id, (upstream.received.get(id) ?? 0) + 1)
        script(socket, { id, number })
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const upstream: ScriptedUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`,
    connections: 0,
    closedAt: new Map(),
    received: new Map(),
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
  return upstream
}

export const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n'
export const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`

export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

export function requestTo(
  url: string,
  timeouts: Timeouts = {},
  more: { id?: string; signal?: AbortSignal } = {},
): UpstreamRequest {
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-id': more.id ?? '' },
    body: '{"model":"m"}',
    timeouts,
    signal: more.signal ?? new AbortController().signal,
  }
}

/** Rejections and exceptions that nobody caught, from now on (promise G11). */
export function strayErrors(): unknown[] {
  const found: unknown[] = []
  process.on('unhandledRejection', (thrown) => found.push(thrown))
  process.on('uncaughtException', (thrown) => found.push(thrown))
  return found
}
