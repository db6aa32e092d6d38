import { Client, type ClientEvents } from './client.ts'
import type { LoadCounts, LoadTarget } from './load.ts'

/** How many streams are opened at once while the load is built up. */
const RAMP = 64

/** A number of streams that are held open and read as fast as they come. */
export class StreamLoad implements LoadCounts {
  completed = 0
  failed = 0
  /** Content events that came through. */
  received = 0
  /** Milliseconds between two reads of the same stream. */
  gaps: number[] = []
  #stopping = false
  readonly #clients = new Set<Client>()

  get open(): number {
    return this.#clients.size
  }

  /** Resolves when each of the streams had its first content. */
  async start(target: LoadTarget, streams: number): Promise<void> {
    for (let opened = 0; opened < streams; opened += RAMP)
      await Promise.all(
        Array.from({ length: Math.min(RAMP, streams - opened) }, () => this.#openStream(target)),
      )
  }

  reset(): void {
    this.gaps = []
  }

  /** Every client leaves in the middle of its stream. */
  stop(): void {
    this.#stopping = true
    for (const client of this.#clients) client.abort()
    this.#clients.clear()
  }

  async #openStream(target: LoadTarget): Promise<void> {
    let began = (): void => {}
    const first = new Promise<void>((resolve) => {
      began = resolve
    })
    const events: ClientEvents = {
      content: (client, count, now) => {
        this.received += count
        if (client.begun) this.gaps.push(now - client.lastContent)
        else began()
      },
      done: (client, status) => {
        if (status === 200) this.completed++
        else this.failed++
        this.#clients.delete(client)
        began()
      },
      lost: (client) => {
        if (!this.#stopping) this.failed++
        this.#clients.delete(client)
        began()
      },
    }
    const client = await Client.connect(target.port, events)
    this.#clients.add(client)
    client.send(target.request, performance.now())
    await first
  }
}
