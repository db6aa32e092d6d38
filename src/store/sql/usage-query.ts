import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { GroupedUsage, UsageFilter, UsageGroup, UsageRow, UsageSum } from '../ports/usage.ts'
import { costOf } from './costs.ts'
import type { AttemptColumns, Tables } from './tables.ts'
import { nameOf } from './texts.ts'
import { attemptRow, dayOf, usageRow } from './usage-columns.ts'

const DAY_MS = 86_400_000

/** Groups as columns, the same in the rows and in the daily sums. */
const groupColumns = {
  tenant: 'tenant',
  key: 'key_id',
  model: 'model',
  provider: 'provider',
  day: 'day',
} as const satisfies Record<UsageGroup, string>

const isMidnight = (time: number | undefined): boolean => time === undefined || time % DAY_MS === 0

/** Daily sums hold whole days only. */
function isOfWholeDays({ from, until }: UsageFilter): boolean {
  return isMidnight(from) && isMidnight(until)
}

/** Conditions on texts hold for both tables; those on times differ. */
function conditions(filter: UsageFilter, wholeDays: boolean): RawBuilder<unknown> {
  const all: RawBuilder<unknown>[] = [sql`true`]
  if (filter.tenant !== undefined) all.push(sql`tenant = ${nameOf(filter.tenant)}`)
  if (filter.keyId !== undefined) all.push(sql`key_id = ${nameOf(filter.keyId)}`)
  if (filter.model !== undefined) all.push(sql`model = ${nameOf(filter.model)}`)
  if (filter.from !== undefined)
    all.push(wholeDays ? sql`day >= ${dayOf(filter.from)}` : sql`started_at >= ${filter.from}`)
  if (filter.until !== undefined)
    all.push(wholeDays ? sql`day < ${dayOf(filter.until)}` : sql`started_at < ${filter.until}`)
  return sql.join(all, sql` and `)
}

const fromDays = {
  table: sql`usage_days`,
  requests: sql`coalesce(sum(requests), 0)`,
}
const fromRows = { table: sql`usage_requests`, requests: sql`count(*)` }

/** Sums come as text: those of the smaller parts of money may exceed what a JavaScript number holds. */
interface SumColumns {
  requests: string
  input_tokens: string
  output_tokens: string
  cache_read_tokens: string
  cache_write_tokens: string
  reasoning_tokens: string
  cost_milli: string
  cost_pico: string
}

const sums = sql.join(
  [
    'input_tokens',
    'output_tokens',
    'cache_read_tokens',
    'cache_write_tokens',
    'reasoning_tokens',
    'cost_milli',
    'cost_pico',
  ].map((name) => sql`cast(coalesce(sum(${sql.ref(name)}), 0) as text) as ${sql.ref(name)}`),
)

function usageSum(row: SumColumns): UsageSum {
  return {
    requests: Number(row.requests),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    cacheReadTokens: Number(row.cache_read_tokens),
    cacheWriteTokens: Number(row.cache_write_tokens),
    reasoningTokens: Number(row.reasoning_tokens),
    cost: costOf(row.cost_milli, row.cost_pico),
  }
}

export async function selectSum(database: Kysely<Tables>, filter: UsageFilter): Promise<UsageSum> {
  const [sum] = await selectGroups(database, filter, [])
  return sum ?? usageSum(nothing)
}

const nothing: SumColumns = {
  requests: '0',
  input_tokens: '0',
  output_tokens: '0',
  cache_read_tokens: '0',
  cache_write_tokens: '0',
  reasoning_tokens: '0',
  cost_milli: '0',
  cost_pico: '0',
}

type GroupRow = SumColumns & Partial<Record<(typeof groupColumns)[UsageGroup], string | null>>

/** In the order of the groups. */
export async function selectGroups(
  database: Kysely<Tables>,
  filter: UsageFilter,
  by: readonly UsageGroup[],
): Promise<GroupedUsage[]> {
  const wholeDays = isOfWholeDays(filter)
  const { table, requests } = wholeDays ? fromDays : fromRows
  const columns = [...new Set(by)].map((group) => sql.ref(groupColumns[group]))
  const list = sql.join(columns)
  const isGrouped = columns.length > 0
  const { rows } = await sql<GroupRow>`select ${isGrouped ? sql`${list},` : sql``}
    cast(${requests} as text) as requests, ${sums} from ${table} where ${conditions(filter, wholeDays)}
    ${isGrouped ? sql`group by ${list} order by ${list}` : sql``}`.execute(database)
  return rows.map((row) => ({ ...namesOf(row, by), ...usageSum(row) }))
}

/** A key or a provider that is absent in the rows is absent here. */
function namesOf(row: GroupRow, by: readonly UsageGroup[]): Partial<Record<UsageGroup, string>> {
  const names: Partial<Record<UsageGroup, string>> = {}
  for (const group of by) {
    const name = row[groupColumns[group]]
    if (name) names[group] = name
  }
  return names
}

/** Newest first; rows of one moment by their ids. */
export async function selectRows(
  database: Kysely<Tables>,
  filter: UsageFilter,
  page: { limit: number; after?: string },
): Promise<UsageRow[]> {
  let query = database
    .selectFrom('usage_requests')
    .selectAll()
    .where(conditions(filter, false) as RawBuilder<boolean>)
    .orderBy('started_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (page.after !== undefined) {
    const last = await database
      .selectFrom('usage_requests')
      .select(['started_at', 'id'])
      .where('id', '=', nameOf(page.after))
      .executeTakeFirst()
    // Retention removes the oldest rows: what would come behind a row that is gone is gone too.
    if (!last) return []
    query = query.where(sql<boolean>`(started_at, id) < (${last.started_at}, ${last.id})`)
  }
  const rows = await query.execute()
  const attempts = await attemptsOf(
    database,
    rows.map((row) => row.id),
  )
  return rows.map((row) => usageRow(row, (attempts.get(row.id) ?? []).map(attemptRow)))
}

async function attemptsOf(
  database: Kysely<Tables>,
  ids: readonly string[],
): Promise<Map<string, AttemptColumns[]>> {
  const found = new Map<string, AttemptColumns[]>()
  if (ids.length === 0) return found
  const rows = await database
    .selectFrom('usage_attempts')
    .selectAll()
    .where('request', 'in', ids)
    .orderBy('request')
    .orderBy('attempt')
    .execute()
  for (const row of rows) {
    const list = found.get(row.request)
    if (list) list.push(row)
    else found.set(row.request, [row])
  }
  return found
}
