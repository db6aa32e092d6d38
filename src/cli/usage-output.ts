import type {
  AttemptRow,
  GroupedUsage,
  UsageFilter,
  UsageGroup,
  UsageRow,
  UsageSum,
} from '../store/ports/usage.ts'
import { formatDollars } from '../usage/money.ts'

/** What a question for usage gave. */
export interface Report {
  filter: UsageFilter
  by: readonly UsageGroup[]
  sum: UsageSum
  groups: readonly GroupedUsage[]
  /** The single calls, when they were asked for. */
  rows?: readonly UsageRow[]
}

/** For programs. Money is written with every digit it has. */
export function reportJson({ by, sum, groups, rows }: Report): string {
  return exactJson({
    ...sumJson(sum),
    ...(by.length > 0 ? { groups: groups.map((group) => groupJson(group, by)) } : {}),
    ...(rows ? { rows: rows.map(rowJson) } : {}),
  })
}

/** A number JSON has no type for here: a decimal that no floating point has touched. */
class Decimal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Stands in for a decimal until the text is made; control characters are always escaped in real texts. */
const MARK = '\\u0000decimal:'

function exactJson(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, member: unknown) => (member instanceof Decimal ? `\u0000decimal:${member.text}` : member),
    2,
  )
  return `${text.replaceAll(new RegExp(`"${MARK.replaceAll('\\', '\\\\')}(-?[0-9.]+)"`, 'g'), '$1')}\n`
}

function dollars(amount: bigint): Decimal {
  return new Decimal(formatDollars(amount))
}

function sumJson(sum: UsageSum): object {
  return { requests: sum.requests, ...amountsJson(sum) }
}

function amountsJson(amounts: Omit<UsageSum, 'requests'>): object {
  return {
    prompt_tokens: amounts.inputTokens,
    completion_tokens: amounts.outputTokens,
    cached_tokens: amounts.cacheReadTokens,
    cache_write_tokens: amounts.cacheWriteTokens,
    reasoning_tokens: amounts.reasoningTokens,
    cost_usd: dollars(amounts.cost),
  }
}

function groupJson(group: GroupedUsage, by: readonly UsageGroup[]): object {
  return { ...Object.fromEntries(by.map((name) => [name, group[name] ?? null])), ...sumJson(group) }
}

function rowJson(row: UsageRow): object {
  return {
    id: row.id,
    request_id: row.requestId,
    time: new Date(row.startedAt).toISOString(),
    tenant: row.tenant,
    key: row.keyId ?? null,
    endpoint: row.endpoint,
    model: row.model,
    provider: row.provider ?? null,
    route: row.route ?? null,
    stream: row.stream,
    status: row.status,
    error_type: row.errorType ?? null,
    end_reason: row.endReason,
    usage_source: row.usageSource,
    ...amountsJson(row),
    price_version: row.priceVersion ?? null,
    replay: row.replay,
    latency_ms: row.milliseconds,
    time_to_first_token_ms: row.firstByteMilliseconds ?? null,
    stream_bytes: row.bytesSent,
    tags: row.tags,
    attempts: row.attempts.map(attemptJson),
  }
}

function attemptJson(attempt: AttemptRow): object {
  return {
    attempt: attempt.attempt,
    provider: attempt.provider,
    model: attempt.model,
    time: new Date(attempt.startedAt).toISOString(),
    latency_ms: attempt.milliseconds,
    status: attempt.status,
    error_type: attempt.errorType ?? null,
    usage_source: attempt.usageSource,
    ...amountsJson(attempt),
  }
}

/** For people. */
export function reportText({ filter, by, sum, groups, rows }: Report): string {
  const parts = [`${headline(filter)}\n\n${sumText(sum)}`]
  if (by.length > 0) parts.push(groupTable(groups, by))
  if (rows) parts.push(rowTable(rows))
  return `${parts.join('\n\n')}\n`
}

function headline({ tenant, keyId, model, from, until }: UsageFilter): string {
  const whose = [
    tenant === undefined ? 'all tenants' : `tenant ${tenant}`,
    ...(keyId === undefined ? [] : [`key ${keyId}`]),
    ...(model === undefined ? [] : [`model ${model}`]),
    ...(from === undefined ? [] : [`from ${minute(from)}`]),
    ...(until === undefined ? [] : [`until ${minute(until)}`]),
  ]
  return `Usage of ${whose.join(', ')}`
}

function sumText(sum: UsageSum): string {
  const cached = sum.cacheReadTokens > 0 ? `  (${number(sum.cacheReadTokens)} from a cache)` : ''
  const thought = sum.reasoningTokens > 0 ? `  (${number(sum.reasoningTokens)} thinking)` : ''
  return columns(
    [
      ['requests', number(sum.requests), ''],
      ['prompt tokens', number(sum.inputTokens), cached],
      ['answer tokens', number(sum.outputTokens), thought],
      ['cost', `$${formatDollars(sum.cost)}`, ''],
    ],
    [false, true, false],
  )
}

function groupTable(groups: readonly GroupedUsage[], by: readonly UsageGroup[]): string {
  const head = [...by, 'requests', 'prompt', 'answer', 'cost']
  const lines = groups.map((group) => [
    ...by.map((name) => group[name] || '-'),
    number(group.requests),
    number(group.inputTokens),
    number(group.outputTokens),
    `$${formatDollars(group.cost)}`,
  ])
  return columns(
    [head, ...lines],
    head.map((_, index) => index >= by.length),
  )
}

const rowHead = ['time', 'key', 'model', 'provider', 'status', 'ended by', 'prompt', 'answer', 'cost', '']

function rowTable(rows: readonly UsageRow[]): string {
  if (rows.length === 0) return 'no calls'
  const lines = rows.map((row) => [
    new Date(row.startedAt).toISOString().slice(0, 19).replace('T', ' '),
    row.keyId ?? '-',
    row.model === '' ? '-' : row.model,
    row.provider ?? '-',
    row.status === 0 ? '-' : String(row.status),
    row.endReason,
    number(row.inputTokens),
    number(row.outputTokens),
    `$${formatDollars(row.cost)}`,
    [row.usageSource === 'estimated' ? 'estimated' : '', row.replay ? 'replay' : '']
      .filter(Boolean)
      .join(' '),
  ])
  return columns(
    [rowHead, ...lines],
    rowHead.map((_, index) => index >= 6 && index <= 8),
  )
}

/** Columns as wide as their widest cell; numbers stand right. */
function columns(lines: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = right.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) =>
          right[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function minute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
