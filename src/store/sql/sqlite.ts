import { Kysely, SqliteDialect } from 'kysely'
import { openSqlite, type SqliteConnection } from '../../platform/sqlite.ts'
import type { StoreHealth } from '../ports/shared-state.ts'
import { StoreUnavailable } from '../ports/unavailable.ts'
import type { MigrationSession, SqlBackend, Work } from './backend.ts'
import { asFailure, codeOf, describe } from './failure.ts'
import { DatabaseHealth } from './health.ts'
import { nextTurn } from './next-turn.ts'
import type { Tables } from './tables.ts'

/** How long SQLite itself waits for a lock, which stops the whole process; what is longer is waited for beside it. */
const BUSY_MS = 5
const RETRY_MS = 5

interface Connection {
  raw: SqliteConnection
  database: Kysely<Tables>
}

export interface SqliteOptions {
  path: string
  /** Longest wait for a lock that another process holds. */
  timeoutMs: number
  now: () => number
  onHealth?: (health: StoreHealth) => void
}

/**
 * A database file: one connection that reads and one that writes, so that reading never waits for a transaction.
 * Opened with the first use, and again after a failure of the file system.
 */
export class SqliteBackend implements SqlBackend {
  readonly kind = 'sqlite'
  readonly #options: SqliteOptions
  readonly #health: DatabaseHealth
  #reader: Connection | undefined
  #opening: Promise<Connection> | undefined
  #writer: Connection | undefined
  /** Ends when the writer before is done. */
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: SqliteOptions) {
    this.#options = options
    this.#health = new DatabaseHealth(options.now, options.onHealth)
  }

  read<Value>(work: Work<Value>): Promise<Value> {
    return this.#watched(async () => {
      const { database } = await this.#reading()
      return await work(database)
    })
  }

  write<Value>(work: Work<Value>, { durable = false } = {}): Promise<Value> {
    // The wait for our own writers counts too.
    const until = performance.now() + this.#options.timeoutMs
    return this.#inTurn(() => this.#transaction(work, durable, until))
  }

  /** The database's own lock is enough: every step takes it and looks whether it is still to be done. */
  migrating<Value>(work: (session: MigrationSession) => Promise<Value>, waitMs: number): Promise<Value> {
    return work({
      kind: this.kind,
      transaction: (step) => this.#inTurn(() => this.#transaction(step, false, performance.now() + waitMs)),
      alone: (step) =>
        this.#inTurn(async () => step((await this.#writing(performance.now() + waitMs)).database)),
    })
  }

  health(): StoreHealth {
    return this.#health.current
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#turn.catch(() => {})
    this.#disconnect()
  }

  #inTurn<Value>(work: () => Promise<Value>): Promise<Value> {
    const mine = this.#turn.catch(() => {}).then(() => this.#watched(work))
    this.#turn = mine.catch(() => {})
    return mine
  }

  async #watched<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#closed) throw new StoreUnavailable('database', 'the database was closed')
    try {
      await nextTurn()
      const value = await work()
      this.#health.up()
      return value
    } catch (thrown) {
      const failure = asFailure(thrown)
      if (failure instanceof StoreUnavailable) {
        this.#health.down(describe(thrown))
        if (isBroken(thrown)) this.#disconnect()
      }
      throw failure
    }
  }

  /** The lock is taken at the start: a transaction that reads first could lose it to another and would fail half-way. */
  async #transaction<Value>(work: Work<Value>, durable: boolean, until: number): Promise<Value> {
    const { raw, database } = await this.#writing(until)
    await this.#begin(raw, durable, until)
    try {
      const value = await work(database)
      raw.prepare('commit').run([])
      return value
    } catch (thrown) {
      rollback(raw)
      throw thrown
    }
  }

  async #begin(raw: SqliteConnection, durable: boolean, until: number): Promise<void> {
    raw.prepare(durable ? 'pragma synchronous = full' : 'pragma synchronous = normal').run([])
    await whileLocked(until, () => raw.prepare('begin immediate').run([]))
  }

  /** Several may read at once, also for the first time. */
  async #reading(): Promise<Connection> {
    if (this.#reader) return this.#reader
    this.#opening ??= this.#connect(performance.now() + this.#options.timeoutMs).finally(() => {
      this.#opening = undefined
    })
    this.#reader = await this.#opening
    return this.#reader
  }

  async #writing(until: number): Promise<Connection> {
    this.#writer ??= await this.#connect(until)
    return this.#writer
  }

  /** The first one makes the file and its log, which takes the lock. */
  async #connect(until: number): Promise<Connection> {
    const raw = await whileLocked(until, () => openSqlite(this.#options.path, BUSY_MS))
    return { raw, database: new Kysely<Tables>({ dialect: new SqliteDialect({ database: raw }) }) }
  }

  #disconnect(): void {
    for (const connection of [this.#reader, this.#writer]) connection?.raw.close()
    this.#reader = undefined
    this.#writer = undefined
  }
}

/** Repeats what another process's lock forbids, and lets the loop turn in between. */
async function whileLocked<Value>(until: number, work: () => Value): Promise<Value> {
  for (;;) {
    try {
      return work()
    } catch (thrown) {
      if (codeOf(thrown)?.startsWith('SQLITE_BUSY') !== true || performance.now() >= until) throw thrown
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** SQLite ends some transactions by itself (a full disk). */
function rollback(raw: SqliteConnection): void {
  try {
    raw.prepare('rollback').run([])
  } catch {
    // There is none any more.
  }
}

/** The file or its folder went bad under us: the next use opens it anew. */
function isBroken(thrown: unknown): boolean {
  return /^SQLITE_(?:IOERR|CORRUPT|NOTADB|CANTOPEN|READONLY)/.test(codeOf(thrown) ?? '')
}
