import { connect, type Socket } from 'node:net'

/** How a slow client keeps a connection busy, as slowhttptest names it. */
export type SlowKind = 'head' | 'body' | 'range' | 'read'

/** Hundreds of overlapping pieces of an answer. */
const RANGES = Array.from({ length: 300 }, (_, index) => `${index}-`).join(',')
const TRICKLE_MS = 5_000

interface Target {
  url: string
  path: string
  /** A request whose answer is large, for those who do not read it. */
  large: string
}

const head = (path: string, more: string): string =>
  `POST ${path} HTTP/1.1\r\nhost: slow\r\ncontent-type: application/json\r\n${more}`

/** What is sent at once, and what then comes every now and again. */
const kinds: Readonly<
  Record<SlowKind, (target: Target) => { first: string; more?: () => string; reads: boolean }>
> = {
  head: ({ path }) => ({
    first: head(path, ''),
    more: () => `x-${Math.random().toString(36).slice(2)}: a\r\n`,
    reads: true,
  }),
  body: ({ path }) => ({ first: head(path, 'content-length: 4096\r\n\r\n'), more: () => ' ', reads: true }),
  range: ({ path }) => ({
    first: head(path, `range: bytes=${RANGES}\r\ncontent-length: 2\r\n\r\n{}`),
    more: () => head(path, `range: bytes=${RANGES}\r\ncontent-length: 2\r\n\r\n{}`),
    reads: true,
  }),
  read: ({ path, large }) => ({
    first: head(path, `content-length: ${Buffer.byteLength(large)}\r\n\r\n${large}`),
    reads: false,
  }),
}

/** Many clients of one kind, and how long each was suffered. */
export class SlowClients {
  readonly kind: SlowKind
  readonly openedAt: number[] = []
  /** Milliseconds until the other side closed, of those it has. */
  readonly closedAfter: number[] = []
  /** Status lines that came back. */
  readonly statuses = new Map<number, number>()
  readonly #sockets = new Set<Socket>()
  readonly #timers: ReturnType<typeof setInterval>[] = []

  constructor(kind: SlowKind) {
    this.kind = kind
  }

  get open(): number {
    return this.#sockets.size
  }

  /** Opens so many, a few hundred at a time. */
  async start(count: number, target: Target): Promise<void> {
    const { hostname, port } = new URL(target.url)
    for (let begun = 0; begun < count; ) {
      const batch = Math.min(200, count - begun)
      begun += batch
      await Promise.all(Array.from({ length: batch }, () => this.#open(hostname, Number(port), target)))
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  #open(hostname: string, port: number, target: Target): Promise<void> {
    const { first, more, reads } = kinds[this.kind](target)
    return new Promise((resolve) => {
      const openedAt = performance.now()
      const socket = connect(port, hostname, () => {
        this.#sockets.add(socket)
        socket.write(first)
        if (!reads) socket.pause()
        resolve()
      })
      if (more) this.#timers.push(setInterval(() => socket.writable && socket.write(more()), TRICKLE_MS))
      socket.on('data', (bytes) => {
        const status = Number(/^HTTP\/1\.1 (\d+)/.exec(bytes.toString('latin1'))?.[1] ?? 0)
        if (status > 0) this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
      })
      socket.on('error', () => resolve())
      socket.on('close', () => {
        if (this.#sockets.delete(socket)) this.closedAfter.push(performance.now() - openedAt)
        resolve()
      })
    })
  }
}
