import { Client, type ClientEvents } from './client.ts'
import type { Ticker } from './ticker.ts'

/** Where a load goes. */
export interface LoadTarget {
  port: number
  request: Uint8Array
}

/** What every load counts. */
export interface LoadCounts {
  completed: number
  failed: number
}

/**
 * Every connection sends its next request when the last was answered. Finds the highest rate; says nothing about
 * latency, because a server that stalls is also asked less.
 */
export class ClosedLoop implements LoadCounts {
  completed = 0
  failed = 0
  #stopping = false
  readonly #clients: Client[] = []

  async start(target: LoadTarget, connections: number): Promise<void> {
    const events: ClientEvents = {
      content: () => {},
      done: (client, status, now) => {
        if (status === 200) this.completed++
        else this.failed++
        if (!this.#stopping) client.send(target.request, now)
      },
      lost: () => this.failed++,
    }
    for (let count = 0; count < connections; count++)
      this.#clients.push(await Client.connect(target.port, events))
    for (const client of this.#clients) client.send(target.request, performance.now())
  }

  stop(): void {
    this.#stopping = true
    for (const client of this.#clients) client.abort()
  }
}

const FIRST_CONNECTIONS = 32
/** A backlog opens further connections up to this: a rig that fell behind must not turn into a flood of connects. */
const MOST_CONNECTIONS = 128

/**
 * Requests are due at fixed times, whether or not earlier ones were answered, and latency counts from when a request
 * was due, not from when it could be sent: a stall is seen by every request it delays.
 */
export class OpenLoop implements LoadCounts {
  completed = 0
  failed = 0
  /** Milliseconds from due to the awaited moment, in the order of arrival. */
  latencies: number[] = []
  /** Milliseconds from due to sent: how late the rig itself was. */
  lateness: number[] = []
  readonly #ticker: Ticker
  readonly #target: LoadTarget
  readonly #moment: 'first-content' | 'end'
  readonly #idle: Client[] = []
  readonly #all = new Set<Client>()
  readonly #waiting: number[] = []
  #interval = 0
  #nextDue = 0
  #opening = 0
  readonly #step = (now: number): void => this.#advance(now)
  readonly #events: ClientEvents

  constructor(ticker: Ticker, target: LoadTarget, moment: 'first-content' | 'end') {
    this.#ticker = ticker
    this.#target = target
    this.#moment = moment
    this.#events = {
      content: (client, _count, now) => {
        if (moment === 'first-content' && !client.begun) this.latencies.push(now - client.due)
      },
      done: (client, status, now) => this.#done(client, status, now),
      lost: (client) => {
        this.failed++
        this.#all.delete(client)
      },
    }
  }

  /** `rate` in requests a second. */
  async start(rate: number): Promise<void> {
    for (let count = 0; count < FIRST_CONNECTIONS; count++) await this.#open()
    this.#interval = 1000 / rate
    this.#nextDue = performance.now() + this.#interval
    this.#ticker.add(this.#step)
  }

  /** Forgets what was measured so far: what follows is the window. */
  reset(): void {
    this.latencies = []
    this.lateness = []
    this.completed = 0
  }

  stop(): void {
    this.#ticker.remove(this.#step)
    for (const client of this.#all) client.abort()
    this.#all.clear()
  }

  async #open(): Promise<void> {
    const client = await Client.connect(this.#target.port, this.#events)
    this.#all.add(client)
    this.#idle.push(client)
  }

  #advance(now: number): void {
    while (this.#nextDue <= now) {
      this.#waiting.push(this.#nextDue)
      this.#nextDue += this.#interval
    }
    this.#serve(now)
    if (this.#waiting.length > this.#opening && this.#all.size + this.#opening < MOST_CONNECTIONS) {
      this.#opening++
      this.#open()
        .then(() => this.#serve(performance.now()))
        .catch(() => this.failed++)
        .finally(() => this.#opening--)
    }
  }

  #serve(now: number): void {
    while (this.#waiting.length > 0) {
      const client = this.#idle.pop()
      if (!client) return
      const due = this.#waiting.shift() ?? now
      this.lateness.push(now - due)
      client.send(this.#target.request, due)
    }
  }

  #done(client: Client, status: number, now: number): void {
    if (status === 200) this.completed++
    else this.failed++
    if (this.#moment === 'end') this.latencies.push(now - client.due)
    this.#idle.push(client)
  }
}
