/** How the amount of a row is known. `none`: nothing was used (refused before any upstream was asked). */
export type UsageSource = 'reported' | 'estimated' | 'none'

/** Who or what ended a call; `interrupted`: the gateway itself was killed before it could say. */
export type EndReason = 'complete' | 'client' | 'upstream' | 'gateway' | 'interrupted'

/** Tokens and money of one answer. Money is in picodollars (10⁻¹² US dollars); absent tokens were not reported. */
export interface UsageAmounts {
  inputTokens: number
  outputTokens: number
  cacheReadTokens: number
  cacheWriteTokens: number
  reasoningTokens: number
  cost: bigint
}

/** One try at one target. */
export interface AttemptRow extends UsageAmounts {
  /** Position in the request, from 0; with the request's id it names the attempt for ever. */
  attempt: number
  provider: string
  /** The upstream's own name of the model. */
  model: string
  startedAt: number
  milliseconds: number
  /** HTTP status the attempt amounts to; 0 when it has none (interrupted). */
  status: number
  errorType?: string
  usageSource: UsageSource
}

/** One request of a client and all it caused. One row for each, whatever fails. */
export interface UsageRow extends UsageAmounts {
  /** Ours, unique for ever: a row that is delivered twice is one row. */
  id: string
  /** The id in the answer's `x-request-id`, which a client may choose, also twice. */
  requestId: string
  tenant: string
  /** Absent in open mode. */
  keyId?: string
  endpoint: string
  /** The name the client asked for. */
  model: string
  /** Of the attempt that answered, else of the last one; absent when none was made. */
  provider?: string
  /** `provider/model` of the target. */
  route?: string
  stream: boolean
  /** HTTP status the client saw; 499 when it left, 0 when the gateway was killed first. */
  status: number
  errorType?: string
  endReason: EndReason
  usageSource: UsageSource
  /** Which prices the cost was made with; absent when the model has none. */
  priceVersion?: string
  /** True when the answer came from an earlier one (idempotency): nothing was used again. */
  replay: boolean
  /** Milliseconds since 1970; the row belongs to this moment's UTC day. */
  startedAt: number
  milliseconds: number
  firstByteMilliseconds?: number
  /** Bytes of the answer's body sent to the client. */
  bytesSent: number
  tags: Readonly<Record<string, string>>
  attempts: readonly AttemptRow[]
}

export interface UsageFilter {
  tenant?: string
  keyId?: string
  model?: string
  /** Milliseconds since 1970; `from` belongs to the range, `until` does not. */
  from?: number
  until?: number
}

export interface UsageSum extends UsageAmounts {
  requests: number
}

export const usageGroups = ['tenant', 'key', 'model', 'provider', 'day'] as const
export type UsageGroup = (typeof usageGroups)[number]

/** A sum and what it is the sum of: `day` is `2026-11-21` in UTC. */
export type GroupedUsage = UsageSum & Partial<Record<UsageGroup, string>>

/**
 * Where usage is kept for good. Every method rejects with `StoreUnavailable` when the store cannot be asked.
 * Sums are kept by day in the same transaction as the rows, so they always equal the rows, also after retention has
 * removed these.
 */
export interface UsageStore {
  /** Writes rows whose ids are not there yet, and adds just these to the daily sums. All or nothing. */
  insert(rows: readonly UsageRow[]): Promise<void>
  /** From the rows when a filter's bounds are no midnights, else from the daily sums. */
  sum(filter: UsageFilter): Promise<UsageSum>
  groups(filter: UsageFilter, by: readonly UsageGroup[]): Promise<GroupedUsage[]>
  /** Newest first. `after` is the id of the last row of the page before. */
  rows(filter: UsageFilter, page: { limit: number; after?: string }): Promise<UsageRow[]>
  /** Money spent in a time, for a key or for a tenant as a whole, from the rows. */
  spent(scope: { tenant: string; keyId?: string }, from: number): Promise<bigint>
  /** Removes rows (not sums) older than a time, at most `limit`; gives how many went. */
  removeBefore(time: number, limit: number): Promise<number>
}
