import type { AttemptRow, UsageAmounts, UsageRow } from '../ports/usage.ts'
import type { Columns } from './column-types.ts'
import { costColumns, costOf } from './costs.ts'
import type { AmountColumns, AttemptColumns, DayColumns, RequestColumns } from './tables.ts'
import { nameOf } from './texts.ts'

const amountTypes = {
  input_tokens: 'count',
  output_tokens: 'count',
  cache_read_tokens: 'count',
  cache_write_tokens: 'count',
  reasoning_tokens: 'count',
  cost_milli: 'count',
  cost_pico: 'count',
} as const satisfies Record<keyof AmountColumns, string>

export const requestTypes = {
  id: 'text',
  request_id: 'text',
  tenant: 'text',
  key_id: 'text',
  endpoint: 'text',
  model: 'text',
  provider: 'text',
  route: 'text',
  stream: 'flag',
  status: 'count',
  error_type: 'text',
  end_reason: 'text',
  usage_source: 'text',
  price_version: 'text',
  replay: 'flag',
  started_at: 'count',
  day: 'text',
  milliseconds: 'real',
  first_byte_milliseconds: 'real',
  bytes_sent: 'count',
  tags: 'text',
  ...amountTypes,
} as const satisfies Columns & Record<keyof RequestColumns, string>

export const attemptTypes = {
  request: 'text',
  attempt: 'count',
  provider: 'text',
  model: 'text',
  started_at: 'count',
  milliseconds: 'real',
  status: 'count',
  error_type: 'text',
  usage_source: 'text',
  ...amountTypes,
} as const satisfies Columns & Record<keyof AttemptColumns, string>

export const dayTypes = {
  day: 'text',
  tenant: 'text',
  key_id: 'text',
  model: 'text',
  provider: 'text',
  requests: 'count',
  ...amountTypes,
} as const satisfies Columns & Record<keyof DayColumns, string>

/** `2026-11-21`, in UTC. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10)
}

/** Throws RangeError for an amount that is no whole number of at least 0: such a row is a mistake of its maker. */
function count(value: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new RangeError(`${what}: ${value} is no whole number of at least 0`)
}

function amountColumns(amounts: UsageAmounts): AmountColumns {
  return {
    input_tokens: count(amounts.inputTokens, 'inputTokens'),
    output_tokens: count(amounts.outputTokens, 'outputTokens'),
    cache_read_tokens: count(amounts.cacheReadTokens, 'cacheReadTokens'),
    cache_write_tokens: count(amounts.cacheWriteTokens, 'cacheWriteTokens'),
    reasoning_tokens: count(amounts.reasoningTokens, 'reasoningTokens'),
    ...costColumns(amounts.cost),
  }
}

const optional = (text: string | undefined): string | null => (text === undefined ? null : nameOf(text))

export function requestColumns(row: UsageRow): RequestColumns {
  const startedAt = Math.floor(row.startedAt)
  return {
    id: nameOf(row.id),
    request_id: nameOf(row.requestId),
    tenant: nameOf(row.tenant),
    key_id: optional(row.keyId),
    endpoint: nameOf(row.endpoint),
    model: nameOf(row.model),
    provider: optional(row.provider),
    route: optional(row.route),
    stream: row.stream,
    status: count(row.status, 'status'),
    error_type: optional(row.errorType),
    end_reason: row.endReason,
    usage_source: row.usageSource,
    price_version: optional(row.priceVersion),
    replay: row.replay,
    started_at: count(startedAt, 'startedAt'),
    day: dayOf(startedAt),
    milliseconds: row.milliseconds,
    first_byte_milliseconds: row.firstByteMilliseconds ?? null,
    bytes_sent: count(row.bytesSent, 'bytesSent'),
    tags: JSON.stringify(row.tags),
    ...amountColumns(row),
  }
}

export function attemptColumns(row: UsageRow): AttemptColumns[] {
  return row.attempts.map((attempt) => ({
    request: nameOf(row.id),
    attempt: count(attempt.attempt, 'attempt'),
    provider: nameOf(attempt.provider),
    model: nameOf(attempt.model),
    started_at: count(Math.floor(attempt.startedAt), 'startedAt'),
    milliseconds: attempt.milliseconds,
    status: count(attempt.status, 'status'),
    error_type: optional(attempt.errorType),
    usage_source: attempt.usageSource,
    ...amountColumns(attempt),
  }))
}

function amountsOf(row: AmountColumns): UsageAmounts {
  return {
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    reasoningTokens: row.reasoning_tokens,
    cost: costOf(row.cost_milli, row.cost_pico),
  }
}

export function attemptRow(row: AttemptColumns): AttemptRow {
  return {
    attempt: row.attempt,
    provider: row.provider,
    model: row.model,
    startedAt: row.started_at,
    milliseconds: row.milliseconds,
    status: row.status,
    usageSource: row.usage_source as AttemptRow['usageSource'],
    ...(row.error_type === null ? {} : { errorType: row.error_type }),
    ...amountsOf(row),
  }
}

export function usageRow(row: RequestColumns, attempts: readonly AttemptRow[]): UsageRow {
  return {
    id: row.id,
    requestId: row.request_id,
    tenant: row.tenant,
    endpoint: row.endpoint,
    model: row.model,
    stream: Boolean(row.stream),
    status: row.status,
    endReason: row.end_reason as UsageRow['endReason'],
    usageSource: row.usage_source as UsageRow['usageSource'],
    replay: Boolean(row.replay),
    startedAt: row.started_at,
    milliseconds: row.milliseconds,
    bytesSent: row.bytes_sent,
    tags: JSON.parse(row.tags) as Record<string, string>,
    attempts,
    ...(row.key_id === null ? {} : { keyId: row.key_id }),
    ...(row.provider === null ? {} : { provider: row.provider }),
    ...(row.route === null ? {} : { route: row.route }),
    ...(row.error_type === null ? {} : { errorType: row.error_type }),
    ...(row.price_version === null ? {} : { priceVersion: row.price_version }),
    ...(row.first_byte_milliseconds === null ? {} : { firstByteMilliseconds: row.first_byte_milliseconds }),
    ...amountsOf(row),
  }
}
