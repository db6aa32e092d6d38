import { GatewayError } from '../../protocol/model/error.ts'

interface Waiting {
  start(): void
}

/** A counted number of places and a bounded line before them, first come, first served (promise L7). */
export class Slots {
  readonly #places: number
  readonly #line: Waiting[] = []
  readonly #longestLine: number
  #taken = 0

  constructor(places: number, longestLine: number) {
    this.#places = places
    this.#longestLine = longestLine
  }

  get taken(): number {
    return this.#taken
  }

  /**
   * Takes a place; resolves with the function that gives it back, which may be called more than once. Throws
   * `overloaded` when the line is full or the wait takes longer than `patienceMs`, `client_closed` on abort.
   */
  async take(patienceMs: number, signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw left()
    if (this.#taken >= this.#places) await this.#wait(patienceMs, signal)
    else this.#taken += 1
    let isMine = true
    return () => {
      if (!isMine) return
      isMine = false
      this.#next()
    }
  }

  /** A place that becomes free passes to the first in line without being free in between. */
  #next(): void {
    const first = this.#line.shift()
    if (first) first.start()
    else this.#taken -= 1
  }

  #wait(patienceMs: number, signal: AbortSignal): Promise<void> {
    if (this.#line.length >= this.#longestLine)
      throw full('Too many calls wait for this local command already')
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        const place = this.#line.indexOf(waiting)
        if (place >= 0) this.#line.splice(place, 1)
        then()
      }
      const waiting: Waiting = { start: () => settle(resolve) }
      const abort = (): void => settle(() => reject(left()))
      const timer = setTimeout(() => settle(() => reject(full('No place became free in time'))), patienceMs)
      signal.addEventListener('abort', abort, { once: true })
      this.#line.push(waiting)
    })
  }
}

function full(message: string): GatewayError {
  return new GatewayError('overloaded', `${message}; try again, or raise concurrency in the configuration`, {
    retryAfterSeconds: 5,
    // Whoever fills the line must not close the route for everybody.
    blameless: true,
  })
}

function left(): GatewayError {
  return new GatewayError('client_closed', 'The client left before the call began')
}
