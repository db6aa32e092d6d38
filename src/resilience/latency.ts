/** What a new measurement counts against the old ones when it comes right after them. */
const SHARE = 0.3
/** After this time without a measurement the old ones count half. */
const HALF_LIFE_MILLISECONDS = 60_000

/**
 * A moving mean of the time to the first content. While nothing is measured it falls, so that a slow route is looked at
 * again; the longer it was not, the more the next measurement counts.
 */
export class Latency {
  #mean: number | undefined
  #at = 0

  add(milliseconds: number, at: number): void {
    if (!(milliseconds >= 0 && milliseconds < Number.POSITIVE_INFINITY)) return
    if (this.#mean === undefined) this.#mean = milliseconds
    else {
      const old = (1 - SHARE) * this.#faded(at)
      this.#mean = old * this.#mean + (1 - old) * milliseconds
    }
    this.#at = at
  }

  /** In milliseconds; undefined when there was no measurement yet. */
  read(at: number): number | undefined {
    return this.#mean === undefined ? undefined : this.#mean * this.#faded(at)
  }

  #faded(at: number): number {
    return 0.5 ** ((at - this.#at) / HALF_LIFE_MILLISECONDS)
  }
}
