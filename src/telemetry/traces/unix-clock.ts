/** More than this between two clocks means that one was set. */
const TOLERANCE_MILLISECONDS = 5

/**
 * Tells what time of day a moment on the monotonic clock was. The offset between the clocks only changes when the time
 * of day was set, so that the spans of a call never overlap by rounding.
 */
export class UnixClock {
  readonly #now: () => number
  readonly #monotonic: () => number
  #offset: number

  constructor(now: () => number, monotonic: () => number) {
    this.#now = now
    this.#monotonic = monotonic
    this.#offset = now() - monotonic()
  }

  /** Looks whether the time of day was set meanwhile. */
  adjust(): void {
    const offset = this.#now() - this.#monotonic()
    if (Math.abs(offset - this.#offset) > TOLERANCE_MILLISECONDS) this.#offset = offset
  }

  /** Nanoseconds since 1970, as exact as a number is (256 ns). */
  nanoseconds(moment: number): number {
    return (moment + this.#offset) * 1e6
  }

  /** Milliseconds since 1970. */
  milliseconds(moment: number): number {
    return moment + this.#offset
  }
}
