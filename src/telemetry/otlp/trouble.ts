import type { Logger } from '../log.ts'

/** A collector that takes only a part says so with every export; the log hears it now and then. */
const PARTLY_AGAIN_MILLISECONDS = 60_000

/** Tells the log when handing over begins to fail, and when it works again; nothing in between. */
export class Trouble {
  readonly #what: string
  readonly #fields: { exporter: string; address: string }
  readonly #log: Pick<Logger, 'warn' | 'info'>
  readonly #monotonic: () => number
  #isFailing = false
  #partlyAt = Number.NEGATIVE_INFINITY

  /** `what`: `traces`, `metrics`. */
  constructor(
    what: string,
    fields: { exporter: string; address: string },
    log: Pick<Logger, 'warn' | 'info'>,
    monotonic: () => number,
  ) {
    this.#what = what
    this.#fields = fields
    this.#log = log
    this.#monotonic = monotonic
  }

  failed(reason: string): void {
    if (this.#isFailing) return
    this.#isFailing = true
    this.#log.warn(`${this.#what} cannot be exported`, { ...this.#fields, reason })
  }

  works(): void {
    if (!this.#isFailing) return
    this.#isFailing = false
    this.#log.info(`${this.#what} are exported again`, this.#fields)
  }

  /** Handed over, and a part was not taken; or the collector has something to say. */
  partly(rejected: number, message: string): void {
    const now = this.#monotonic()
    if (now - this.#partlyAt < PARTLY_AGAIN_MILLISECONDS) return
    this.#partlyAt = now
    this.#log.warn(`a collector did not take all ${this.#what}`, {
      ...this.#fields,
      rejected,
      reason: message,
    })
  }

  /** The end, with so much that could not be handed over. */
  ended(left: number): void {
    if (left > 0) this.#log.warn(`${this.#what} were lost at the end`, { ...this.#fields, lost: left })
  }
}
