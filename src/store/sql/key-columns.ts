import type { KeyChange, KeyLimits, KeyRecord, NewKey } from '../ports/keys.ts'
import type { KeyColumns } from './tables.ts'
import { NAME_LENGTH, storable } from './texts.ts'

const MONEY = ['budgetPerDay', 'budgetPerWeek', 'budgetPerMonth'] as const

/** JSON has no whole numbers beyond 2⁵³: money is a text in it. */
function limitsText(limits: KeyLimits): string {
  return JSON.stringify(limits, (_name, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
}

function limitsOf(text: string): KeyLimits {
  const limits = JSON.parse(text) as KeyLimits
  for (const name of MONEY) {
    const amount: unknown = limits[name]
    if (typeof amount === 'string') limits[name] = BigInt(amount)
  }
  return limits
}

/** Tenants are part of indexes: too long a name is refused, since a cut one could be another's. */
function tenantOf(tenant: string): string {
  if (tenant.length > NAME_LENGTH)
    throw new RangeError(`a tenant's name has at most ${NAME_LENGTH} characters, this one ${tenant.length}`)
  return storable(tenant)
}

/** Columns of a new key, but for its place in the order of changes. */
export function newKeyColumns(key: NewKey): Omit<KeyColumns, 'revision' | 'position'> {
  return {
    id: storable(key.id),
    hash: storable(key.hash),
    prefix: storable(key.prefix),
    tenant: tenantOf(key.tenant),
    description: storable(key.description),
    scopes: JSON.stringify(key.scopes),
    limits: limitsText(key.limits),
    unlimited_requests: key.unlimitedRequests,
    tags: JSON.stringify(key.tags),
    enabled: key.enabled,
    created_at: key.createdAt,
    expires_at: key.expiresAt ?? null,
    last_used_at: null,
    previous_hash: null,
    previous_until: null,
    deleted_at: null,
  }
}

type ChangedColumns = Partial<Omit<KeyColumns, 'id' | 'revision' | 'position'>>

/** How each member of a change becomes a column: name of the member → columns. */
const changes: {
  readonly [Member in keyof KeyChange]-?: (value: NonNullable<KeyChange[Member]> | null) => ChangedColumns
} = {
  hash: (value) => (value === null ? {} : { hash: storable(value) }),
  prefix: (value) => (value === null ? {} : { prefix: storable(value) }),
  previousHash: (value) => ({ previous_hash: value === null ? null : storable(value) }),
  previousUntil: (value) => ({ previous_until: value }),
  description: (value) => (value === null ? {} : { description: storable(value) }),
  scopes: (value) => (value === null ? {} : { scopes: JSON.stringify(value) }),
  limits: (value) => (value === null ? {} : { limits: limitsText(value) }),
  unlimitedRequests: (value) => (value === null ? {} : { unlimited_requests: value }),
  tags: (value) => (value === null ? {} : { tags: JSON.stringify(value) }),
  enabled: (value) => (value === null ? {} : { enabled: value }),
  expiresAt: (value) => ({ expires_at: value }),
}

/** Only what a change may change: other members of the object have no effect. */
export function changedColumns(change: KeyChange): ChangedColumns {
  const columns: ChangedColumns = {}
  for (const name of Object.keys(changes) as (keyof KeyChange)[]) {
    const value = change[name]
    const assign = changes[name] as (value: unknown) => ChangedColumns
    if (value !== undefined) Object.assign(columns, assign(value))
  }
  return columns
}

export function keyRecord(row: KeyColumns): KeyRecord {
  return {
    id: row.id,
    hash: row.hash,
    prefix: row.prefix,
    tenant: row.tenant,
    description: row.description,
    scopes: JSON.parse(row.scopes) as string[],
    limits: limitsOf(row.limits),
    unlimitedRequests: Boolean(row.unlimited_requests),
    tags: JSON.parse(row.tags) as Record<string, string>,
    enabled: Boolean(row.enabled),
    createdAt: row.created_at,
    revision: row.revision,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
    ...(row.previous_hash === null ? {} : { previousHash: row.previous_hash }),
    ...(row.previous_until === null ? {} : { previousUntil: row.previous_until }),
    ...(row.deleted_at === null ? {} : { deletedAt: row.deleted_at }),
  }
}
