/** How many settled rows are not in the store yet, and for how long the oldest of them has waited, at most. */
export class Backlog {
  #rows = 0
  /** Rows that are in the store although the journal would be read from before them. */
  #beyondMark = 0
  /** Everything settled before it is in the store, on the clock that never jumps. */
  #currentAt = 0

  get rows(): number {
    return this.#rows
  }

  lagMs(now: number): number {
    return this.#rows === 0 ? 0 : Math.max(0, now - this.#currentAt)
  }

  settled(now: number): void {
    if (this.#rows === 0) this.#currentAt = now
    this.#rows += 1
  }

  stored(rows: number): void {
    this.#rows -= rows
    this.#beyondMark += rows
  }

  /** The journal would be read from here on: what is stored is done with. */
  marked(): void {
    this.#beyondMark = 0
  }

  /** Everything that was settled before this moment is stored and done with. */
  currentSince(moment: number): void {
    this.#currentAt = moment
  }

  /** The journal is read from its mark: what was stored beyond it comes again. */
  rewound(): void {
    this.#rows += this.#beyondMark
    this.#beyondMark = 0
  }

  /** Nothing waits, however it was counted. */
  emptied(): void {
    this.#rows = 0
    this.#beyondMark = 0
  }
}
