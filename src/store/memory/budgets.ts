import type { ClaimState, MoneyClaim } from '../ports/shared-state.ts'

interface Budget {
  spent: bigint
  reserved: bigint
  until: number
}

/** Money of calendar periods, known in this process. What was spent before it knew is asked for once a period. */
export class Budgets {
  readonly #budgets = new Map<string, Budget>()
  /** Of these more may have been spent than is known. */
  readonly #doubtful = new Set<string>()
  readonly #seeding = new Map<string, Promise<void>>()
  /** Until when a look that failed is not repeated, so that a lost database is waited for once and not by every call. */
  readonly #failed = new Map<string, { until: number; reason: unknown }>()
  readonly #seed: (claim: MoneyClaim) => Promise<bigint>

  constructor(seed: (claim: MoneyClaim) => Promise<bigint>) {
    this.#seed = seed
  }

  get size(): number {
    return this.#budgets.size
  }

  knows(name: string): boolean {
    return this.#budgets.has(name) && !this.#doubtful.has(name)
  }

  /** Others have spent meanwhile: what is known is asked for again before anybody is admitted. */
  doubtAll(): void {
    for (const name of this.#budgets.keys()) this.#doubtful.add(name)
  }

  /** Finds out what was spent already; many who ask at once ask the store once. */
  learn(claim: MoneyClaim, now: number): Promise<void> {
    const failed = this.#failed.get(claim.name)
    if (failed && now < failed.until) return Promise.reject(failed.reason)
    let learning = this.#seeding.get(claim.name)
    if (!learning) {
      learning = this.#learn(claim, now).finally(() => this.#seeding.delete(claim.name))
      this.#seeding.set(claim.name, learning)
    }
    return learning
  }

  async #learn(claim: MoneyClaim, now: number): Promise<void> {
    try {
      const spent = await this.#seed(claim)
      this.#failed.delete(claim.name)
      const known = this.#budgets.get(claim.name)
      if (!known) this.#budgets.set(claim.name, { spent, reserved: 0n, until: claim.until })
      else if (spent > known.spent) known.spent = spent
      this.#doubtful.delete(claim.name)
    } catch (reason) {
      // What is known counts when nobody can tell whether it is all.
      if (this.#doubtful.delete(claim.name)) return
      this.#failed.set(claim.name, { until: now + PAUSE_MILLISECONDS, reason })
      throw reason
    }
  }

  fits(claim: MoneyClaim): boolean {
    return claim.amount <= this.#left(claim)
  }

  reserve(claim: MoneyClaim): void {
    const budget = this.#budgets.get(claim.name)
    if (budget) budget.reserved += claim.amount
  }

  settle(claim: MoneyClaim, actual: bigint): void {
    const budget = this.#budgets.get(claim.name)
    if (!budget) return
    budget.reserved -= claim.amount
    budget.spent += actual
  }

  /** After a refusal `resetMs` says when it can be admitted. */
  state(claim: MoneyClaim, now: number, refused: boolean): ClaimState {
    const left = this.#left(claim)
    const untilNext = Math.max(0, claim.until - now)
    // Only what others have reserved stands in the way: they may give it back at any moment.
    const spent = this.#budgets.get(claim.name)?.spent ?? 0n
    const soon = refused && spent + claim.amount <= claim.limit
    return {
      remaining: left < 0n ? 0 : Number(left),
      resetMs: soon ? Math.min(WAIT_FOR_OTHERS_MILLISECONDS, untilNext) : untilNext,
    }
  }

  #left(claim: MoneyClaim): bigint {
    const budget = this.#budgets.get(claim.name)
    return budget ? claim.limit - budget.spent - budget.reserved : 0n
  }

  /** Forgets periods that are over. */
  sweep(now: number): void {
    for (const [name, budget] of this.#budgets)
      if (budget.until + GRACE_MILLISECONDS < now) {
        this.#budgets.delete(name)
        this.#doubtful.delete(name)
      }
    // A bound for names that were never learnt.
    this.#failed.clear()
  }
}

/** When another call's end is awaited nobody knows when that is: the usual pause of a client. */
export const WAIT_FOR_OTHERS_MILLISECONDS = 1_000
const PAUSE_MILLISECONDS = 1_000
/** Calls that began in a period may end after it. */
const GRACE_MILLISECONDS = 3_600_000
