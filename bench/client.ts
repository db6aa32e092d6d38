import type { Socket } from 'bun'
import { MARKER_BYTE } from './dialects.ts'
import { ResponseReader } from './response-reader.ts'

/** What happens to one request of a client. Times are the runtime's monotonic milliseconds. */
export interface ClientEvents {
  /** A read brought `count` content events. */
  content(client: Client, count: number, now: number): void
  done(client: Client, status: number, now: number): void
  /** The connection closed while an answer was awaited. */
  lost(client: Client): void
}

/** One client connection: one request at a time, the answer's content counted by its markers. */
export class Client {
  readonly #events: ClientEvents
  readonly #reader: ResponseReader
  #socket: Socket<undefined> | undefined
  #rest: Uint8Array | undefined
  #status = 0
  #markers = 0
  #waiting = false
  /** When the present request was due; set by who sends it. */
  due = 0
  /** The present answer's content began. */
  begun = false
  /** When the last content came. */
  lastContent = 0

  private constructor(events: ClientEvents) {
    this.#events = events
    this.#reader = new ResponseReader({
      head: (status) => {
        this.#status = status
      },
      body: (bytes, from, to) => {
        this.#markers += countMarkers(bytes, from, to)
      },
      end: () => {
        this.#report()
        this.#waiting = false
        this.#events.done(this, this.#status, performance.now())
      },
    })
  }

  static async connect(port: number, events: ClientEvents): Promise<Client> {
    const client = new Client(events)
    client.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: {
        data: (_socket, bytes) => {
          client.#reader.push(bytes)
          client.#report()
        },
        drain: () => client.#write(client.#rest),
        close: () => client.#closed(),
        error: () => {},
      },
    })
    return client
  }

  send(request: Uint8Array, due: number): void {
    this.due = due
    this.begun = false
    this.#waiting = true
    this.#write(request)
  }

  /** Leaves without a word, as a client does that is killed. */
  abort(): void {
    this.#waiting = false
    this.#socket?.terminate()
  }

  #write(bytes: Uint8Array | undefined): void {
    this.#rest = undefined
    if (!bytes || !this.#socket) return
    const written = Math.max(0, this.#socket.write(bytes))
    if (written < bytes.length) this.#rest = bytes.subarray(written)
  }

  #report(): void {
    const count = this.#markers
    if (count === 0) return
    this.#markers = 0
    const now = performance.now()
    this.#events.content(this, count, now)
    this.begun = true
    this.lastContent = now
  }

  #closed(): void {
    if (!this.#waiting) return
    this.#waiting = false
    this.#events.lost(this)
  }
}

function countMarkers(bytes: Uint8Array, from: number, to: number): number {
  let count = 0
  for (let at = bytes.indexOf(MARKER_BYTE, from); at >= 0 && at < to; at = bytes.indexOf(MARKER_BYTE, at + 1))
    count++
  return count
}
