/** Emits one event when it can; false when the stream takes no more for now. */
export interface PacedStream {
  emit(): boolean
}

const SLOTS = 1_000

/**
 * Streams that each emit one event every `intervalMs`, evenly spread over time: a stream keeps its place in a wheel
 * that turns once an interval. When the loop was late, at most one turn is made up for.
 */
export class PaceWheel {
  readonly intervalMs: number
  readonly #slots: Set<PacedStream>[] = Array.from({ length: SLOTS }, () => new Set())
  readonly #places = new Map<PacedStream, number>()
  #position: number
  #next = 0

  constructor(intervalMs: number, now: number) {
    this.intervalMs = intervalMs
    this.#position = this.#at(now)
  }

  /** Consecutive streams land far from each other: the golden ratio spreads any number of them evenly. */
  add(stream: PacedStream): void {
    const slot = Math.floor(((this.#next++ * 0.618_033_988_75) % 1) * SLOTS)
    this.#places.set(stream, slot)
    this.#slots[slot]?.add(stream)
  }

  remove(stream: PacedStream): void {
    const slot = this.#places.get(stream)
    if (slot === undefined) return
    this.#places.delete(stream)
    this.#slots[slot]?.delete(stream)
  }

  advance(now: number): void {
    const target = this.#at(now)
    if (target - this.#position > SLOTS) this.#position = target - SLOTS
    while (this.#position < target) {
      this.#position++
      for (const stream of this.#slots[this.#position % SLOTS] ?? []) stream.emit()
    }
  }

  #at(now: number): number {
    return Math.floor((now / this.intervalMs) * SLOTS)
  }
}

/** Streams that emit in turn as long as fewer than `window` events are under way: the closed loop for events. */
export class WindowedTurns {
  readonly #window: number
  readonly #underWay: () => number
  readonly #streams: PacedStream[] = []
  #turn = 0

  constructor(window: number, underWay: () => number) {
    this.#window = window
    this.#underWay = underWay
  }

  add(stream: PacedStream): void {
    this.#streams.push(stream)
  }

  remove(stream: PacedStream): void {
    const place = this.#streams.indexOf(stream)
    if (place >= 0) this.#streams.splice(place, 1)
  }

  advance(): void {
    let room = this.#window - this.#underWay()
    for (let tried = 0; tried < this.#streams.length && room > 0; tried++) {
      this.#turn = (this.#turn + 1) % this.#streams.length
      if (this.#streams[this.#turn]?.emit()) room--
    }
  }
}
