/** A window moves on by a tenth of its length. */
export const SLICES = 10

/** Attempts and failures of the last while, in slices: the oldest slice leaves as a whole. */
export class OutcomeWindow {
  readonly #sliceMs: number
  readonly #attempts = new Uint32Array(SLICES)
  readonly #failures = new Uint32Array(SLICES)
  #newest = 0
  #allAttempts = 0
  #allFailures = 0

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES
  }

  get attempts(): number {
    return this.#allAttempts
  }

  get failures(): number {
    return this.#allFailures
  }

  /** Counts one; gives the slice it stands in. */
  success(at: number): number {
    this.#moveTo(at)
    this.#count(1, 0)
    return this.#newest
  }

  failure(at: number): void {
    this.#moveTo(at)
    this.#count(1, 1)
  }

  /** What was counted as a success in `slice` failed after all: it counts once, as a failure of now. */
  successFailed(slice: number, at: number): void {
    this.#moveTo(at)
    if (slice > this.#newest - SLICES) {
      const place = slice % SLICES
      this.#attempts[place] = this.#number(this.#attempts, place) - 1
      this.#allAttempts -= 1
    }
    this.#count(1, 1)
  }

  clear(): void {
    this.#attempts.fill(0)
    this.#failures.fill(0)
    this.#allAttempts = 0
    this.#allFailures = 0
  }

  #count(attempts: number, failures: number): void {
    const place = this.#newest % SLICES
    this.#attempts[place] = this.#number(this.#attempts, place) + attempts
    this.#failures[place] = this.#number(this.#failures, place) + failures
    this.#allAttempts += attempts
    this.#allFailures += failures
  }

  #moveTo(at: number): void {
    const slice = Math.floor(at / this.#sliceMs)
    if (slice === this.#newest) return
    if (slice - this.#newest >= SLICES) this.clear()
    else for (let left = this.#newest + 1; left <= slice; left += 1) this.#empty(left % SLICES)
    this.#newest = slice
  }

  #empty(place: number): void {
    this.#allAttempts -= this.#number(this.#attempts, place)
    this.#allFailures -= this.#number(this.#failures, place)
    this.#attempts[place] = 0
    this.#failures[place] = 0
  }

  #number(list: Uint32Array, place: number): number {
    return list[place] ?? 0
  }
}
