/** A hundred further attempts are in reserve, so that a short trouble is retried away whatever the traffic. */
export const RETRY_RESERVE = 100
/** Second attempts cost money on a good day too: the reserve is small. */
export const HEDGE_RESERVE = 10

const SECOND = 1_000

/** What further attempts on a route may cost: a share of its first ones, and one a second in any case. */
export class RetryBudget {
  #left = RETRY_RESERVE
  #lastAt: number | undefined

  /** A first attempt. */
  earn(share: number, at: number): void {
    const seconds = (at - (this.#lastAt ?? at)) / SECOND
    this.#lastAt = at
    this.#left = Math.min(RETRY_RESERVE, this.#left + Math.max(share, Math.min(1, seconds)))
  }

  spend(): boolean {
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}

/** How many of a model's calls may be doubled. */
export class HedgeBudget {
  #left = HEDGE_RESERVE

  earn(share: number): void {
    this.#left = Math.min(HEDGE_RESERVE, this.#left + share)
  }

  spend(): boolean {
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
