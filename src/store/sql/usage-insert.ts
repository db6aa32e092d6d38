import { type Kysely, sql } from 'kysely'
import type { UsageRow } from '../ports/usage.ts'
import { type Columns, recordset, type SqlKind } from './column-types.ts'
import { costColumns, costOf } from './costs.ts'
import { insertRows } from './insert-rows.ts'
import type { DayColumns, RequestColumns, Tables } from './tables.ts'
import { attemptColumns, attemptTypes, dayTypes, requestColumns, requestTypes } from './usage-columns.ts'

/** A batch, read once, in an order that is the same everywhere: so two replicas never wait for each other in a ring. */
export interface UsageBatch {
  readonly requests: readonly RequestColumns[]
  /** By the id in `requests`. */
  readonly rows: ReadonlyMap<string, UsageRow>
}

/** Throws RangeError for a row that cannot be. Of rows with one id the first counts. */
export function usageBatch(rows: readonly UsageRow[]): UsageBatch {
  const byId = new Map<string, UsageRow>()
  const requests: RequestColumns[] = []
  for (const row of rows) {
    const columns = requestColumns(row)
    if (byId.has(columns.id)) continue
    byId.set(columns.id, row)
    requests.push(columns)
  }
  return { requests: requests.sort((a, b) => (a.id < b.id ? -1 : 1)), rows: byId }
}

/** Writes what is not there yet and adds just that to the sums; inside a transaction. */
export async function insertBatch(kind: SqlKind, database: Kysely<Tables>, batch: UsageBatch): Promise<void> {
  const added = new Set(await insertRows(kind, database, 'usage_requests', requestTypes, batch.requests))
  if (added.size === 0) return
  const requests = batch.requests.filter((row) => added.has(row.id))
  const attempts = requests.flatMap((row) => attemptColumns(batch.rows.get(row.id) as UsageRow))
  await insertRows(kind, database, 'usage_attempts', attemptTypes, attempts)
  await addToDays(kind, database, sumByDay(requests))
}

const names = (columns: Columns) => sql.join(Object.keys(columns).map((name) => sql.ref(name)))

const tokens = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
] as const

/** In the order of their names, for the same reason as above. */
function sumByDay(requests: readonly RequestColumns[]): DayColumns[] {
  const sums = new Map<string, DayColumns>()
  for (const row of requests) {
    const name = JSON.stringify([row.day, row.tenant, row.key_id, row.model, row.provider])
    const sum = sums.get(name)
    if (sum) add(sum, row)
    else sums.set(name, dayColumns(row))
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}

function dayColumns(row: RequestColumns): DayColumns {
  const { day, tenant, model, cost_milli, cost_pico } = row
  return {
    day,
    tenant,
    key_id: row.key_id ?? '',
    model,
    provider: row.provider ?? '',
    requests: 1,
    input_tokens: row.input_tokens,
    output_tokens: row.output_tokens,
    cache_read_tokens: row.cache_read_tokens,
    cache_write_tokens: row.cache_write_tokens,
    reasoning_tokens: row.reasoning_tokens,
    cost_milli,
    cost_pico,
  }
}

function add(sum: DayColumns, row: RequestColumns): void {
  sum.requests += 1
  for (const name of tokens) sum[name] += row[name]
  const cost = costOf(sum.cost_milli, sum.cost_pico) + costOf(row.cost_milli, row.cost_pico)
  Object.assign(sum, costColumns(cost))
}

/** The smaller part of the money carries over into the greater one, in whole numbers of the database. */
async function addToDays(
  kind: SqlKind,
  database: Kysely<Tables>,
  sums: readonly DayColumns[],
): Promise<void> {
  const added = ['requests', ...tokens] as const
  await sql`insert into usage_days (${names(dayTypes)})
    select ${names(dayTypes)} from ${recordset(kind, dayTypes, sums)} where true
    on conflict (day, tenant, key_id, model, provider) do update set
      ${sql.join(
        added.map(
          (name) => sql`${sql.ref(name)} = ${sql.ref(`usage_days.${name}`)} + ${sql.ref(`excluded.${name}`)}`,
        ),
      )},
      cost_milli = usage_days.cost_milli + excluded.cost_milli
        + (usage_days.cost_pico + excluded.cost_pico) / 1000000000,
      cost_pico = (usage_days.cost_pico + excluded.cost_pico) % 1000000000`.execute(database)
}
