import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openSqlite, type SqliteConnection, SqliteFailure } from '../platform/sqlite.ts'
import type { VaultBacking } from './backed-vault.ts'

export interface VaultFileOptions {
  now(): number
  keepMilliseconds: number
  /** Told when the file cannot be used, or no longer. */
  warn(message: string): void
  maximumBytes?: number
}

const MAXIMUM_BYTES = 256 * 1024 * 1024
/** What a crash may cost: turns of the last moment. */
const FLUSH_MILLISECONDS = 100
const MAXIMUM_WAITING = 500
const BUSY_MILLISECONDS = 50
/** What an entry costs beside its value. */
const ENTRY_BYTES = 150
/** Entries that one write removes at most: it must not hold anything up. */
const PRUNED_AT_ONCE = 500
const PRUNED_STEP = 4

const statements = {
  table:
    'CREATE TABLE IF NOT EXISTS turns_1 (name TEXT PRIMARY KEY, value BLOB NOT NULL, at INTEGER NOT NULL)',
  size: 'SELECT count(*) AS n, coalesce(sum(length(value)), 0) AS bytes FROM turns_1',
  find: 'SELECT value FROM turns_1 WHERE name = ? AND at > ?',
  insert: 'INSERT INTO turns_1 (name, value, at) VALUES (?, ?, ?)',
  delete: 'DELETE FROM turns_1 WHERE name = ? RETURNING length(value) AS bytes',
  /** The oldest have the lowest row numbers. */
  prune:
    'DELETE FROM turns_1 WHERE rowid IN (SELECT rowid FROM turns_1 ORDER BY rowid LIMIT ?) AND at <= ? RETURNING length(value) AS bytes',
} as const

/** Failures that pass: another process is writing, the disk is full for the moment. */
const passing = new Set(['SQLITE_BUSY', 'SQLITE_BUSY_SNAPSHOT', 'SQLITE_FULL'])
/** The file is no database, or no longer. */
const broken = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB'])

/**
 * The vault's content in `vault.sqlite` of the data directory. It may be lost without harm, so it does not wait for the
 * disk, and a file that cannot be read is begun anew. Undefined when there can be none.
 */
export function openVaultFile(dataDir: string, options: VaultFileOptions): VaultBacking | undefined {
  const path = join(dataDir, 'vault.sqlite')
  try {
    return new VaultFile(openedAnew(path), options)
  } catch (thrown) {
    options.warn(`${path} cannot be used, reasoning state will not survive a restart: ${reasonOf(thrown)}`)
    return undefined
  }
}

function openedAnew(path: string): SqliteConnection {
  try {
    return opened(path)
  } catch (thrown) {
    if (!broken.has(codeOf(thrown))) throw thrown
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true })
    return opened(path)
  }
}

function opened(path: string): SqliteConnection {
  const connection = openSqlite(path, BUSY_MILLISECONDS)
  // After a power failure the file may be broken: then it begins anew.
  connection.prepare('PRAGMA synchronous = OFF').run([])
  connection.prepare(statements.table).run([])
  return connection
}

class VaultFile implements VaultBacking {
  readonly isShared = false
  readonly #connection: SqliteConnection
  readonly #options: VaultFileOptions
  readonly #waiting = new Map<string, Uint8Array>()
  #bytes: number
  #timer: ReturnType<typeof setTimeout> | undefined
  #unusable = false

  constructor(connection: SqliteConnection, options: VaultFileOptions) {
    this.#connection = connection
    this.#options = options
    const [row] = connection.prepare(statements.size).all([]) as { n: number; bytes: number }[]
    this.#bytes = (row?.bytes ?? 0) + ENTRY_BYTES * (row?.n ?? 0)
  }

  read(names: readonly string[]): (Uint8Array | undefined)[] {
    const oldest = this.#options.now() - this.#options.keepMilliseconds
    const statement = this.#connection.prepare(statements.find)
    return names.map((name) => {
      const [row] = statement.all([name, oldest]) as { value: Uint8Array }[]
      return this.#waiting.get(name) ?? row?.value
    })
  }

  write(name: string, value: Uint8Array): void {
    if (this.#unusable) return
    this.#waiting.set(name, value)
    if (this.#waiting.size >= MAXIMUM_WAITING) this.#flush()
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MILLISECONDS)
    this.#timer.unref()
  }

  async close(): Promise<void> {
    this.#flush()
    this.#unusable = true
    this.#connection.close()
  }

  /** One transaction for all that came meanwhile. */
  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.size === 0 || this.#unusable) return
    const run = (sql: string, ...parameters: unknown[]): void =>
      void this.#connection.prepare(sql).run(parameters)
    try {
      run('BEGIN IMMEDIATE')
      const at = this.#options.now()
      for (const [name, value] of this.#waiting) {
        this.#remove(statements.delete, name)
        run(statements.insert, name, value, at)
        this.#bytes += value.length + ENTRY_BYTES
      }
      this.#prune(at)
      run('COMMIT')
    } catch (thrown) {
      this.#fail(thrown)
    }
    this.#waiting.clear()
  }

  /** The lapsed ones, then the oldest while there are too many. */
  #prune(now: number): void {
    this.#remove(statements.prune, PRUNED_AT_ONCE, now - this.#options.keepMilliseconds)
    const most = this.#options.maximumBytes ?? MAXIMUM_BYTES
    for (let removed = 0; this.#bytes > most && removed < 2 * PRUNED_AT_ONCE; removed += PRUNED_STEP)
      this.#remove(statements.prune, PRUNED_STEP, now)
  }

  #remove(sql: string, ...parameters: unknown[]): void {
    const removed = this.#connection.prepare(sql).all(parameters) as { bytes: number }[]
    for (const { bytes } of removed) this.#bytes -= bytes + ENTRY_BYTES
  }

  /** A failure that passes costs this batch; a file that fails otherwise is given up. */
  #fail(thrown: unknown): void {
    try {
      this.#connection.prepare('ROLLBACK').run([])
    } catch {
      // There was nothing to take back.
    }
    if (passing.has(codeOf(thrown))) return
    this.#unusable = true
    this.#options.warn(
      `vault.sqlite cannot be written, reasoning state will not survive a restart: ${reasonOf(thrown)}`,
    )
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof SqliteFailure ? thrown.code : ''
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
