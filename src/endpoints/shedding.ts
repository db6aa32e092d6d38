export interface SheddingParts {
  /** `limits.max_delay_ms`, the live one; 0: never. */
  limitMs(): number
  /** Milliseconds on a clock that never jumps. */
  now(): number
  /** Lines up behind all work that waits now, and calls back when its turn has come. */
  probe(back: () => void): void
  /** Calls back after some milliseconds. */
  after(milliseconds: number, wake: () => void): void
  /** Calls back when all that is to be done in this turn of the loop is done. */
  afterTurn(wake: () => void): void
  /** New calls begin to be refused, or it is over after so many refusals and milliseconds. */
  onChange(change: { overloaded: true } | { overloaded: false; refused: number; milliseconds: number }): void
}

/** How often is looked at how late work is, while calls come. */
const LOOK_MILLISECONDS = 20
/** Without a new call for so long nobody looks. */
const IDLE_MILLISECONDS = 1_000
/** What new calls may take of one turn while the loop is behind: what is refused waits for one turn, and so does health. */
const SLICE_MILLISECONDS = 2
/** Or so much of the last turn, where other work makes turns long: else refusals alone would fill them. */
const SLICE_SHARE = 0.25
/** When nobody had to be refused for so long, it is over. */
const CALM_MILLISECONDS = 1_000
const LONGEST_RETRY_SECONDS = 10

/**
 * Sees when work waits for more than `limitMs` until it is done. From then on only as many new calls are taken as fit into
 * a part of each turn of the loop, at least one; the others are to be refused, so that turns are short again and what was
 * taken goes on. It ends when there was nobody to refuse for a while.
 */
export class Shedding {
  readonly #parts: SheddingParts
  #looking = false
  /** When the probe that is under way was lined up; never when none is. */
  #probedAt = Number.POSITIVE_INFINITY
  #lastCall = 0
  #begunAt: number | undefined
  #lastRefusal = 0
  #refusedSince = 0
  #refused = 0
  #turnBegan: number | undefined
  #sliceMs = SLICE_MILLISECONDS

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
    if (!this.#looking) this.#look(now)
    if (this.#begunAt === undefined) {
      if (now - this.#probedAt <= limitMs) return false
      this.#begin(now)
    }
    return this.#isBeyondSlice(now)
  }

  /**
   * How long a refused client should wait. Nobody knows how long it will last: as long again as it has lasted is the best
   * guess, and spreads clients that come back.
   */
  retryAfterSeconds(): number {
    const now = this.#parts.now()
    return Math.min(LONGEST_RETRY_SECONDS, Math.max(1, Math.ceil((now - (this.#begunAt ?? now)) / 1000)))
  }

  #isBeyondSlice(now: number): boolean {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = now
      this.#parts.afterTurn(() => {
        this.#turnBegan = undefined
        this.#sliceMs = Math.max(SLICE_MILLISECONDS, SLICE_SHARE * (this.#parts.now() - now))
      })
      return false
    }
    if (now - this.#turnBegan < this.#sliceMs) return false
    this.#lastRefusal = now
    this.#refusedSince += 1
    this.#refused += 1
    return true
  }

  #look(now: number): void {
    this.#looking = true
    this.#probedAt = now
    this.#parts.probe(() => this.#seen())
  }

  #seen(): void {
    const now = this.#parts.now()
    const limitMs = this.#parts.limitMs()
    if (this.#begunAt === undefined && limitMs > 0 && now - this.#probedAt > limitMs) this.#begin(now)
    this.#probedAt = Number.POSITIVE_INFINITY
    this.#parts.after(LOOK_MILLISECONDS, () => this.#next())
  }

  #next(): void {
    const now = this.#parts.now()
    const isOff = this.#parts.limitMs() === 0
    if (this.#begunAt !== undefined && (isOff || now - this.#lastRefusal > CALM_MILLISECONDS))
      this.#end(this.#begunAt, now)
    if (this.#begunAt === undefined && (isOff || now - this.#lastCall > IDLE_MILLISECONDS))
      this.#looking = false
    else this.#look(now)
  }

  #begin(now: number): void {
    this.#begunAt = now
    this.#lastRefusal = now
    this.#refusedSince = 0
    this.#parts.onChange({ overloaded: true })
  }

  #end(begunAt: number, now: number): void {
    this.#begunAt = undefined
    this.#parts.onChange({ overloaded: false, refused: this.#refusedSince, milliseconds: now - begunAt })
  }
}
