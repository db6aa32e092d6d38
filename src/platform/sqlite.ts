import { Database } from 'bun:sqlite'
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'

/** A statement as Kysely's SQLite dialect wants it. */
interface Statement {
  readonly reader: boolean
  all(parameters: readonly unknown[]): unknown[]
  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint }
  iterate(parameters: readonly unknown[]): IterableIterator<unknown>
}

/** One connection to a database file. Every call is synchronous and throws `SqliteFailure`. */
export interface SqliteConnection {
  /** The runtime keeps the compiled statement for the next time. */
  prepare(sql: string): Statement
  close(): void
}

/** What SQLite said, with its own name for it: `SQLITE_BUSY`, `SQLITE_FULL`, `SQLITE_CONSTRAINT_UNIQUE` … */
export class SqliteFailure extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SqliteFailure'
    this.code = code
  }
}

/**
 * Opens a database file, made with its folder when it is missing; only its owner can read it. The write-ahead log
 * lets other processes read while one writes. A lock is waited for `busyMs`, which blocks this thread: keep it short.
 */
export function openSqlite(path: string, busyMs: number): SqliteConnection {
  return naming(() => {
    createPrivately(path)
    const database = new Database(path, { readwrite: true, create: true, strict: true })
    try {
      database.run(`PRAGMA busy_timeout = ${Math.trunc(busyMs)}`)
      for (const pragma of pragmas) database.run(pragma)
    } catch (thrown) {
      database.close()
      throw thrown
    }
    return {
      prepare: (sql) => naming(() => statementOf(database, sql)),
      close: () => database.close(),
    }
  })
}

const pragmas = ['PRAGMA journal_mode = WAL', 'PRAGMA synchronous = NORMAL', 'PRAGMA foreign_keys = ON']

function createPrivately(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Its log and its index take the same mode over.
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

function statementOf(database: Database, sql: string): Statement {
  const statement = database.query(sql)
  return {
    reader: statement.columnNames.length > 0,
    all: (parameters) => naming(() => statement.all(...bindings(parameters))),
    run: (parameters) => naming(() => statement.run(...bindings(parameters))),
    iterate: (parameters) => naming(() => statement.iterate(...bindings(parameters))),
  }
}

type Binding = string | number | bigint | boolean | null | Uint8Array

function bindings(parameters: readonly unknown[]): Binding[] {
  return parameters as Binding[]
}

/** Failures of the file system (a folder that cannot be made) count like SQLite's own. */
function naming<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown instanceof SqliteFailure) throw thrown
    const code = (thrown as { code?: unknown }).code
    throw new SqliteFailure(typeof code === 'string' ? code : 'SQLITE_ERROR', thrown.message, {
      cause: thrown,
    })
  }
}
