import { Client, type ClientEvents } from '../../../../bench/client.ts'
import type { Ticker } from '../../../../bench/ticker.ts'

/** Milliseconds from when a request was due to the end of its answer. */
export interface Answers {
  /** By HTTP status. */
  byStatus: Map<number, number[]>
  /** Requests that were due. */
  offered: number
  /** Connections that broke while an answer was awaited. */
  lost: number
  /** Requests for which no connection was free when they were due: the generator itself was the limit. */
  unsent: number
}

const FIRST_CONNECTIONS = 64
const MOST_CONNECTIONS = 4_000

/**
 * So many requests a second, whether or not earlier ones were answered (an open loop): a server that stalls is asked no
 * less, and its refusals are counted apart from its answers.
 */
export class OfferedLoad {
  #answers: Answers = noAnswers()
  readonly #ticker: Ticker
  readonly #port: number
  readonly #request: Uint8Array
  readonly #idle: Client[] = []
  readonly #all = new Set<Client>()
  #interval = 0
  #nextDue = 0
  #opening = 0
  #stopped = false
  readonly #step = (now: number): void => this.#advance(now)
  readonly #events: ClientEvents = {
    content: () => {},
    done: (client, status, now) => {
      const list = this.#answers.byStatus.get(status)
      if (list) list.push(now - client.due)
      else this.#answers.byStatus.set(status, [now - client.due])
      this.#idle.push(client)
    },
    lost: (client) => {
      this.#answers.lost++
      this.#all.delete(client)
    },
  }

  constructor(ticker: Ticker, port: number, request: Uint8Array) {
    this.#ticker = ticker
    this.#port = port
    this.#request = request
  }

  async start(perSecond: number): Promise<void> {
    for (let count = 0; count < FIRST_CONNECTIONS; count++) await this.#open()
    this.#interval = 1000 / perSecond
    this.#nextDue = performance.now()
    this.#ticker.add(this.#step)
  }

  /** What was answered since the start, or since this was last asked. */
  take(): Answers {
    const taken = this.#answers
    this.#answers = noAnswers()
    return taken
  }

  stop(): void {
    this.#stopped = true
    this.#ticker.remove(this.#step)
    for (const client of this.#all) client.abort()
  }

  #advance(now: number): void {
    for (; this.#nextDue <= now; this.#nextDue += this.#interval) {
      this.#answers.offered++
      const client = this.#idle.pop()
      if (client) client.send(this.#request, this.#nextDue)
      else {
        this.#answers.unsent++
        this.#grow()
      }
    }
  }

  #grow(): void {
    if (this.#all.size + this.#opening >= MOST_CONNECTIONS || this.#opening >= FIRST_CONNECTIONS) return
    this.#opening++
    void this.#open()
      .catch(() => this.#answers.lost++)
      .finally(() => this.#opening--)
  }

  async #open(): Promise<void> {
    const client = await Client.connect(this.#port, this.#events)
    if (this.#stopped) return client.abort()
    this.#all.add(client)
    this.#idle.push(client)
  }
}

function noAnswers(): Answers {
  return { byStatus: new Map(), offered: 0, lost: 0, unsent: 0 }
}
