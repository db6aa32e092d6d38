/** Slices of a window: a minute has seconds, a day has quarters of an hour. */
export function slicesOf(windowMs: number): number {
  return windowMs > 3_600_000 ? 96 : 60
}

/**
 * What was counted in the last `windowMs`, in slices. A slice counts whole until all of it has left the window, so no
 * window of that length, wherever it begins, ever holds more than was let in here.
 */
export class SlidingWindow {
  readonly #windowMs: number
  readonly #width: number
  readonly #slices: number
  /** A ring: slice `n` stands at `n % length`. */
  readonly #counts: Float64Array
  #oldest = 0
  #newest = 0
  #total = 0

  constructor(windowMs: number) {
    this.#windowMs = windowMs
    this.#slices = slicesOf(windowMs)
    this.#width = windowMs / this.#slices
    this.#counts = new Float64Array(this.#slices + 1)
  }

  get windowMs(): number {
    return this.#windowMs
  }

  get total(): number {
    return this.#total
  }

  /** Lets go what is out of the window. Must be called before anything is asked of this moment. */
  advance(now: number): void {
    const slice = Math.floor(now / this.#width)
    if (slice <= this.#newest) return
    this.#newest = slice
    this.#forgetBefore(slice - this.#slices)
  }

  #forgetBefore(first: number): void {
    if (this.#total === 0) this.#oldest = this.#newest
    while (this.#total > 0 && (this.#oldest < first || this.#at(this.#oldest) === 0)) {
      this.#total -= this.#at(this.#oldest)
      this.#counts[this.#oldest % this.#counts.length] = 0
      this.#oldest += 1
    }
    if (this.#total === 0) this.#oldest = this.#newest
  }

  #at(slice: number): number {
    return this.#counts[slice % this.#counts.length] as number
  }

  /** Counts at this moment; gives the slice, to name when something is given back. */
  add(amount: number): number {
    if (this.#total === 0) this.#oldest = this.#newest
    const place = this.#newest % this.#counts.length
    this.#counts[place] = (this.#counts[place] as number) + amount
    this.#total += amount
    return this.#newest
  }

  /** Takes back what was counted in a slice; nothing when that has left the window already. */
  giveBack(slice: number, amount: number): void {
    if (slice < this.#oldest) return
    const place = slice % this.#counts.length
    const back = Math.min(amount, this.#counts[place] as number)
    this.#counts[place] = (this.#counts[place] as number) - back
    this.#total -= back
    this.#forgetBefore(this.#newest - this.#slices)
  }

  /** Milliseconds until `amount` of what is counted has left; 0 when that is nothing, undefined when it is too much. */
  msUntilFree(now: number, amount: number): number | undefined {
    if (amount <= 0) return 0
    let freed = 0
    for (let slice = this.#oldest; slice <= this.#newest; slice += 1) {
      freed += this.#at(slice)
      if (freed >= amount) return this.#leavesAt(slice) - now
    }
    return undefined
  }

  /** Milliseconds until something leaves; 0 when nothing is counted. */
  resetMs(now: number): number {
    return this.#total === 0 ? 0 : this.#leavesAt(this.#oldest) - now
  }

  #leavesAt(slice: number): number {
    return (slice + this.#slices + 1) * this.#width
  }
}
