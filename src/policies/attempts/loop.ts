import type { ModelEntry } from '../../config/snapshot.ts'
import type { Call, Handler, Reply } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { Pass } from '../../resilience/resilience.ts'
import type { Deadline } from './deadline.ts'
import { firstReason, isUnwanted } from './records.ts'
import { type ClosedTarget, nothingToTry } from './refusal.ts'
import { type AttemptOutside, AttemptRunner, type Beside, type Try } from './runner.ts'
import { askedMs, backoff, mayChangeCredential, mayFallBack, mayRetry } from './table.ts'
import { Tried } from './tried.ts'

/** What a call asks of the loop. */
export interface Plan {
  /** In the order in which they are tried. */
  targets: readonly Target[]
  deadline: Deadline | undefined
  hedge: ModelEntry['hedge'] | undefined
}

/** Timers may ring a little early: what an upstream asked for is never cut short. */
const LATE_ENOUGH_MILLISECONDS = 5

/** The whole way of a call through its targets, once it is more than one try at the first one. */
export class AttemptLoop {
  readonly #call: Call
  readonly #outside: AttemptOutside
  readonly #plan: Plan
  readonly #runner: AttemptRunner
  /** What was tried already, by place among the targets. */
  readonly #tried = new Map<number, Tried>()
  readonly #closed = new Map<number, ClosedTarget>()
  #hasHedged = false

  constructor(call: Call, next: Handler, outside: AttemptOutside, plan: Plan) {
    this.#call = call
    this.#outside = outside
    this.#plan = plan
    this.#runner = new AttemptRunner(call, next, outside, plan.deadline)
  }

  /** `tried`: what the first target was already asked. */
  async run(tried?: Tried): Promise<Reply> {
    if (tried) this.#tried.set(0, tried)
    const { hedge, targets } = this.#plan
    if (hedge) this.#outside.resilience.earnHedge((targets[0] as Target).publicModel, hedge.budget)
    try {
      this.#runner.watchDeadline()
      return await this.#throughTargets()
    } finally {
      this.#runner.forgetDeadline()
    }
  }

  async #throughTargets(): Promise<Reply> {
    const { targets } = this.#plan
    let first: GatewayError | undefined
    for (let place = 0; place < targets.length; place += 1) {
      const ended = await this.#at(place)
      if (ended === undefined) continue
      if (!(ended instanceof GatewayError)) return ended
      first ??= ended
      if (this.#runner.expired) throw this.#runner.expired
      if (isUnwanted(this.#call)) throw ended
      if (!mayFallBack(ended)) break
    }
    throw first ?? this.#nothingTried()
  }

  #nothingTried(): GatewayError {
    const { deadline } = this.#plan
    if (isUnwanted(this.#call))
      return new GatewayError('client_closed', 'Nobody waits for the answer any more')
    if (deadline?.allows(this.#outside.now()) === false) return deadline.error
    return nothingToTry(this.#call, [...this.#closed.values()])
  }

  /** All tries at one target; undefined when there was none. */
  async #at(place: number): Promise<Reply | GatewayError | undefined> {
    let tried = this.#tried.get(place)
    if (!tried) {
      const first = this.#mayTry(0) ? this.#firstTry(place) : undefined
      if (!first) return undefined
      const ended = await this.#runner.attempt(first, this.#beside(place))
      if (!(ended instanceof GatewayError)) return ended
      tried = new Tried(ended, first.pass)
    }
    for (;;) {
      const again = await this.#furtherTry(place, tried)
      if (!again) return tried.failure
      const ended = await this.#runner.attempt(again, this.#beside(place))
      if (!(ended instanceof GatewayError)) return ended
      tried.note(ended, again.pass)
    }
  }

  #firstTry(place: number): Try | undefined {
    const target = this.#plan.targets[place] as Target
    const pass = this.#enter(target, place)
    if (!pass) return undefined
    this.#outside.resilience.earn(target, this.#call.snapshot.retry.budget)
    return { pass, reason: place === 0 ? firstReason(this.#call) : 'fallback' }
  }

  /** Leave for an attempt; a target that gives none is noted as passed over. */
  #enter(target: Target, place: number): Pass | undefined {
    const found = this.#outside.resilience.enter(target)
    if (!('open' in found)) return found
    if (found.open || this.#closed.has(place)) return undefined
    this.#closed.set(place, { target, standing: found })
    const passed = { target: target.label, reason: found.reason }
    ;(this.#call.record.passedOver ??= []).push(passed)
    return undefined
  }

  /** Attempts and time are left, with so many attempts kept for others, and somebody waits for the answer. */
  #mayTry(kept: number): boolean {
    const { record, snapshot } = this.#call
    if (record.attempts.length + kept >= snapshot.retry.maxAttempts) return false
    return !isUnwanted(this.#call) && this.#hasTime(0)
  }

  #hasTime(waitMs: number): boolean {
    const { deadline } = this.#plan
    return deadline?.allows(this.#outside.now() + waitMs) !== false
  }

  /** Another try at a target that failed; resolves when the time for it has come. */
  async #furtherTry(place: number, tried: Tried): Promise<Try | undefined> {
    // Further tries of one target never eat the only try of a later one.
    const later = this.#plan.targets.length - place - 1
    if (!this.#mayTry(later)) return undefined
    return this.#otherCredential(place, tried) ?? (await this.#retry(place, tried))
  }

  /** What one credential is refused for, another may be given at once. */
  #otherCredential(place: number, tried: Tried): Try | undefined {
    if (!mayChangeCredential(tried.failure)) return undefined
    const rest = tried.withoutUsed(this.#plan.targets[place] as Target)
    if (!rest) return undefined
    const found = this.#outside.resilience.enter(rest)
    return 'open' in found ? undefined : { pass: found, reason: 'credential' }
  }

  async #retry(place: number, tried: Tried): Promise<Try | undefined> {
    const target = this.#plan.targets[place] as Target
    const { resilience, random } = this.#outside
    const { retry } = this.#call.snapshot
    if (tried.retries >= target.retry.maxRetries || !mayRetry(tried.failure, retry)) return undefined
    const asked = this.#askedMs(target, tried)
    if (asked > retry.maxRetryAfterMs) return undefined
    const waitMs = asked + backoff(target, tried.retries, random())
    if (!this.#hasTime(waitMs) || !resilience.spend(target)) return undefined
    tried.retries += 1
    await this.#wait(waitMs)
    if (isUnwanted(this.#call) || !this.#hasTime(0)) return undefined
    const found = resilience.enter(target)
    if ('open' in found) return undefined
    tried.forgetUsed()
    return { pass: found, reason: 'retry', waitedMs: waitMs }
  }

  /** How long the upstream wants to be left alone; without end when waiting would not help. */
  #askedMs(target: Target, { failure }: Tried): number {
    const standing = this.#outside.resilience.standing(target)
    // Where it has several credentials, one of them may be free sooner than the one that was refused.
    if (standing.open) return target.siblings ? 0 : askedMs(failure)
    if (standing.reason === 'circuit_open') return Number.POSITIVE_INFINITY
    return standing.retryMs === undefined ? askedMs(failure) : standing.retryMs + LATE_ENOUGH_MILLISECONDS
  }

  /** Ends early when the client leaves. */
  async #wait(milliseconds: number): Promise<void> {
    const { signal } = this.#call
    try {
      await this.#outside.sleep(milliseconds, signal)
    } catch (thrown) {
      if (!signal.aborted) throw thrown
    }
  }

  /** A second attempt at the next open target, when this one is slow; once a call. */
  #beside(place: number): Beside | undefined {
    const { hedge, targets } = this.#plan
    if (!hedge || this.#hasHedged || place + 1 >= targets.length) return undefined
    let at = -1
    return {
      afterMs: hedge.afterMs,
      wanted: () => {
        at = this.#openPlaceAfter(place)
        return at === -1 ? undefined : this.#hedgeTry(at, hedge.budget)
      },
      failed: (failure, pass) => this.#tried.set(at, new Tried(failure, pass)),
    }
  }

  #openPlaceAfter(place: number): number {
    const isOpen = (target: Target, at: number): boolean =>
      at > place && !this.#tried.has(at) && this.#outside.resilience.standing(target).open
    return this.#mayTry(0) ? this.#plan.targets.findIndex(isOpen) : -1
  }

  /** Beside the one that is running, while the model's budget lasts. */
  #hedgeTry(place: number, budget: number): Try | undefined {
    const [first] = this.#plan.targets as [Target]
    this.#hasHedged = true
    if (!this.#outside.resilience.spendHedge(first.publicModel, budget)) return undefined
    const wanted = this.#firstTry(place)
    return wanted && { ...wanted, reason: 'hedge' }
  }
}
