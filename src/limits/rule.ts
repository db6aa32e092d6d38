import type { Claim, MoneyScope } from '../store/ports/shared-state.ts'

/** What `[redis.on_loss]` speaks of. */
export type LossCategory = 'requests' | 'tokens' | 'budgets'

/** One limit that a call is under, with what a person must know of it. */
export interface Rule {
  readonly category: LossCategory
  readonly owner: 'key' | 'tenant'
  /** `60 requests a minute`: the limit with its unit. */
  readonly text: string
  /** A stable code for programs: `requests_per_minute`. */
  readonly code: string
  /** Whether waiting a moment helps (`rate_limited`) or the quota of a day or longer is used up. */
  readonly quota: boolean
  readonly measure: Measure
}

/** How a rule becomes a claim. Requests and slots are the same claim for every call. */
export type Measure =
  | { readonly type: 'fixed'; readonly claim: Claim }
  | { readonly type: 'tokens'; readonly name: string; readonly limit: number; readonly windowMs: number }
  | {
      readonly type: 'money'
      readonly name: string
      readonly limit: bigint
      readonly period: Period
      readonly scope: MoneyScope
    }

export type Period = 'day' | 'week' | 'month'

/** The limits of one call and what it asks of each, in the same order. */
export interface Planned {
  readonly rules: readonly Rule[]
  readonly claims: readonly Claim[]
}
