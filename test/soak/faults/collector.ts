import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const moods = ['takes', 'hangs', 'takes', 'refuses', 'takes', 'resets'] as const
const MOOD_MS = 20_000

export interface Collector {
  url: string
  /** Exports that were taken. */
  taken(): number
  close(): Promise<void>
}

/** Where traces and metrics go: it takes them, refuses them, or never answers, by turns (promise F9). */
export async function startCollector(): Promise<Collector> {
  const begun = performance.now()
  let taken = 0
  const server = createServer((request, response) => {
    const mood = moods[Math.floor((performance.now() - begun) / MOOD_MS) % moods.length]
    request.on('error', () => {})
    if (mood === 'resets') return void request.socket.resetAndDestroy()
    request.resume().on('end', () => {
      if (mood === 'hangs') return
      if (mood === 'takes') taken += 1
      response.writeHead(mood === 'takes' ? 200 : 503, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', () => listening()))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: () => taken,
    close: () => {
      server.closeAllConnections()
      return new Promise((closed) => server.close(() => closed()))
    },
  }
}
