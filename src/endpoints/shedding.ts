export interface SheddingParts {
  /** `limits.max_delay_ms`, the live one; 0: never. */
  limitMs(): number
  /** Milliseconds on a clock that never jumps. */
  now(): number
  /** Calls back after some milliseconds, as far as the loop is in time. */
  after(milliseconds: number, wake: () => void): void
  /** Calls back when all that waits for this turn of the loop is done. */
  afterTurn(wake: () => void): void
  /** New calls begin to be refused, or it is over after so many refusals and milliseconds. */
  onChange(change: { overloaded: true } | { overloaded: false; refused: number; milliseconds: number }): void
}

/** How often is looked at whether the loop is in time, while calls come. */
const LOOK_MILLISECONDS = 20
/** Without a new call for so long nobody looks. */
const IDLE_MILLISECONDS = 1_000
/** A look that is later than this share of the limit is not in time. */
const LATE_SHARE = 0.2
/** What new calls may take of one turn while the loop is behind: what is refused waits for one turn, and so does health. */
const SLICE_MILLISECONDS = 2
/** When nobody had to be refused for so long, it is over. */
const CALM_MILLISECONDS = 1_000
const LONGEST_RETRY_SECONDS = 10

/**
 * Sees when the process is behind with its work: no look at the clock came in time for `limitMs`. From then on only as
 * many new calls are taken as fit into a small part of each turn of the loop, at least one; the others are to be refused,
 * so that turns are short again and what was taken goes on. It ends when there was nobody to refuse for a while.
 */
export class Shedding {
  readonly #parts: SheddingParts
  #looking = false
  #due = 0
  #lastCall = 0
  #inTimeAt = 0
  #begunAt: number | undefined
  #lastRefusal = 0
  #refusedSince = 0
  #refused = 0
  #turnBegan: number | undefined

  constructor(parts: SheddingParts) {
    this.#parts = parts
  }

  /** New calls beyond what fits are refused now. */
  get overloaded(): boolean {
    return this.#begunAt !== undefined
  }

  /** Calls refused since the start. */
  get refused(): number {
    return this.#refused
  }

  /** Asked once for every new call, before anything is done for it: whether it is to be refused. */
  refuses(): boolean {
    const limitMs = this.#parts.limitMs()
    if (limitMs === 0) return false
    const now = this.#parts.now()
    this.#lastCall = now
    if (!this.#looking) {
      this.#looking = true
      this.#inTimeAt = now
      this.#wait(now, limitMs)
    }
    if (this.#begunAt === undefined) {
      if (now - this.#inTimeAt <= limitMs) return false
      this.#begin(now)
    }
    return this.#isBeyondSlice(now)
  }

  /**
   * How long a refused client should wait. Nobody knows how long it will last: as long again as it has lasted is the best
   * guess, and spreads clients that come back.
   */
  retryAfterSeconds(): number {
    const lasted = this.#parts.now() - (this.#begunAt ?? this.#parts.now())
    return Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil(lasted / 1000)))
  }

  #isBeyondSlice(now: number): boolean {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = now
      this.#parts.afterTurn(() => {
        this.#turnBegan = undefined
      })
      return false
    }
    if (now - this.#turnBegan < SLICE_MILLISECONDS) return false
    this.#lastRefusal = now
    this.#refusedSince += 1
    this.#refused += 1
    return true
  }

  #wait(now: number, limitMs: number): void {
    const every = Math.min(LOOK_MILLISECONDS, limitMs / 4)
    this.#due = now + every
    this.#parts.after(every, () => this.#tick())
  }

  #tick(): void {
    const now = this.#parts.now()
    const limitMs = this.#parts.limitMs()
    if (now - this.#due <= limitMs * LATE_SHARE) this.#inTimeAt = now
    const isCalm = limitMs === 0 || now - this.#lastRefusal > CALM_MILLISECONDS
    if (this.#begunAt !== undefined && isCalm) this.#end(this.#begunAt, now)
    const isIdle = limitMs === 0 || now - this.#lastCall > IDLE_MILLISECONDS
    if (this.#begunAt === undefined && isIdle) this.#looking = false
    else this.#wait(now, limitMs)
  }

  #begin(now: number): void {
    this.#begunAt = now
    this.#lastRefusal = now
    this.#refusedSince = 0
    this.#parts.onChange({ overloaded: true })
  }

  #end(begunAt: number, now: number): void {
    this.#begunAt = undefined
    this.#inTimeAt = now
    this.#parts.onChange({ overloaded: false, refused: this.#refusedSince, milliseconds: now - begunAt })
  }
}
