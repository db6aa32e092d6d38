import {
  type AttemptRecord,
  type Call,
  type Handler,
  isStream,
  type Reply,
  releaseBody,
} from '../../pipeline/call.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { Outcome, Pass, Resilience } from '../../resilience/resilience.ts'
import { Branch } from './branch.ts'
import type { Deadline } from './deadline.ts'
import { anotherWasFirst, begin, fail, lose, succeed } from './records.ts'

export interface AttemptOutside {
  resilience: Resilience
  /** Uniform in [0, 1). */
  random(): number
  /** Milliseconds on the clock that never jumps. */
  now(): number
  /** Resolves after the time; resolves or rejects at once when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

/** Leave to try, and what for. */
export interface Try {
  pass: Pass
  reason: string
  waitedMs?: number
}

/** A second attempt that is made beside one that is slow. */
export interface Beside {
  /** Milliseconds without content. */
  afterMs: number
  /** Undefined when none may be made. */
  wanted(): Try | undefined
  /** Told when it failed by itself. */
  failed(error: GatewayError, pass: Pass): void
}

/** Makes the attempts of one call: one at a time, or two side by side; those that a deadline ends. */
export class AttemptRunner {
  readonly #call: Call
  readonly #next: Handler
  readonly #outside: AttemptOutside
  readonly #deadline: Deadline | undefined
  readonly #running = new Set<Branch>()
  readonly #alarm = new AbortController()
  /** Set when the deadline has come. */
  expired: GatewayError | undefined

  constructor(call: Call, next: Handler, outside: AttemptOutside, deadline: Deadline | undefined) {
    this.#call = call
    this.#next = next
    this.#outside = outside
    this.#deadline = deadline
  }

  /** From now on the deadline ends what is running when it comes. */
  watchDeadline(): void {
    const deadline = this.#deadline
    if (!deadline) return
    const { signal } = this.#alarm
    const ring = (): void => {
      if (signal.aborted) return
      this.expired = deadline.error
      for (const branch of this.#running) branch.close(this.expired)
    }
    void this.#outside.sleep(Math.max(0, deadline.left(this.#outside.now())), signal).then(ring, () => {})
  }

  forgetDeadline(): void {
    this.#alarm.abort()
  }

  /** One attempt, up to its first content or its failure. Never rejects. */
  attempt(wanted: Try, beside: Beside | undefined): Promise<Reply | GatewayError> {
    if (beside) return this.#hedged(this.#branch(wanted), beside)
    return this.#deadline ? this.#concluded(this.#branch(wanted)) : this.#plainly(wanted)
  }

  /** On the call itself: there is nothing that could end the attempt but the attempt. */
  async #plainly(wanted: Try): Promise<Reply | GatewayError> {
    const { now } = this.#outside
    const call = this.#call
    const record = this.#begin(wanted)
    call.attempt = record
    call.targets = [wanted.pass.target]
    try {
      const reply = await this.#next(call)
      succeed(call, wanted.pass, record, now())
      return reply
    } catch (thrown) {
      return fail(wanted.pass, record, thrown, now())
    }
  }

  #begin({ pass, reason, waitedMs }: Try): AttemptRecord {
    const record = begin(this.#call, pass, reason, this.#outside.now())
    if (waitedMs !== undefined) record.waitedMs = waitedMs
    return record
  }

  #branch(wanted: Try): Branch {
    const branch = new Branch(this.#call, wanted.pass, this.#begin(wanted), () => this.#onContent(branch))
    this.#running.add(branch)
    branch.start(this.#next)
    return branch
  }

  /** The first content wins: the others are ended before anybody hears of it. */
  #onContent(winner: Branch): void {
    for (const branch of this.#running)
      if (branch !== winner && branch.close(anotherWasFirst))
        lose(branch.pass, branch.record, this.#outside.now())
  }

  async #concluded(branch: Branch): Promise<Reply | GatewayError> {
    const ended = await branch.ended
    this.#running.delete(branch)
    const { pass, record } = branch
    const now = this.#outside.now()
    if (record.lost) return anotherWasFirst
    if (ended instanceof GatewayError) return fail(pass, record, ended, now, this.#outcomeOf(ended, record))
    succeed(this.#call, pass, record, now)
    if (isStream(ended.body)) releaseBody(this.#call)
    return ended
  }

  #outcomeOf(error: GatewayError, { startedAt }: AttemptRecord): Outcome | undefined {
    const isInnocent = error === this.expired && this.#deadline?.blames(startedAt) === false
    return isInnocent ? { kind: 'neutral', error } : undefined
  }

  async #hedged(first: Branch, beside: Beside): Promise<Reply | GatewayError> {
    const wanted = (await this.#isSlow(first, beside.afterMs)) ? beside.wanted() : undefined
    if (!wanted) return this.#concluded(first)
    const second = this.#branch(wanted)
    const [one, other] = await Promise.all([this.#concluded(first), this.#concluded(second)])
    if (!(one instanceof GatewayError)) return one
    if (!(other instanceof GatewayError)) return other
    if (!second.record.lost) beside.failed(other, second.pass)
    return first.record.lost ? other : one
  }

  async #isSlow(branch: Branch, afterMs: number): Promise<boolean> {
    const timer = new AbortController()
    const rung = this.#outside.sleep(afterMs, timer.signal).then(
      () => !timer.signal.aborted,
      () => false,
    )
    const isSlow = await Promise.race([rung, branch.ended.then(() => false)])
    timer.abort()
    return isSlow
  }
}
