import { join } from 'node:path'
import type { KeyStore, SettingStore } from './ports/keys.ts'
import type { StoreHealth } from './ports/shared-state.ts'
import type { UsageStore } from './ports/usage.ts'
import type { SqlBackend } from './sql/backend.ts'
import { sqlKeyStore } from './sql/keys.ts'
import { type MigrationReport, migrate } from './sql/migrate.ts'
import { migrations } from './sql/migrations.ts'
import { PostgresBackend } from './sql/postgres.ts'
import { PreparedSession } from './sql/prepared-session.ts'
import { sqlSettingStore } from './sql/settings.ts'
import { SqliteBackend } from './sql/sqlite.ts'
import { sqlUsageStore } from './sql/usage.ts'

export interface DatabaseSettings {
  /** Of SQLite's file `xjp.sqlite`; made when it is missing. */
  dataDir?: string
  /** `postgres://…`; wins over the data directory. */
  url?: string
  /** Connections to PostgreSQL. */
  poolSize: number
  /** Longest wait of every method of the stores. */
  timeoutMs: number
}

/** Everything that is kept for good. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres'
  readonly keys: KeyStore
  readonly settings: SettingStore
  readonly usage: UsageStore
  health(): StoreHealth
  /**
   * Brings the schema up to date; the stores do it by themselves with their first use. Rejects with `NewerSchema`
   * when a newer release was here, with `StoreUnavailable` when the database cannot be asked within the time-out,
   * or when another process migrates for longer than `waitMs` (default ten minutes).
   */
  migrate(options?: { waitMs?: number }): Promise<MigrationReport>
  /** Ends all connections; later calls reject. */
  close(): Promise<void>
}

export const DATABASE_FILE = 'xjp.sqlite'

const MIGRATION_WAIT_MS = 10 * 60_000

/**
 * Opens the database that the settings name, without asking it for anything yet: a database that is down is no reason
 * not to start. Its methods reject with `StoreUnavailable` until it is there. Throws when no database is named, or
 * its address is none.
 */
export function openDatabase(
  settings: DatabaseSettings,
  now: () => number = Date.now,
  onHealth?: (health: StoreHealth) => void,
): Database {
  const backend = openBackend(settings, now, onHealth)
  const session = new PreparedSession(backend, settings.timeoutMs, (waitMs) =>
    migrate(backend, migrations, { now, waitMs }),
  )
  return {
    kind: backend.kind,
    keys: sqlKeyStore(session),
    settings: sqlSettingStore(session),
    usage: sqlUsageStore(session),
    health: () => backend.health(),
    migrate: ({ waitMs = MIGRATION_WAIT_MS } = {}) => session.prepare(waitMs),
    close: () => backend.close(),
  }
}

function openBackend(
  { dataDir, url, poolSize, timeoutMs }: DatabaseSettings,
  now: () => number,
  onHealth: ((health: StoreHealth) => void) | undefined,
): SqlBackend {
  const common = { timeoutMs, now, ...(onHealth ? { onHealth } : {}) }
  if (url !== undefined) return new PostgresBackend({ ...common, url: postgresUrl(url), poolSize })
  if (dataDir === undefined) throw new Error('no database is named: neither an address nor a data directory')
  return new SqliteBackend({ ...common, path: join(dataDir, DATABASE_FILE) })
}

/** The address holds a password, so no message repeats it. */
function postgresUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'postgres:' || parsed?.protocol === 'postgresql:') return url
  throw new Error('the database’s address must be of the form postgres://user:password@host:port/database')
}
