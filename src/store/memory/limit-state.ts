import type {
  AdmissionLease,
  Claim,
  ClaimState,
  Decision,
  LimitState,
  MaybePromise,
  MoneyClaim,
  MoneyScope,
} from '../ports/shared-state.ts'
import { Budgets, WAIT_FOR_OTHERS_MILLISECONDS } from './budgets.ts'
import { SlidingWindow } from './sliding-window.ts'

export interface MemoryLimitParts {
  /** Milliseconds since 1970: the calendar of budgets. */
  now(): number
  /** Milliseconds that only ever rise: steps of the clock move no window. */
  monotonic(): number
  /** Money spent since a time, in picodollars. */
  seed(scope: MoneyScope, from: number): Promise<bigint>
}

const SWEEP_MILLISECONDS = 60_000
/** Thirds of milliseconds do not add up exactly; far below anything that matters. */
const ROUNDING = 0.01

/**
 * Limits counted in this process, at once and exactly: nothing else runs between the look and the taking. Slots need no
 * lease here: they go with the process.
 */
export class MemoryLimitState implements LimitState {
  readonly #parts: MemoryLimitParts
  readonly #windows = new Map<string, SlidingWindow>()
  /** When the burst is whole again (the theoretical arrival time of GCRA). */
  readonly #bursts = new Map<string, number>()
  readonly #slots = new Map<string, number>()
  readonly #budgets: Budgets
  #sweptAt = 0

  constructor(parts: MemoryLimitParts) {
    this.#parts = parts
    this.#budgets = new Budgets((claim) => parts.seed(claim.scope, claim.from))
  }

  /** Names that are known now; for tests of its bounds. */
  get size(): number {
    return this.#windows.size + this.#bursts.size + this.#slots.size + this.#budgets.size
  }

  /** Budgets that others spend from were not followed for a while. */
  doubtBudgets(): void {
    this.#budgets.doubtAll()
  }

  admit(claims: readonly Claim[]): MaybePromise<Decision> {
    let unknown: MoneyClaim[] | undefined
    for (const claim of claims)
      if (claim.kind === 'money' && !this.#budgets.knows(claim.name)) (unknown ??= []).push(claim)
    return unknown ? this.#learnFirst(unknown, claims) : this.#decide(claims)
  }

  async #learnFirst(unknown: readonly MoneyClaim[], claims: readonly Claim[]): Promise<Decision> {
    await Promise.all(unknown.map((claim) => this.#budgets.learn(claim, this.#parts.monotonic())))
    return this.#decide(claims)
  }

  #decide(claims: readonly Claim[]): Decision {
    const now = this.#parts.monotonic()
    if (now - this.#sweptAt > SWEEP_MILLISECONDS) this.#sweep(now)
    for (let index = 0; index < claims.length; index += 1)
      if (!this.#fits(claims[index] as Claim, now)) return this.#refusal(claims, index, now)
    const places = new Array<number>(claims.length)
    const states = new Array<ClaimState>(claims.length)
    for (let index = 0; index < claims.length; index += 1) {
      const claim = claims[index] as Claim
      places[index] = this.#take(claim, now)
      states[index] = this.#state(claim, now)
    }
    return { admitted: true, states, lease: new Lease(this, claims, places) }
  }

  #refusal(claims: readonly Claim[], refused: number, now: number): Decision {
    let retryMs: number | undefined = 0
    const states = claims.map((claim): ClaimState => {
      if (this.#fits(claim, now)) return this.#state(claim, now)
      const wait = this.#waitFor(claim, now)
      retryMs = wait === undefined || retryMs === undefined ? undefined : Math.max(retryMs, wait)
      return { ...this.#state(claim, now), resetMs: wait ?? 0 }
    })
    return { admitted: false, states, refused, ...(retryMs === undefined ? {} : { retryMs }) }
  }

  #fits(claim: Claim, now: number): boolean {
    switch (claim.kind) {
      case 'window':
        return this.#window(claim.name, claim.windowMs, now).total + claim.amount <= claim.limit
      case 'burst':
        return this.#burstEnd(claim, now) + 60_000 / claim.perMinute <= now + room(claim) + ROUNDING
      case 'slot':
        return (this.#slots.get(claim.name) ?? 0) < claim.limit
      case 'money':
        return this.#budgets.fits(claim)
    }
  }

  /** Takes what a claim asks; gives the slice of a window. */
  #take(claim: Claim, now: number): number {
    switch (claim.kind) {
      case 'window':
        return this.#window(claim.name, claim.windowMs, now).add(claim.amount)
      case 'burst':
        this.#bursts.set(claim.name, this.#burstEnd(claim, now) + 60_000 / claim.perMinute)
        return 0
      case 'slot':
        this.#slots.set(claim.name, (this.#slots.get(claim.name) ?? 0) + 1)
        return 0
      case 'money':
        this.#budgets.reserve(claim)
        return 0
    }
  }

  #state(claim: Claim, now: number): ClaimState {
    switch (claim.kind) {
      case 'window': {
        const window = this.#window(claim.name, claim.windowMs, now)
        return { remaining: Math.max(0, claim.limit - window.total), resetMs: window.resetMs(now) }
      }
      case 'burst': {
        const interval = 60_000 / claim.perMinute
        const left = now + room(claim) - this.#burstEnd(claim, now)
        const remaining = Math.floor((left + ROUNDING) / interval)
        return { remaining, resetMs: (remaining + 1) * interval - left }
      }
      case 'slot':
        return {
          remaining: Math.max(0, claim.limit - (this.#slots.get(claim.name) ?? 0)),
          resetMs: WAIT_FOR_OTHERS_MILLISECONDS,
        }
      case 'money':
        return this.#budgets.state(claim, this.#parts.now(), false)
    }
  }

  /** Milliseconds until a claim that does not fit could be admitted if nobody else comes; undefined: never. */
  #waitFor(claim: Claim, now: number): number | undefined {
    switch (claim.kind) {
      case 'window': {
        if (claim.amount > claim.limit) return undefined
        const window = this.#window(claim.name, claim.windowMs, now)
        return window.msUntilFree(now, window.total + claim.amount - claim.limit)
      }
      case 'burst':
        return this.#burstEnd(claim, now) + 60_000 / claim.perMinute - now - room(claim)
      case 'slot':
        return WAIT_FOR_OTHERS_MILLISECONDS
      case 'money':
        return claim.amount > claim.limit
          ? undefined
          : this.#budgets.state(claim, this.#parts.now(), true).resetMs
    }
  }

  #window(name: string, windowMs: number, now: number): SlidingWindow {
    let window = this.#windows.get(name)
    if (window?.windowMs !== windowMs) {
      window = new SlidingWindow(windowMs)
      this.#windows.set(name, window)
    }
    window.advance(now)
    return window
  }

  #burstEnd(claim: { name: string }, now: number): number {
    const end = this.#bursts.get(claim.name)
    return end === undefined || end < now ? now : end
  }

  /** Frees a slot; only leases call it, once each. */
  freeSlot(name: string): void {
    const held = this.#slots.get(name) ?? 0
    if (held > 1) this.#slots.set(name, held - 1)
    else this.#slots.delete(name)
  }

  /** Puts the amount really used in place of what was reserved; only leases call it, once each. */
  settle(claim: Claim, place: number, actual: number | bigint): void {
    if (claim.kind === 'money') this.#budgets.settle(claim, BigInt(actual))
    if (claim.kind !== 'window') return
    const window = this.#window(claim.name, claim.windowMs, this.#parts.monotonic())
    const surplus = Number(actual) - claim.amount
    if (surplus > 0) window.add(surplus)
    else window.giveBack(place, -surplus)
  }

  #sweep(now: number): void {
    this.#sweptAt = now
    for (const [name, window] of this.#windows) {
      window.advance(now)
      if (window.total === 0) this.#windows.delete(name)
    }
    for (const [name, end] of this.#bursts) if (end <= now) this.#bursts.delete(name)
    this.#budgets.sweep(this.#parts.now())
  }
}

/** How far ahead of the even pace a burst may run. */
function room(claim: { perMinute: number; burst: number }): number {
  return (claim.burst * 60_000) / claim.perMinute
}

class Lease implements AdmissionLease {
  readonly #state: MemoryLimitState
  readonly #claims: readonly Claim[]
  readonly #places: readonly number[]
  #released = false
  #settled = false

  constructor(state: MemoryLimitState, claims: readonly Claim[], places: readonly number[]) {
    this.#state = state
    this.#claims = claims
    this.#places = places
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    for (const claim of this.#claims) if (claim.kind === 'slot') this.#state.freeSlot(claim.name)
  }

  settle(actual: readonly (number | bigint | undefined)[]): void {
    this.release()
    if (this.#settled) return
    this.#settled = true
    for (let index = 0; index < this.#claims.length; index += 1) {
      const amount = actual[index]
      if (amount !== undefined)
        this.#state.settle(this.#claims[index] as Claim, this.#places[index] ?? 0, amount)
    }
  }
}
