import { type CompiledQuery, type Kysely, sql } from 'kysely'
import { type Columns, recordset, type SqlKind } from './column-types.ts'
import { nextTurn } from './next-turn.ts'
import type { Tables } from './tables.ts'

/** Tables that get rows in numbers, and the column by which a row is known already. */
type BulkTable = 'usage_requests' | 'usage_attempts'
const skipBy: Readonly<Record<BulkTable, 'id' | undefined>> = {
  usage_requests: 'id',
  usage_attempts: undefined,
}

/**
 * Inserts rows; gives the values of the column that knows them for those that were not there yet (nothing for a table
 * without one). Each database in the way that costs it least: PostgreSQL takes all in one parameter, SQLite takes
 * statements that are compiled once (9 µs a row instead of 20), with a turn of the loop in between.
 */
export async function insertRows(
  kind: SqlKind,
  database: Kysely<Tables>,
  table: BulkTable,
  columns: Columns,
  rows: readonly object[],
): Promise<string[]> {
  if (rows.length === 0) return []
  return kind === 'postgres'
    ? await insertRecordset(database, table, columns, rows)
    : await insertInChunks(database, table, Object.keys(columns), rows)
}

async function insertRecordset(
  database: Kysely<Tables>,
  table: BulkTable,
  columns: Columns,
  rows: readonly object[],
): Promise<string[]> {
  const names = sql.join(Object.keys(columns).map((name) => sql.ref(name)))
  const column = skipBy[table]
  const skip = column === undefined ? sql`` : sql`on conflict (id) do nothing returning id`
  const result = await sql<{ id: string }>`insert into ${sql.table(table)} (${names})
    select ${names} from ${recordset('postgres', columns, rows)} ${skip}`.execute(database)
  return result.rows.map((row) => row.id)
}

/** Few sizes, so that few statements are kept. */
const SIZES = [32, 8, 1] as const

async function insertInChunks(
  database: Kysely<Tables>,
  table: BulkTable,
  names: readonly string[],
  rows: readonly object[],
): Promise<string[]> {
  const added: string[] = []
  for (let start = 0; start < rows.length; ) {
    const size = SIZES.find((each) => each <= rows.length - start) ?? 1
    const chunk = rows.slice(start, start + size) as Record<string, unknown>[]
    const parameters = chunk.flatMap((row) => names.map((name) => row[name]))
    const result = await database.executeQuery<{ id: string }>({
      ...compiledInsert(database, table, names, size),
      parameters,
    })
    for (const row of result.rows) added.push(row.id)
    start += size
    await nextTurn()
  }
  return added
}

/** By table and number of rows. The text holds no value: these are parameters, in the order of rows and columns. */
const compiled = new Map<string, CompiledQuery<{ id: string }>>()

function compiledInsert(
  database: Kysely<Tables>,
  table: BulkTable,
  names: readonly string[],
  size: number,
): CompiledQuery<{ id: string }> {
  const place = `${table} ${size}`
  const known = compiled.get(place)
  if (known) return known
  const row = Object.fromEntries(names.map((name) => [name, 0]))
  const insert = database.insertInto(table).values(Array.from({ length: size }, () => row) as never)
  const query =
    skipBy[table] === undefined
      ? insert.compile()
      : insert
          .onConflict((conflict) => conflict.column('id' as never).doNothing())
          .returning('id' as never)
          .compile()
  compiled.set(place, query as CompiledQuery<{ id: string }>)
  return query as CompiledQuery<{ id: string }>
}
