import type { MoneyClaim, MoneyScope } from '../ports/shared-state.ts'

export interface SeedParts {
  /** Money spent since a time, in picodollars, with everything that this process has accounted for so far. */
  spent(scope: MoneyScope, from: number): Promise<bigint>
  /** Plants it: makes the budget, or raises it to that amount. */
  plant(claim: MoneyClaim, spent: bigint): Promise<void>
}

/**
 * Looks that follow a seed. Rows of other replicas may still be on their way to the database when a budget is seeded from
 * it, so it is looked at again; a budget is only ever raised to what the rows say, never lowered.
 */
const LOOK_AGAIN_MILLISECONDS = [1_000, 2_000, 5_000, 20_000] as const

const PAUSE_MILLISECONDS = 1_000
/** Periods that are over are forgotten whenever so many budgets have come. */
const SWEEP_EVERY = 1_024

interface Watched {
  claim: MoneyClaim
  looks: number
  timer: ReturnType<typeof setTimeout>
}

/** Finds out what was spent where the shared state does not know it, or may know too little. */
export class BudgetSeeds {
  readonly #parts: SeedParts
  readonly #seeding = new Map<string, Promise<void>>()
  readonly #watched = new Map<string, Watched>()
  /** Budgets that may know too little: they are seeded before anybody is admitted under them. */
  readonly #stale = new Set<string>()
  /** All that were used in a period that is not over. */
  readonly #used = new Map<string, MoneyClaim>()
  /** Until when a look that failed is not repeated, so that a lost database is waited for once and not by every call. */
  readonly #failed = new Map<string, { until: number; reason: unknown }>()
  #closed = false

  constructor(parts: SeedParts) {
    this.#parts = parts
  }

  isStale(claim: MoneyClaim): boolean {
    return this.#stale.has(claim.name)
  }

  use(claim: MoneyClaim, now: number): void {
    if (this.#used.has(claim.name)) return
    this.#used.set(claim.name, claim)
    if (this.#used.size % SWEEP_EVERY > 0) return
    for (const [name, { until }] of this.#used) if (until < now) this.#forget(name)
  }

  /** Redis was away: what was spent meanwhile is not counted there. */
  doubtAll(now: number): void {
    for (const [name, { until }] of this.#used) {
      if (until < now) this.#forget(name)
      else this.#stale.add(name)
    }
  }

  #forget(name: string): void {
    this.#used.delete(name)
    this.#stale.delete(name)
    this.#failed.delete(name)
  }

  /** Seeds now; many who ask at once ask the database once. */
  seed(claim: MoneyClaim): Promise<void> {
    const failed = this.#failed.get(claim.name)
    if (failed && performance.now() < failed.until) return Promise.reject(failed.reason)
    let seeding = this.#seeding.get(claim.name)
    if (!seeding) {
      seeding = this.#seed(claim).finally(() => this.#seeding.delete(claim.name))
      this.#seeding.set(claim.name, seeding)
    }
    return seeding
  }

  async #seed(claim: MoneyClaim): Promise<void> {
    const spent = await this.#spent(claim)
    await this.#parts.plant(claim, spent)
    this.#stale.delete(claim.name)
    this.lookAgain(claim)
  }

  async #spent({ name, scope, from }: MoneyClaim): Promise<bigint> {
    try {
      const spent = await this.#parts.spent(scope, from)
      this.#failed.delete(name)
      return spent
    } catch (reason) {
      this.#failed.set(name, { until: performance.now() + PAUSE_MILLISECONDS, reason })
      throw reason
    }
  }

  /** Looks later, several times, whether the rows know of more. */
  lookAgain(claim: MoneyClaim): void {
    const watched = this.#watched.get(claim.name)
    if (watched) watched.looks = 0
    else if (!this.#closed) this.#watch(claim, 0)
  }

  #watch(claim: MoneyClaim, looks: number): void {
    const wait = LOOK_AGAIN_MILLISECONDS[looks]
    if (wait === undefined || this.#closed) return void this.#watched.delete(claim.name)
    const timer = setTimeout(() => void this.#look(claim), wait)
    timer.unref?.()
    this.#watched.set(claim.name, { claim, looks: looks + 1, timer })
  }

  async #look(claim: MoneyClaim): Promise<void> {
    try {
      await this.#parts.plant(claim, await this.#parts.spent(claim.scope, claim.from))
    } catch {
      // The database or Redis is away; the next look is for it.
    }
    this.#watch(claim, this.#watched.get(claim.name)?.looks ?? 0)
  }

  close(): void {
    this.#closed = true
    for (const { timer } of this.#watched.values()) clearTimeout(timer)
    this.#watched.clear()
  }
}
