/** Limits a key or a tenant may have; an absent one does not limit. Money is in picodollars (10⁻¹² US dollars). */
export interface KeyLimits {
  /** Requests in any sixty seconds. */
  requestsPerMinute?: number
  /** Requests that may come at once; by default as many as the minute allows. */
  burst?: number
  /** Requests in any twenty-four hours. */
  requestsPerDay?: number
  /** Tokens, prompt and answer together, in any sixty seconds. */
  tokensPerMinute?: number
  /** Tokens, prompt and answer together, in any twenty-four hours. */
  tokensPerDay?: number
  /** Calls open at the same time. */
  concurrency?: number
  /** Money for a calendar day, week (from Monday) and month, in UTC. */
  budgetPerDay?: bigint
  budgetPerWeek?: bigint
  budgetPerMonth?: bigint
}

/** A key as it is stored. The key itself is nowhere: only its SHA-256. */
export interface KeyRecord {
  /** `key_` and 20 letters and digits; harmless in logs and addresses. */
  id: string
  /** SHA-256 of the whole key, 64 hexadecimal digits. */
  hash: string
  /** The first eight characters of the key, for people. */
  prefix: string
  tenant: string
  description: string
  /** Patterns of model names (`*` stands for any characters); empty: every model. */
  scopes: readonly string[]
  limits: KeyLimits
  /** True: no limit of requests a minute, not even the configuration's default. */
  unlimitedRequests: boolean
  tags: Readonly<Record<string, string>>
  enabled: boolean
  /** Times in milliseconds since 1970. */
  createdAt: number
  expiresAt?: number
  lastUsedAt?: number
  /** After a rotation the earlier secret is good until `previousUntil`. */
  previousHash?: string
  previousUntil?: number
  /** Set when it was deleted: kept for the usage rows that name it, never listed, never let in. */
  deletedAt?: number
  /** Rises with every change of any key, in the order in which the changes became visible. */
  revision: number
}

export type NewKey = Omit<
  KeyRecord,
  'revision' | 'lastUsedAt' | 'deletedAt' | 'previousHash' | 'previousUntil'
>

/** What may be changed of a key; an absent member stays, `null` takes a value away. */
export interface KeyChange {
  hash?: string
  prefix?: string
  previousHash?: string | null
  previousUntil?: number | null
  description?: string
  scopes?: readonly string[]
  /** The whole set of limits. */
  limits?: KeyLimits
  unlimitedRequests?: boolean
  tags?: Readonly<Record<string, string>>
  enabled?: boolean
  expiresAt?: number | null
}

export interface KeyPage {
  keys: KeyRecord[]
  /** The id to hand in as `after` for the next page; absent on the last. */
  next?: string
}

/**
 * Where keys are kept. Every method rejects with `StoreUnavailable` when the store cannot be asked: that is never to
 * be read as "there is no such key".
 */
export interface KeyStore {
  create(key: NewKey): Promise<KeyRecord>
  /** By the hash of the key or of its earlier secret, whatever its state; deleted ones are not found. */
  findByHash(hash: string): Promise<KeyRecord | undefined>
  get(id: string): Promise<KeyRecord | undefined>
  /** In the order of creation; without the deleted ones. */
  list(filter: { tenant?: string; after?: string; limit?: number }): Promise<KeyPage>
  /** Undefined when there is no such key. */
  update(id: string, change: KeyChange): Promise<KeyRecord | undefined>
  /** False when there is no such key. */
  delete(id: string, now: number): Promise<boolean>
  /** The highest revision; 0 when no key was ever made. */
  revision(): Promise<number>
  /** Every key changed after a revision, the deleted ones included, by rising revision. */
  changedSince(revision: number, limit: number): Promise<KeyRecord[]>
  /** Notes when keys were last used (id → milliseconds); an earlier time never replaces a later one. No new revision. */
  touch(lastUsed: ReadonlyMap<string, number>): Promise<void>
}

/** Single values that the installation keeps: the administrator token's hash and the like. */
export interface SettingStore {
  get(name: string): Promise<string | undefined>
  /** False when there is a value already: the first writer of several replicas wins. */
  setIfAbsent(name: string, value: string): Promise<boolean>
  set(name: string, value: string): Promise<void>
}
