/** A command that was handed over and not answered. */
interface Waiting {
  /** When it was written: our own work before that is not the server's delay. Infinite until then. */
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
/** What is in the socket already has this long to be read: one turn of the loop, and more after a standstill. */
const TURN_MILLISECONDS = 1
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
  #unsent: Waiting[] = []
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
      const waiting: Waiting = { sentAt: Number.POSITIVE_INFINITY, milliseconds, fail: reject }
      this.#waiting.add(waiting)
      // The client writes all commands of one turn of the loop together, at its end; this runs right behind it.
      if (this.#unsent.push(waiting) === 1) setImmediate(() => this.#noteSent())
      answer.then(
        (value) => this.#answered(waiting) && resolve(value),
        (error) => this.#answered(waiting) && reject(error),
      )
    })
  }

  #noteSent(): void {
    const sentAt = this.#options.monotonic()
    for (const waiting of this.#unsent) waiting.sentAt = sentAt
    this.#unsent = []
    if (!this.#timer) this.#tick()
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

  #tick(): void {
    this.#timer = undefined
    const [oldest] = this.#waiting
    if (!oldest || oldest.sentAt === Number.POSITIVE_INFINITY) return
    const late = this.#lateness(oldest)
    if (late < 0) {
      this.#timer = setTimeout(() => this.#tick(), Math.ceil(-late))
      return
    }
    const grace = late < LATE_TICK_MILLISECONDS ? TURN_MILLISECONDS : GRACE_MILLISECONDS
    this.#timer = setTimeout(() => this.#judge(oldest), grace)
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
