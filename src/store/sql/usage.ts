import { type Kysely, sql } from 'kysely'
import type { UsageStore } from '../ports/usage.ts'
import type { SqlSession } from './backend.ts'
import { recordset, type SqlKind } from './column-types.ts'
import type { Tables } from './tables.ts'
import { insertBatch, usageBatch } from './usage-insert.ts'
import { selectGroups, selectRows, selectSum } from './usage-query.ts'

const LARGEST_PAGE = 1_000

/** Usage in a database: rows of requests and attempts, and sums by day, tenant, key, model and provider. */
export function sqlUsageStore(session: SqlSession): UsageStore {
  return {
    async insert(rows) {
      if (rows.length === 0) return
      const batch = usageBatch(rows)
      // What is inserted leaves the journal, so it must not be lost with the machine's power.
      await session.write((database) => insertBatch(session.kind, database, batch), { durable: true })
    },
    sum: (filter) => session.read((database) => selectSum(database, filter)),
    groups: (filter, by) => session.read((database) => selectGroups(database, filter, by)),
    rows: (filter, { limit, after }) =>
      session.read((database) =>
        selectRows(database, filter, {
          limit: Math.min(Math.max(Math.trunc(limit), 1), LARGEST_PAGE),
          ...(after === undefined ? {} : { after }),
        }),
      ),
    async spent(scope, from) {
      const { cost } = await session.read((database) => selectSum(database, { ...scope, from }))
      return cost
    },
    removeBefore: (time, limit) =>
      session.write((database) => removeOldest(session.kind, database, time, limit)),
  }
}

async function removeOldest(
  kind: SqlKind,
  database: Kysely<Tables>,
  time: number,
  limit: number,
): Promise<number> {
  const removed = await database
    .deleteFrom('usage_requests')
    .where('id', 'in', (from) =>
      from
        .selectFrom('usage_requests')
        .select('id')
        .where('started_at', '<', time)
        .orderBy('started_at')
        .limit(limit),
    )
    .returning('id')
    .execute()
  if (removed.length === 0) return 0
  const given = recordset(kind, { id: 'text' }, removed)
  await sql`delete from usage_attempts where request in (select id from ${given})`.execute(database)
  return removed.length
}
