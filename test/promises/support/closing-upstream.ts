import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { random } from '../../rig/http/deliver.ts'

/**
 * An upstream that answers, and closes each connection around the moment of its next use: really closes, so that the
 * kernel answers a request that comes too late. (The rig's own `close-idle` closes its sending side only and goes on
 * reading.)
 */
export interface ClosingUpstream {
  url: string
  /** How often each request was begun, by the word in it. */
  executed: ReadonlyMap<string, number>
  connections(): number
  close(): Promise<void>
}

const ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'any',
  choices: [{ index: 0, message: { role: 'assistant', content: 'done' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

export async function closingUpstream(seed: number, thinkingMs: number): Promise<ClosingUpstream> {
  const executed = new Map<string, number>()
  const next = random(seed)
  let connections = 0
  const sockets = new Set<Socket>()
  const busy = new Set<Socket>()
  const closeIfIdle = (socket: Socket): void => {
    if (busy.has(socket)) return
    if (next() < 0.5) socket.destroy()
    else socket.resetAndDestroy()
  }
  const server = createServer((request, response) => {
    busy.add(request.socket)
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      const word = /call-\d+-end/.exec(body)?.[0] ?? ''
      executed.set(word, (executed.get(word) ?? 0) + 1)
      setTimeout(() => {
        const { socket } = response
        response.setHeader('content-type', 'application/json')
        response.end(ANSWER, () => {
          if (socket === null) return
          busy.delete(socket)
          if (next() < 0.5) setTimeout(() => closeIfIdle(socket), next() * 6)
        })
      }, thinkingMs)
    })
  })
  server.on('connection', (socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    executed,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
