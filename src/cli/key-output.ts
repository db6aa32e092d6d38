import type { KeyRecord } from '../store/ports/keys.ts'
import { formatDollars } from '../usage/money.ts'
import { budgets, counts } from './key-flags.ts'

/** A key as JSON for programs; `key` is there when the secret is known, which is once. */
export function keyJson(record: KeyRecord, key?: string): Record<string, unknown> {
  const { limits } = record
  return {
    id: record.id,
    ...(key === undefined ? {} : { key }),
    prefix: record.prefix,
    tenant: record.tenant,
    description: record.description,
    scopes: record.scopes,
    ...Object.fromEntries(counts.map(({ member, json }) => [json, limits[member] ?? null])),
    unlimited_requests: record.unlimitedRequests,
    ...Object.fromEntries(
      budgets.map(({ member, json }) => {
        const amount = limits[member]
        return [json, amount === undefined ? null : formatDollars(amount)]
      }),
    ),
    tags: record.tags,
    enabled: record.enabled,
    expires_at: iso(record.expiresAt),
    created_at: iso(record.createdAt),
    last_used_at: iso(record.lastUsedAt),
    ...(record.previousUntil === undefined ? {} : { previous_key_until: iso(record.previousUntil) }),
  }
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}

export function stateOf(record: KeyRecord, now: number): 'active' | 'disabled' | 'expired' {
  if (!record.enabled) return 'disabled'
  return record.expiresAt !== undefined && record.expiresAt <= now ? 'expired' : 'active'
}

/** A key for people, a line a fact. */
export function keyText(record: KeyRecord, now: number): string {
  const rows: [string, string | undefined][] = [
    ['id', record.id],
    ['key', `${record.prefix}…`],
    ['tenant', record.tenant],
    ['description', record.description || undefined],
    ['state', stateOf(record, now)],
    ['models', record.scopes.length === 0 ? 'all' : record.scopes.join(', ')],
    ['limits', limitsText(record)],
    ['tags', tagsText(record) || undefined],
    ['expires', record.expiresAt === undefined ? 'never' : minute(record.expiresAt)],
    ['created', minute(record.createdAt)],
    ['last used', record.lastUsedAt === undefined ? 'never' : minute(record.lastUsedAt)],
    ['old secret', record.previousUntil === undefined ? undefined : untilText(record.previousUntil, now)],
  ]
  return rows
    .flatMap(([name, text]) => (text === undefined ? [] : [`  ${name.padEnd(11)} ${printable(text)}\n`]))
    .join('')
}

function untilText(until: number, now: number): string {
  return until > now ? `good until ${minute(until)}` : `ended ${minute(until)}`
}

function limitsText({ limits, unlimitedRequests }: KeyRecord): string {
  const requests = unlimitedRequests ? 'unlimited requests a minute' : undefined
  const isDefault = limits.requestsPerMinute === undefined && !unlimitedRequests
  return [
    requests,
    isDefault ? 'requests a minute as configured' : undefined,
    ...counts.map(({ member, unit }) =>
      limits[member] === undefined ? undefined : `${limits[member]} ${unit}`,
    ),
    ...budgets.map(({ member, unit }) => {
      const amount = limits[member]
      return amount === undefined ? undefined : `$${formatDollars(amount)} ${unit}`
    }),
  ]
    .filter((part) => part !== undefined)
    .join(', ')
}

function tagsText({ tags }: KeyRecord): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')
}

/** All keys in columns; `tenant` is the one that was asked for. */
export function keyTable(records: readonly KeyRecord[], now: number, tenant?: string): string {
  if (records.length === 0 && tenant !== undefined) return `No keys of tenant ${tenant}.\n`
  if (records.length === 0) return 'No keys. Make one with: xjp-gateway keys create --tenant NAME\n'
  const head = ['ID', 'KEY', 'TENANT', 'STATE', 'MODELS', 'LAST USED', 'DESCRIPTION']
  const rows = records.map((record) =>
    [
      record.id,
      `${record.prefix}…`,
      record.tenant,
      stateOf(record, now),
      shortened(record.scopes.join(',') || 'all', 32),
      record.lastUsedAt === undefined ? 'never' : minute(record.lastUsedAt),
      shortened(record.description, 48),
    ].map(printable),
  )
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const written = [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${written.join('\n')}\n`
}

function shortened(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

/** `2026-11-21 12:00 UTC` */
function minute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** What others wrote must not steer the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
