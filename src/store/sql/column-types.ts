import { type RawBuilder, sql } from 'kysely'

/** The databases that are spoken. */
export type SqlKind = 'sqlite' | 'postgres'

/** The kinds of values that columns hold. Whole numbers never exceed 2⁵³. */
export type ColumnType = 'text' | 'count' | 'flag' | 'real'

/**
 * What a column of a kind is called. Texts sort by code point everywhere: PostgreSQL would sort them by its locale.
 */
export const columnTypes: Readonly<Record<SqlKind, Readonly<Record<ColumnType, RawBuilder<unknown>>>>> = {
  sqlite: { text: sql`text`, count: sql`integer`, flag: sql`integer`, real: sql`real` },
  postgres: {
    text: sql`text collate "C"`,
    count: sql`bigint`,
    flag: sql`boolean`,
    real: sql`double precision`,
  },
}

/** Types of the columns that `json_to_recordset` makes; a collation cannot stand there. */
const recordTypes: Readonly<Record<ColumnType, RawBuilder<unknown>>> = {
  ...columnTypes.postgres,
  text: sql`text`,
}

export type Columns = Readonly<Record<string, ColumnType>>

/**
 * Records as a table to select from, handed over as one JSON parameter: one short statement for any number of rows.
 * The records' members are named as the columns.
 */
export function recordset(kind: SqlKind, columns: Columns, records: readonly object[]): RawBuilder<unknown> {
  const json = JSON.stringify(records)
  const entries = Object.entries(columns)
  if (kind === 'postgres')
    return sql`json_to_recordset(${json}::json) as given(${sql.join(
      entries.map(([name, type]) => sql`${sql.ref(name)} ${recordTypes[type]}`),
    )})`
  return sql`(select ${sql.join(
    entries.map(([name]) => sql`value ->> ${name} as ${sql.ref(name)}`),
  )} from json_each(${json})) as given`
}
