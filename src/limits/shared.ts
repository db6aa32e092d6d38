import type { Snapshot } from '../config/snapshot.ts'
import type { Claim, LimitState, MaybePromise } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { Limits, Verdict } from './limits.ts'
import { LocalLimits, without } from './local.ts'
import { cannotCount } from './refusal.ts'
import type { LossCategory, Planned } from './rule.ts'

/** What `SharedLimits` needs of the state in Redis. */
export interface SharedState extends LimitState {
  close(): Promise<void>
}

/** What `SharedLimits` needs of this process's own counters. */
export interface OwnState extends LimitState {
  /** What was spent while Redis counted is not known here. */
  doubtBudgets(): void
}

export interface SharedParts {
  /** Milliseconds since 1970. */
  now(): number
  shared: SharedState
  /** Whether Redis can be asked now. */
  isUp(): boolean
  /** What this process counts by itself while it cannot; `replicas` is how many share a limit. */
  own(replicas: () => number): OwnState
}

/** Limits counted in Redis, and what holds while that cannot be asked. */
export class SharedLimits implements Limits {
  readonly now: () => number
  readonly #shared: SharedState
  readonly #isUp: () => boolean
  /** This replica's own share, counted by itself. */
  readonly #own: LocalLimits
  readonly #ownState: OwnState
  /** Redis has counted since this process last did by itself. */
  #wasShared = false
  #replicas = 1

  constructor(parts: SharedParts) {
    this.now = parts.now
    this.#shared = parts.shared
    this.#isUp = parts.isUp
    this.#ownState = parts.own(() => this.#replicas)
    this.#own = new LocalLimits(this.#ownState, parts.now)
  }

  admit(planned: Planned, redis: Snapshot['redis']): MaybePromise<Verdict> {
    return this.#isUp() ? this.#ask(planned, redis) : this.#withoutRedis(planned, redis, undefined)
  }

  async #ask(planned: Planned, redis: Snapshot['redis']): Promise<Verdict> {
    try {
      const decision = await this.#shared.admit(planned.claims)
      this.#wasShared = true
      return { decision, rules: planned.rules }
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable)) throw thrown
      if (thrown.store === 'redis') return this.#withoutRedis(planned, redis, thrown)
      // Redis does not know what was spent, and the database cannot tell.
      if (redis.onLoss.budgets !== 'allow') throw cannotCount(thrown)
      return this.#ask(without(planned, 'budgets'), redis)
    }
  }

  #withoutRedis(planned: Planned, redis: Snapshot['redis'], cause: unknown): MaybePromise<Verdict> {
    const policyOf = (category: LossCategory): string => redis.onLoss[category]
    if (planned.rules.some(({ category }) => policyOf(category) === 'deny')) throw cannotCount(cause)
    const lifted = categories.filter((category) => policyOf(category) === 'allow')
    const kept = without(planned, ...lifted)
    this.#replicas = redis.replicas
    if (this.#wasShared) this.#ownState.doubtBudgets()
    this.#wasShared = false
    const claims = kept.claims.map((claim) => shareOf(claim, redis.replicas))
    const verdict = this.#own.admit({ rules: kept.rules, claims }, redis)
    return verdict instanceof Promise ? verdict.then(withWait) : withWait(verdict)
  }

  close(): Promise<void> {
    return this.#shared.close()
  }
}

/** What never fits into a share may fit when Redis is there again. */
function withWait(verdict: Verdict): Verdict {
  const { decision, rules } = verdict
  if (decision.admitted || decision.retryMs !== undefined) return verdict
  return { rules, decision: { ...decision, retryMs: RETRY_MILLISECONDS } }
}

const RETRY_MILLISECONDS = 1_000

const categories: readonly LossCategory[] = ['requests', 'tokens', 'budgets']

/** One replica's share of a limit: rounded down, but never nothing. */
function shareOf(claim: Claim, replicas: number): Claim {
  const part = (whole: number): number => Math.max(1, Math.floor(whole / replicas))
  switch (claim.kind) {
    case 'window':
    case 'slot':
      return { ...claim, limit: part(claim.limit) }
    case 'burst':
      return { ...claim, perMinute: part(claim.perMinute), burst: part(claim.burst) }
    case 'money': {
      const share = claim.limit / BigInt(replicas)
      return { ...claim, limit: share > 0n ? share : 1n }
    }
  }
}
