import type { Snapshot } from '../config/snapshot.ts'
import type { Decision, LimitState, MaybePromise } from '../store/ports/shared-state.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { Limits, Verdict } from './limits.ts'
import { cannotCount } from './refusal.ts'
import type { Planned } from './rule.ts'

/** Limits that this process counts for itself. */
export class LocalLimits implements Limits {
  readonly now: () => number
  readonly #state: LimitState

  constructor(state: LimitState, now: () => number) {
    this.#state = state
    this.now = now
  }

  admit(planned: Planned, redis: Snapshot['redis']): MaybePromise<Verdict> {
    const decision = this.#state.admit(planned.claims)
    return decision instanceof Promise
      ? this.#withBudgets(decision, planned, redis)
      : { decision, rules: planned.rules }
  }

  /** Only what was spent before this process began has to be asked for: once a budget and period. */
  async #withBudgets(
    decision: Promise<Decision>,
    planned: Planned,
    redis: Snapshot['redis'],
  ): Promise<Verdict> {
    try {
      return { decision: await decision, rules: planned.rules }
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable)) throw thrown
      if (redis.onLoss.budgets !== 'allow') throw cannotCount(thrown)
      return this.admit(without(planned, 'budgets'), redis)
    }
  }

  async close(): Promise<void> {}
}

/** A plan less the limits of some categories. */
export function without(planned: Planned, ...categories: readonly string[]): Planned {
  const kept = planned.rules.map(({ category }) => !categories.includes(category))
  return {
    rules: planned.rules.filter((_, index) => kept[index]),
    claims: planned.claims.filter((_, index) => kept[index]),
  }
}
