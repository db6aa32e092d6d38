import type { Announcements } from '../ports/shared-state.ts'
import type { RedisConnection } from './connection.ts'
import { openClient, type RedisClient, within } from './open-client.ts'

const CONNECT_MILLISECONDS = 1_000
const PAUSE_MILLISECONDS = 500
/** A connection that only listens must be asked whether it is still there. */
const CHECK_MILLISECONDS = 2_000

/**
 * Words between replicas over Redis' publish and subscribe, on a connection of their own. What is said while one side is
 * not connected is lost; who needs it polls too.
 */
export class RedisAnnouncements implements Announcements {
  readonly #redis: RedisConnection
  readonly #topics = new Map<string, Set<(text: string) => void>>()
  #client: RedisClient | undefined
  #closed = false
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined

  constructor(redis: RedisConnection) {
    this.#redis = redis
  }

  publish(topic: string, text: string): void {
    this.#redis.run(['PUBLISH', this.#channel(topic), text]).catch(() => {})
  }

  subscribe(topic: string, listener: (text: string) => void): () => void {
    const known = this.#topics.get(topic)
    if (known) known.add(listener)
    else {
      this.#topics.set(topic, new Set([listener]))
      if (this.#client) this.#listen(this.#client, topic).catch(() => {})
    }
    this.#running ??= this.#keepConnected()
    return () => void this.#topics.get(topic)?.delete(listener)
  }

  #channel(topic: string): string {
    return `${this.#redis.prefix}announce:${topic}`
  }

  async #listen(client: RedisClient, topic: string): Promise<void> {
    await client.subscribe(this.#channel(topic), (text: string) => {
      for (const listener of [...(this.#topics.get(topic) ?? [])]) listener(text)
    })
  }

  async #keepConnected(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#connected()
      } catch {
        // Its reason is in the health of the connection for commands.
      }
      if (!this.#closed) await this.#sleep(PAUSE_MILLISECONDS)
    }
  }

  /** Connects, listens, and resolves or rejects when that is over. */
  async #connected(): Promise<void> {
    let over = false
    const client = await openClient(this.#redis.url, CONNECT_MILLISECONDS, () => {
      over = true
      this.#wake?.()
    })
    // From here on whoever subscribes does it on this connection.
    this.#client = client
    try {
      const listening = [...this.#topics.keys()].map((topic) => this.#listen(client, topic))
      await within(Promise.all(listening), CONNECT_MILLISECONDS, 'subscribing took too long')
      while (!over && !this.#closed) {
        await this.#sleep(CHECK_MILLISECONDS)
        if (!over && !this.#closed) await within(client.ping(), CHECK_MILLISECONDS, 'no answer')
      }
    } finally {
      this.#client = undefined
      client.destroy()
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#wake?.()
    this.#client?.destroy()
    await this.#running
  }
}
