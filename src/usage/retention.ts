import type { UsageStore } from '../store/ports/usage.ts'
import type { UsageLog } from './log.ts'

export interface RetentionOptions {
  store: UsageStore
  /** Days that rows are kept, as configured now. */
  days(): number
  /** Milliseconds since 1970. */
  now(): number
  log: UsageLog
}

const DAY_MILLISECONDS = 86_400_000
const HOUR_MILLISECONDS = 3_600_000
const FIRST_MILLISECONDS = 60_000
/** Rows a batch, and the rest between two, so that removing never shows in anybody's latency. */
const BATCH_ROWS = 500
const PAUSE_MILLISECONDS = 50

/** Removes rows that are older than they are kept, every hour, a little at a time. Sums stay. */
export class Retention {
  readonly #options: RetentionOptions
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  start(): void {
    this.#later(FIRST_MILLISECONDS)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Removes one batch; gives how long to wait before the next. */
  async step(): Promise<number> {
    const { store, days, now, log } = this.#options
    try {
      const removed = await store.removeBefore(now() - days() * DAY_MILLISECONDS, BATCH_ROWS)
      return removed < BATCH_ROWS ? HOUR_MILLISECONDS : PAUSE_MILLISECONDS
    } catch (thrown) {
      log.warn('old usage rows could not be removed', {
        error: thrown instanceof Error ? thrown.message : String(thrown),
      })
      return HOUR_MILLISECONDS
    }
  }

  #later(milliseconds: number): void {
    this.#timer = setTimeout(() => void this.step().then((wait) => this.#later(wait)), milliseconds)
    this.#timer.unref()
  }
}
