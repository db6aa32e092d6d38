/** A command that was sent and not answered. */
interface Waiting {
  sentAt: number
  milliseconds: number
  fail(error: Error): void
}

export interface PendingOptions {
  /** Milliseconds that only ever rise. */
  monotonic(): number
  /** Why a command that was not answered in time fails. */
  late(): Error
  /** A command was not answered in time, and none sent since it was. */
  onSilence(): void
}

/** A timer that fires so much late tells of our own standstill, not of the server's. */
const LATE_TICK_MILLISECONDS = 10
/** What is in the socket already has this long to be read then. */
const GRACE_MILLISECONDS = 20

/**
 * Commands that wait for their answers, oldest first, under one timer. An answer that comes after its command was given
 * up is thrown away. A server that answers others in time has too much to do at once and is not gone: only the late
 * command fails then.
 */
export class PendingCommands {
  readonly #options: PendingOptions
  readonly #waiting = new Set<Waiting>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #answeredAt = Number.NEGATIVE_INFINITY

  constructor(options: PendingOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** The answer of a command that was just sent; rejects when it is given up first. */
  add(answer: Promise<unknown>, milliseconds: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { sentAt: this.#options.monotonic(), milliseconds, fail: reject }
      this.#waiting.add(waiting)
      if (!this.#timer) this.#arm(milliseconds)
      answer.then(
        (value) => this.#answered(waiting) && resolve(value),
        (error) => this.#answered(waiting) && reject(error),
      )
    })
  }

  /** False when it was given up before. */
  #answered(waiting: Waiting): boolean {
    const inTime = this.#waiting.delete(waiting)
    if (inTime) this.#answeredAt = this.#options.monotonic()
    return inTime
  }

  /** Gives up all of them. */
  failAll(error: Error): void {
    const all = [...this.#waiting]
    this.#waiting.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const waiting of all) waiting.fail(error)
  }

  #arm(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#tick(), milliseconds)
  }

  #tick(): void {
    this.#timer = undefined
    const [oldest] = this.#waiting
    if (!oldest) return
    const late = this.#lateness(oldest)
    if (late < 0) this.#arm(Math.ceil(-late))
    else if (late < LATE_TICK_MILLISECONDS) this.#giveUp(oldest)
    else this.#timer = setTimeout(() => this.#judge(oldest), GRACE_MILLISECONDS)
  }

  #judge(oldest: Waiting): void {
    this.#timer = undefined
    if (this.#waiting.has(oldest)) this.#giveUp(oldest)
    else this.#tick()
  }

  #lateness({ sentAt, milliseconds }: Waiting): number {
    return this.#options.monotonic() - sentAt - milliseconds
  }

  #giveUp(oldest: Waiting): void {
    if (this.#answeredAt < oldest.sentAt) {
      this.#options.onSilence()
      return
    }
    const error = this.#options.late()
    for (const waiting of this.#waiting) {
      if (this.#lateness(waiting) < 0) break
      this.#waiting.delete(waiting)
      waiting.fail(error)
    }
    this.#tick()
  }
}
