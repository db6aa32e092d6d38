import { createServer, type Server, type Socket } from 'node:net'

const EVENT_CHARACTERS = 20_000
const PACE_MS = 10

/** How a stream of this upstream runs: `torrent` two megabytes a second for whoever takes it, `calm` ten small events. */
type Kind = 'torrent' | 'calm'

const event = (content: string): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const LARGE = Buffer.from(chunk(event('x'.repeat(EVENT_CHARACTERS))))
const SMALL = chunk(event('word '))
const END = `${chunk(
  `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
)}0\r\n\r\n`

/** A vendor of chat completions made for many streams at once: every byte is ready, and nothing is kept of a request. */
export class TorrentUpstream {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Bytes that were taken of torrents. */
  taken = 0
  url = ''

  constructor(calmMs: number) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('data', (bytes) => {
        const text = bytes.toString('latin1')
        if (text.includes('"messages"'))
          this.#answer(socket, text.includes('torrent') ? 'torrent' : 'calm', calmMs)
      })
    })
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #answer(socket: Socket, kind: Kind, calmMs: number): void {
    socket.write(HEAD)
    if (kind === 'torrent') this.#flow(socket)
    else this.#walk(socket, calmMs / 10, 10)
  }

  /** Never more than the system takes. */
  #flow(socket: Socket): void {
    const pacing = setInterval(() => {
      if (socket.writableNeedDrain || socket.writableLength > 0) return
      socket.write(LARGE)
      this.taken += LARGE.length
    }, PACE_MS)
    socket.on('close', () => clearInterval(pacing))
  }

  #walk(socket: Socket, pauseMs: number, left: number): void {
    if (socket.destroyed) return
    socket.write(left > 0 ? SMALL : END)
    if (left > 0) setTimeout(() => this.#walk(socket, pauseMs, left - 1), pauseMs)
  }
}
