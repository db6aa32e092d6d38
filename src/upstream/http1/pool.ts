import { Connection, type ConnectionKeeper } from './connection.ts'
import type { Place } from './place.ts'

export interface PoolLimits {
  /** Milliseconds an idle connection is kept. Below the minute after which common servers and balancers close. */
  idleMs: number
  idlePerOrigin: number
  idleInAll: number
  /** Attempts to connect that nobody waits for any more, per origin: beyond it they are waited for again. */
  abandonedPerOrigin: number
}

const limits: PoolLimits = { idleMs: 55_000, idlePerOrigin: 256, idleInAll: 2_048, abandonedPerOrigin: 256 }
const SWEEP_MILLISECONDS = 5_000
/** A connection is let go so long before its peer says it will close it. */
const EARLIER_MILLISECONDS = 1_000

/** Keeps connections for the next request to the same origin; the one used last is used first. */
export class ConnectionPool implements ConnectionKeeper {
  readonly #limits: PoolLimits
  readonly #now: () => number
  /** By origin, the longest idle first. */
  readonly #idle = new Map<string, Connection[]>()
  /** By origin, the oldest first. */
  readonly #abandoned = new Map<string, Connection[]>()
  #idleCount = 0
  #sweeper: ReturnType<typeof setInterval> | undefined

  /** `now`: milliseconds from any point. */
  constructor(changes: Partial<PoolLimits> = {}, now: () => number = () => performance.now()) {
    this.#limits = { ...limits, ...changes }
    this.#now = now
  }

  /** How many connections are idle. */
  get idleCount(): number {
    return this.#idleCount
  }

  /** An idle connection, or one that is being opened. */
  take(place: Place): Connection {
    const idle = this.#idle.get(place.origin)
    for (let last = idle?.pop(); last !== undefined; last = idle?.pop()) {
      this.#idleCount -= 1
      if (idle?.length === 0) this.#idle.delete(place.origin)
      if (last.expiresAt > this.#now()) return last
      last.close()
    }
    return this.open(place)
  }

  /** A connection that nobody has used. */
  open(place: Place): Connection {
    const abandoned = this.#abandoned.get(place.origin)
    if (abandoned !== undefined && abandoned.length >= this.#limits.abandonedPerOrigin) {
      const oldest = abandoned.shift()
      if (oldest) return oldest
    }
    return new Connection(place.address, place.origin, this)
  }

  /** The runtime cannot take an attempt to connect back: it is kept, and what comes of it can be used. */
  abandon(connection: Connection): void {
    const abandoned = this.#abandoned.get(connection.origin)
    if (abandoned) abandoned.push(connection)
    else this.#abandoned.set(connection.origin, [connection])
  }

  keep(connection: Connection, peerIdleMs: number | undefined): void {
    remove(this.#abandoned, connection)
    const idleMs = Math.min(
      this.#limits.idleMs,
      (peerIdleMs ?? Number.POSITIVE_INFINITY) - EARLIER_MILLISECONDS,
    )
    const idle = this.#idle.get(connection.origin) ?? []
    if (idleMs <= 0 || (this.#idleCount >= this.#limits.idleInAll && idle.length === 0)) connection.close()
    else this.#put(connection, idle, this.#now() + idleMs)
  }

  #put(connection: Connection, idle: Connection[], expiresAt: number): void {
    connection.expiresAt = expiresAt
    if (idle.length === 0) this.#idle.set(connection.origin, idle)
    idle.push(connection)
    this.#idleCount += 1
    if (idle.length > this.#limits.idlePerOrigin || this.#idleCount > this.#limits.idleInAll) idle[0]?.close()
    this.#watch()
  }

  forget(connection: Connection): void {
    if (remove(this.#idle, connection)) this.#idleCount -= 1
    else remove(this.#abandoned, connection)
  }

  /** Ends the connections that are idle for too long. */
  sweep(): void {
    const now = this.#now()
    for (const idle of [...this.#idle.values()])
      for (const connection of idle.filter(({ expiresAt }) => expiresAt <= now)) connection.close()
    if (this.#idleCount > 0) return
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }

  #watch(): void {
    if (this.#sweeper !== undefined) return
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MILLISECONDS)
    this.#sweeper.unref()
  }
}

function remove(lists: Map<string, Connection[]>, connection: Connection): boolean {
  const list = lists.get(connection.origin)
  const index = list?.indexOf(connection) ?? -1
  if (list === undefined || index === -1) return false
  list.splice(index, 1)
  if (list.length === 0) lists.delete(connection.origin)
  return true
}
