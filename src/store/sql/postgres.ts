import { type Kysely, sql } from 'kysely'
import { type Client, Pool, type PoolClient } from 'pg'
import type { StoreHealth } from '../ports/shared-state.ts'
import { StoreUnavailable } from '../ports/unavailable.ts'
import type { MigrationSession, SqlBackend, Work } from './backend.ts'
import { asFailure, codeOf, describe, isConnectionLost, isMeeting } from './failure.ts'
import { DatabaseHealth } from './health.ts'
import { connectionConfig, kyselyOn, TimedOut, within, withOwnClient } from './postgres-client.ts'
import { migrateUnderLock } from './postgres-lock.ts'
import type { Tables } from './tables.ts'

/** While it is down it is tried again after this long, and after ever longer, up to the second number. */
const PROBE_MS = 250
const SLOWEST_PROBE_MS = 2_000
/** How often a transaction is run again that met another one. */
const MEETINGS = 5

export interface PostgresOptions {
  url: string
  poolSize: number
  /** Longest wait of a store's method, for a connection and its statements together. */
  timeoutMs: number
  now: () => number
  onHealth?: (health: StoreHealth) => void
}

/**
 * A pool of connections. Nothing waits longer than the time-out, also when the server stands still and answers
 * nothing; a connection that broke or was waited for in vain is thrown away together with its equally old sisters.
 * While the server cannot be reached everything is refused at once, and a probe beside the pool finds it again.
 */
export class PostgresBackend implements SqlBackend {
  readonly kind = 'postgres'
  readonly #options: PostgresOptions
  readonly #pool: Pool
  readonly #health: DatabaseHealth
  readonly #databases = new WeakMap<Client, Kysely<Tables>>()
  /** Rises when trust in the open connections is lost. */
  #generation = 0
  readonly #generations = new WeakMap<Client, number>()
  #isProbing = false
  #probeTimer: ReturnType<typeof setTimeout> | undefined
  /** Why everything is refused. */
  #unreachable: string | undefined
  #closed = false

  constructor(options: PostgresOptions) {
    this.#options = options
    this.#health = new DatabaseHealth(options.now, options.onHealth)
    this.#pool = new Pool({
      ...connectionConfig(options, options.timeoutMs),
      max: options.poolSize,
      idleTimeoutMillis: 30_000,
      // A command that is done ends although connections stand.
      allowExitOnIdle: true,
    })
    // A connection that breaks while nobody uses it; the pool has removed it already.
    this.#pool.on('error', (error) => this.#suspect(error))
    this.#pool.on('connect', (client) => {
      client.on('error', () => {})
      this.#generations.set(client, this.#generation)
    })
    void this.#probe()
  }

  read<Value>(work: Work<Value>): Promise<Value> {
    return this.#use(work)
  }

  async write<Value>(work: Work<Value>): Promise<Value> {
    const until = performance.now() + this.#options.timeoutMs
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#use((database) => database.transaction().execute(work), until)
      } catch (thrown) {
        const cause = thrown instanceof StoreUnavailable ? thrown.cause : thrown
        if (attempt >= MEETINGS || !isMeeting(cause)) throw thrown
      }
    }
  }

  async migrating<Value>(
    work: (session: MigrationSession) => Promise<Value>,
    waitMs: number,
  ): Promise<Value> {
    try {
      return await migrateUnderLock(this.#options, work, waitMs)
    } catch (thrown) {
      throw asFailure(thrown)
    }
  }

  health(): StoreHealth {
    return this.#health.current
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#probeTimer)
    // A frozen server never says good-bye: it is not waited for.
    await Promise.race([
      this.#pool.end(),
      new Promise<void>((resolve) => setTimeout(resolve, Math.min(this.#options.timeoutMs, 500)).unref()),
    ])
  }

  async #use<Value>(work: Work<Value>, until = performance.now() + this.#options.timeoutMs): Promise<Value> {
    if (this.#closed) throw new StoreUnavailable('database', 'the database was closed')
    if (this.#unreachable !== undefined) throw new StoreUnavailable('database', this.#unreachable)
    const client = await this.#checkOut(until)
    let lost = false
    try {
      const value = await within(until - performance.now(), client, () => work(this.#databaseOn(client)))
      this.#health.up()
      return value
    } catch (thrown) {
      const failure = asFailure(thrown)
      lost = failure instanceof StoreUnavailable && isConnectionLost(thrown)
      if (lost) this.#suspect(thrown)
      else if (isTrouble(thrown)) this.#health.down(describe(thrown))
      throw failure
    } finally {
      client.release(lost)
    }
  }

  /** Connections from before trust was lost are thrown away, so that one dead one does not cost a wait each. */
  async #checkOut(until: number): Promise<PoolClient> {
    for (;;) {
      const client = await this.#connect()
      if (this.#generations.get(client) !== this.#generation) {
        client.release(true)
        continue
      }
      if (performance.now() < until) return client
      client.release()
      throw new StoreUnavailable('database', describe(new TimedOut(this.#options.timeoutMs)))
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect()
    } catch (thrown) {
      this.#suspect(thrown)
      throw asFailure(thrown)
    }
  }

  #databaseOn(client: Client): Kysely<Tables> {
    const known = this.#databases.get(client)
    if (known) return known
    const database = kyselyOn(client)
    this.#databases.set(client, database)
    return database
  }

  /** Something went wrong that may be the server's end: one probe decides, whoever asks for it. */
  #suspect(thrown: unknown): void {
    if (!isPoolExhausted(thrown)) this.#generation += 1
    void this.#probe()
  }

  async #probe(wait = PROBE_MS): Promise<void> {
    if (this.#isProbing || this.#closed) return
    this.#isProbing = true
    clearTimeout(this.#probeTimer)
    // Silence may be our own: a process that was stopped for a moment asks a second time before it believes it.
    const failure = await probeOnce(this.#options).then((first) =>
      first?.isSilent === true && this.#unreachable === undefined ? probeOnce(this.#options) : first,
    )
    this.#isProbing = false
    if (this.#closed) return
    this.#unreachable = failure?.isReachable === false ? failure.reason : undefined
    if (!failure) return this.#health.up()
    this.#health.down(failure.reason)
    this.#probeTimer = setTimeout(() => void this.#probe(Math.min(wait * 1.5, SLOWEST_PROBE_MS)), wait)
    this.#probeTimer.unref()
  }
}

interface ProbeFailure {
  reason: string
  isReachable: boolean
  /** Nothing was heard in time. */
  isSilent: boolean
}

/** Undefined when all is well. One that can be reached and refuses to write is still read from. */
async function probeOnce(options: PostgresOptions): Promise<ProbeFailure | undefined> {
  const ms = Math.min(options.timeoutMs, SLOWEST_PROBE_MS)
  try {
    const isReadOnly = await withOwnClient(connectionConfig(options, ms), ms, async (client) => {
      const { rows } = await sql<{
        value: string
      }>`select current_setting('transaction_read_only') as value`.execute(kyselyOn(client))
      return rows[0]?.value === 'on'
    })
    return isReadOnly
      ? { reason: 'the database is read-only', isReachable: true, isSilent: false }
      : undefined
  } catch (thrown) {
    return { reason: describe(thrown), isReachable: false, isSilent: thrown instanceof TimedOut }
  }
}

/** All connections are in use: the server may be well. The driver has no code for it. */
function isPoolExhausted(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.message === 'timeout exceeded when trying to connect'
}

/** The server answers and cannot do what it is for: a full disk, out of memory, read-only. */
function isTrouble(thrown: unknown): boolean {
  return /^(?:53|58|25006)/.test(codeOf(thrown) ?? '')
}
