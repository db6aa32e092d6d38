import type { Kysely } from 'kysely'
import type { StoreHealth } from '../ports/shared-state.ts'
import type { SqlKind } from './column-types.ts'
import type { Tables } from './tables.ts'

export type Work<Value> = (database: Kysely<Tables>) => Promise<Value>

/** What the stores need of a database. Both reject with `StoreUnavailable` when it cannot be asked in time. */
export interface SqlSession {
  readonly kind: SqlKind
  read<Value>(work: Work<Value>): Promise<Value>
  /**
   * One transaction. May be run again when it met another one, so it must change nothing else. `durable`: on the
   * disk when it resolves, also if the machine fails.
   */
  write<Value>(work: Work<Value>, options?: { durable?: boolean }): Promise<Value>
}

/** How one step of a migration is run, while no other process migrates. */
export interface MigrationSession {
  readonly kind: SqlKind
  transaction<Value>(work: Work<Value>): Promise<Value>
  /** Outside any transaction, for what the database does not do in one. */
  alone<Value>(work: Work<Value>): Promise<Value>
}

/** One database, without regard to whether its tables are there. */
export interface SqlBackend extends SqlSession {
  /** Waits for other processes that migrate, then runs `work` as the only one. `waitMs`: for how long at most. */
  migrating<Value>(work: (session: MigrationSession) => Promise<Value>, waitMs: number): Promise<Value>
  health(): StoreHealth
  close(): Promise<void>
}
