import { type Kysely, sql } from 'kysely'
import type { KeyRecord, KeyStore } from '../ports/keys.ts'
import type { SqlSession } from './backend.ts'
import { recordset } from './column-types.ts'
import { changedColumns, keyRecord, newKeyColumns } from './key-columns.ts'
import type { Tables } from './tables.ts'
import { storable } from './texts.ts'

const PAGE = 100
const LARGEST_PAGE = 1_000

/**
 * Keys in a database. The revision is one row that every change updates in its own transaction: its lock makes the
 * changes come one after another, so that whoever has seen a revision has seen everything before it.
 */
export function sqlKeyStore(session: SqlSession): KeyStore {
  return {
    create: (key) =>
      session.write(async (database) => {
        const columns = newKeyColumns(key)
        const revision = await nextRevision(database)
        return keyRecord(
          await database
            .insertInto('api_keys')
            .values({ ...columns, revision, position: revision })
            .returningAll()
            .executeTakeFirstOrThrow(),
        )
      }),

    findByHash: (hash) =>
      session.read(async (database) => {
        const wanted = storable(hash)
        // Two look-ups in two indexes: SQLite would read the whole table for one with `or`.
        for (const column of ['hash', 'previous_hash'] as const) {
          const row = await living(database).where(column, '=', wanted).executeTakeFirst()
          if (row) return keyRecord(row)
        }
        return undefined
      }),

    get: (id) => session.read((database) => findLiving(database, id)),

    list: ({ tenant, after, limit = PAGE }) =>
      session.read(async (database) => {
        const size = Math.min(Math.max(Math.trunc(limit), 1), LARGEST_PAGE)
        let query = living(database)
          .orderBy('position')
          .limit(size + 1)
        if (tenant !== undefined) query = query.where('tenant', '=', storable(tenant))
        if (after !== undefined)
          query = query.where('position', '>', (from) =>
            from.selectFrom('api_keys').select('position').where('id', '=', storable(after)),
          )
        const rows = await query.execute()
        const keys = rows.slice(0, size).map(keyRecord)
        const last = keys.at(-1)
        return rows.length > size && last ? { keys, next: last.id } : { keys }
      }),

    update: (id, change) =>
      session.write(async (database) => {
        const columns = changedColumns(change)
        // Nothing changes for a key that is not there, also not the revision: 0 means that there never was one.
        if (!(await findLiving(database, id))) return undefined
        const revision = await nextRevision(database)
        const row = await database
          .updateTable('api_keys')
          .set({ ...columns, revision })
          .where('id', '=', storable(id))
          .where('deleted_at', 'is', null)
          .returningAll()
          .executeTakeFirst()
        return row && keyRecord(row)
      }),

    delete: (id, now) =>
      session.write(async (database) => {
        if (!(await findLiving(database, id))) return false
        const revision = await nextRevision(database)
        const rows = await database
          .updateTable('api_keys')
          .set({ deleted_at: now, enabled: false, revision })
          .where('id', '=', storable(id))
          .where('deleted_at', 'is', null)
          .returning('id')
          .execute()
        return rows.length > 0
      }),

    revision: () =>
      session.read(async (database) => {
        const row = await database
          .selectFrom('counters')
          .select('value')
          .where('name', '=', REVISION)
          .executeTakeFirst()
        return row?.value ?? 0
      }),

    changedSince: (revision, limit) =>
      session.read(async (database) => {
        const rows = await database
          .selectFrom('api_keys')
          .selectAll()
          .where('revision', '>', revision)
          .orderBy('revision')
          .limit(limit)
          .execute()
        return rows.map(keyRecord)
      }),

    async touch(lastUsed) {
      if (lastUsed.size === 0) return
      // In one order everywhere, so that replicas which note the same keys do not block each other.
      const records = [...lastUsed]
        .map(([id, at]) => ({ id: storable(id), at }))
        .sort((a, b) => (a.id < b.id ? -1 : 1))
      const given = recordset(session.kind, { id: 'text', at: 'count' }, records)
      await session.write((database) =>
        sql`update api_keys set last_used_at = given.at from ${given}
            where api_keys.id = given.id and coalesce(api_keys.last_used_at, 0) < given.at`.execute(database),
      )
    },
  }
}

const REVISION = 'keys'

/** Waits for every other change of a key that is not committed yet. */
async function nextRevision(database: Kysely<Tables>): Promise<number> {
  const row = await database
    .updateTable('counters')
    .set((column) => ({ value: column('value', '+', 1) }))
    .where('name', '=', REVISION)
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}

const living = (database: Kysely<Tables>) =>
  database.selectFrom('api_keys').selectAll().where('deleted_at', 'is', null)

async function findLiving(database: Kysely<Tables>, id: string): Promise<KeyRecord | undefined> {
  const row = await living(database).where('id', '=', storable(id)).executeTakeFirst()
  return row && keyRecord(row)
}
