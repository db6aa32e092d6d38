import type { Logger } from './log.ts'

/** What of the process is needed: where errors come out that nobody caught. */
export interface EscapeSource {
  on(event: 'unhandledRejection' | 'uncaughtException', listener: (reason: unknown) => void): unknown
}

/** A defect that repeats itself must not fill the disk: so many are written in one window, the others are counted. */
const LINES_PER_WINDOW = 10
const WINDOW_MILLISECONDS = 60_000

/**
 * Errors that escaped every catch. Each is a defect of ours, but the calls beside it are well: it is written, counted,
 * and the gateway goes on. Calls share no state that a broken one could have left half changed, and ending the process
 * would cut every open stream for one call's sake.
 */
export class Escapes {
  /** How many there were. */
  count = 0
  readonly #log: Pick<Logger, 'error'>
  readonly #monotonic: () => number
  #windowEnds = Number.NEGATIVE_INFINITY
  #written = 0

  constructor(log: Pick<Logger, 'error'>, monotonic: () => number) {
    this.#log = log
    this.#monotonic = monotonic
  }

  watch(source: EscapeSource): void {
    source.on('unhandledRejection', (reason) => this.#escaped('rejection', reason))
    source.on('uncaughtException', (thrown) => this.#escaped('exception', thrown))
  }

  #escaped(kind: 'rejection' | 'exception', thrown: unknown): void {
    this.count += 1
    const now = this.#monotonic()
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MILLISECONDS
      this.#written = 0
    }
    this.#written += 1
    if (this.#written > LINES_PER_WINDOW) return
    this.#log.error('an error escaped', { kind, cause: described(thrown), escaped: this.count })
  }
}

/** Even what cannot be shown as text must not throw here. */
function described(thrown: unknown): string {
  try {
    return thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown)
  } catch {
    return 'something that cannot be shown'
  }
}
