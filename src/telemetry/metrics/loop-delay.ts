import type { Histogram } from './instruments.ts'

const EVERY_MILLISECONDS = 100

/** Sees how late a timer comes. `now` in milliseconds on the clock that never jumps. */
export class LoopDelay {
  readonly #delays: Histogram
  readonly #now: () => number
  #due = 0
  #timer: ReturnType<typeof setInterval> | undefined

  constructor(delays: Histogram, now: () => number) {
    this.#delays = delays
    this.#now = now
  }

  start(): void {
    this.#due = this.#now() + EVERY_MILLISECONDS
    this.#timer = setInterval(() => this.tick(), EVERY_MILLISECONDS)
    this.#timer.unref()
  }

  /** The timer came. A timer that is a little early is in time. */
  tick(): void {
    const now = this.#now()
    this.#delays.observe(Math.max(0, now - this.#due) / 1000)
    this.#due = now + EVERY_MILLISECONDS
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
