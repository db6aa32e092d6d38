import { sql } from 'kysely'
import type { Client } from 'pg'
import { StoreUnavailable } from '../ports/unavailable.ts'
import type { MigrationSession, Work } from './backend.ts'
import { codeOf } from './failure.ts'
import { connectionConfig, kyselyOn, type PostgresAddress, within, withOwnClient } from './postgres-client.ts'

/** Any number, the same for every release: whoever holds it migrates. */
const LOCK = 7_216_432_001

const POLL_MS = 100
/** A step that waits for a table's lock makes everyone wait behind it: it gives up soon and tries again. */
const TABLE_LOCK_MS = 800
const TABLE_LOCK_PAUSE_MS = 200

/** Longest time of one step; an index on a large table may take long. */
const STEP_MS = 6 * 3_600_000

/**
 * Runs `work` on a connection of its own that holds the migrations' lock. The lock is asked for again and again
 * outside a transaction: one that waited inside would keep `create index concurrently` from ever ending. It goes with
 * the connection, so whoever dies leaves none behind.
 */
export async function migrateUnderLock<Value>(
  options: PostgresAddress,
  work: (session: MigrationSession) => Promise<Value>,
  waitMs: number,
): Promise<Value> {
  return await withOwnClient(connectionConfig(options, 0), undefined, async (client) => {
    await lock(client, options.timeoutMs, waitMs)
    const database = kyselyOn(client)
    await sql`select set_config('lock_timeout', ${String(TABLE_LOCK_MS)}, false)`.execute(database)
    const repeated = <Result>(step: Work<Result>): Promise<Result> =>
      whileTableIsLocked(() => within(STEP_MS, client, () => step(database)))
    return await work({
      kind: 'postgres',
      transaction: (step) => repeated((free) => free.transaction().execute(step)),
      alone: repeated,
    })
  })
}

async function lock(client: Client, timeoutMs: number, waitMs: number): Promise<void> {
  const database = kyselyOn(client)
  const until = performance.now() + waitMs
  for (;;) {
    const { rows } = await within(timeoutMs, client, () =>
      sql<{ locked: boolean }>`select pg_try_advisory_lock(${LOCK}::bigint) as locked`.execute(database),
    )
    if (rows[0]?.locked === true) return
    if (performance.now() >= until)
      throw new StoreUnavailable('database', 'another process has been migrating the database for too long')
    await pause(POLL_MS)
  }
}

async function whileTableIsLocked<Value>(step: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await step()
    } catch (thrown) {
      if (codeOf(thrown) !== '55P03') throw thrown
      await pause(TABLE_LOCK_PAUSE_MS)
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
