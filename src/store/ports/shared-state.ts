/**
 * What replicas share and what may be lost: counters of limits, idempotency, revocations. In memory for one process,
 * in Redis for several. Methods of the memory implementation answer at once, not with a promise, so that nothing on a
 * call's way is awaited without need.
 */
export type MaybePromise<Value> = Value | Promise<Value>

/** One limit a call must pass. All claims of a call are admitted together or not at all. */
export type Claim =
  /** At most `limit` in any `windowMs`. Counted in slices of the window; a slice counts whole until all of it is over. */
  | { kind: 'window'; name: string; limit: number; amount: number; windowMs: number }
  /** At most `burst` at once, refilled evenly to `perMinute` a minute. */
  | { kind: 'burst'; name: string; perMinute: number; burst: number }
  /** At most `limit` held at the same time; a slot is a lease that ends by itself when it is not renewed. */
  | { kind: 'slot'; name: string; limit: number }
  | MoneyClaim

/** Whose money: a key's, or a tenant's as a whole. */
export interface MoneyScope {
  tenant: string
  keyId?: string
}

/**
 * At most `limit` picodollars from `from` up to `until` (a calendar period, milliseconds since 1970). A state that does
 * not know what was spent in the period already (it is new, it was emptied) asks for it by scope and `from`.
 */
export interface MoneyClaim {
  kind: 'money'
  name: string
  limit: bigint
  amount: bigint
  scope: MoneyScope
  from: number
  until: number
}

/** How a claim's limit stands after the decision. */
export interface ClaimState {
  /** What is left, in the claim's own unit. */
  remaining: number
  /** Milliseconds until something is given back; for a refused claim until it can be admitted if nobody else comes. */
  resetMs: number
}

export type Decision =
  | { admitted: true; states: readonly ClaimState[]; lease: AdmissionLease }
  /** `refused`: index of the first claim that did not fit. `retryMs` is absent when it never can. */
  | { admitted: false; states: readonly ClaimState[]; refused: number; retryMs?: number }

/** What an admitted call holds. */
export interface AdmissionLease {
  /**
   * Settles: the amounts really used, in the order of the claims (undefined: the claim stays as it was reserved, 0 gives
   * it back). Frees the slots. Never throws and never waits; what cannot be delivered now is delivered later or lapses.
   */
  settle(actual: readonly (number | bigint | undefined)[]): void
  /** Frees the slots at once, before anything else is known. Harmless when repeated. */
  release(): void
}

export interface LimitState {
  admit(claims: readonly Claim[]): MaybePromise<Decision>
}

export type IdempotencyClaim =
  /** Ours to execute; `token` proves it. */
  | { state: 'execute'; token: string }
  /** Another call with the same key and body is being executed. */
  | { state: 'in-flight' }
  /** The key was used with another body. */
  | { state: 'mismatch' }
  | { state: 'done'; answer: Uint8Array }

/** Keys that make a repeated call harmless. `scope` holds tenant, key id, route and the client's key. */
export interface IdempotencyState {
  claim(scope: string, fingerprint: string, leaseMs: number): MaybePromise<IdempotencyClaim>
  /** Longer for a call that goes on; false when the lease was lost. */
  renew(scope: string, token: string, leaseMs: number): MaybePromise<boolean>
  /** Keeps the answer; ignored when the token is no longer the holder's. */
  complete(scope: string, token: string, answer: Uint8Array, keepMs: number): MaybePromise<void>
  /** Nothing was executed: the key is free again. */
  release(scope: string, token: string): MaybePromise<void>
}

/** Words between replicas: that keys changed, and later cool-downs. Lost words are made good by polling. */
export interface Announcements {
  publish(topic: string, text: string): void
  subscribe(topic: string, listener: (text: string) => void): () => void
}

/** How a store stands, for `/readyz`, metrics and the log. */
export interface StoreHealth {
  store: 'database' | 'redis'
  up: boolean
  /** Milliseconds since 1970 at which this began. */
  since: number
  /** Why it is down, without secrets. */
  reason?: string
}
