/** A yes or no: PostgreSQL gives a boolean, SQLite 0 or 1; both take a boolean. */
export type Flag = boolean | number

/** Money in two whole numbers, exact and without limit: thousandths of a dollar, and the rest (below 10⁹) in 10⁻¹². */
export interface CostColumns {
  cost_milli: number
  cost_pico: number
}

export interface TokenColumns {
  input_tokens: number
  output_tokens: number
  cache_read_tokens: number
  cache_write_tokens: number
  reasoning_tokens: number
}

export interface AmountColumns extends TokenColumns, CostColumns {}

export interface KeyColumns {
  id: string
  hash: string
  prefix: string
  tenant: string
  description: string
  /** JSON. */
  scopes: string
  /** JSON; money as decimal text. */
  limits: string
  unlimited_requests: Flag
  /** JSON. */
  tags: string
  enabled: Flag
  created_at: number
  expires_at: number | null
  last_used_at: number | null
  previous_hash: string | null
  previous_until: number | null
  deleted_at: number | null
  revision: number
  /** The revision it was made with: the order of creation. */
  position: number
}

export interface RequestColumns extends AmountColumns {
  id: string
  request_id: string
  tenant: string
  key_id: string | null
  endpoint: string
  model: string
  provider: string | null
  route: string | null
  stream: Flag
  status: number
  error_type: string | null
  end_reason: string
  usage_source: string
  price_version: string | null
  replay: Flag
  started_at: number
  /** `2026-11-21`, of `started_at` in UTC. */
  day: string
  milliseconds: number
  first_byte_milliseconds: number | null
  bytes_sent: number
  /** JSON. */
  tags: string
}

export interface AttemptColumns extends AmountColumns {
  /** `id` of the request's row. */
  request: string
  attempt: number
  provider: string
  model: string
  started_at: number
  milliseconds: number
  status: number
  error_type: string | null
  usage_source: string
}

/** Sums of a day; an absent key or provider is an empty text here, since they are part of the row's name. */
export interface DayColumns extends AmountColumns {
  day: string
  tenant: string
  key_id: string
  model: string
  provider: string
  requests: number
}

/** All tables, the same in both databases. */
export interface Tables {
  api_keys: KeyColumns
  /** Single-row counters; `keys` is the revision of the keys. */
  counters: { name: string; value: number }
  settings: { name: string; value: string }
  usage_requests: RequestColumns
  usage_attempts: AttemptColumns
  usage_days: DayColumns
  /** Every step of a migration that is done. */
  schema_steps: { version: number; step: number; name: string; done_at: number }
}
