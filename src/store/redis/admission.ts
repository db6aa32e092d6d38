import { slicesOf } from '../memory/sliding-window.ts'
import type { AdmissionLease, Claim, MoneyClaim } from '../ports/shared-state.ts'
import { toPair } from './money-pair.ts'
import type { Operation } from './outbox.ts'

/** A claim's kind and numbers, as the scripts take them. */
export function claimArguments(claim: Claim): readonly string[] {
  switch (claim.kind) {
    case 'window': {
      const { limit, amount, windowMs } = claim
      return ['window', ...[limit, amount, windowMs, slicesOf(windowMs)].map(String)]
    }
    case 'burst':
      return ['burst', String(claim.perMinute), String(claim.burst)]
    case 'slot':
      return ['slot', String(claim.limit)]
    case 'money':
      return ['money', ...toPair(claim.limit), ...toPair(claim.amount), String(claim.until)]
  }
}

/** What leases need of the state. */
export interface AdmissionOutside {
  keyOf(claim: Claim): string
  send(operation: Operation): void
  /** The lease holds nothing any more that must be renewed. */
  forget(admission: Admission): void
  /** A settlement met another budget than the one it was reserved in. */
  onAstray(claim: MoneyClaim): void
  serverNow(): number
}

/** An admitted call's hold on the shared state. */
export class Admission implements AdmissionLease {
  readonly id: string
  readonly claims: readonly Claim[]
  /** Slices of windows, seeds of budgets. */
  readonly places: string[]
  readonly #outside: AdmissionOutside
  #slotsHeld = true
  #settled = false

  constructor(id: string, claims: readonly Claim[], places: string[], outside: AdmissionOutside) {
    this.id = id
    this.claims = claims
    this.places = places
    this.#outside = outside
  }

  get holdsSlots(): boolean {
    return this.#slotsHeld
  }

  get holdsMoney(): boolean {
    return !this.#settled
  }

  /** Where a budget stands among the claims; -1 when it is none of them. */
  placeOf({ name }: MoneyClaim): number {
    return this.claims.findIndex((claim) => claim.kind === 'money' && claim.name === name)
  }

  release(): void {
    if (!this.#slotsHeld) return
    this.#slotsHeld = false
    for (const claim of this.claims) if (claim.kind === 'slot') this.#send(claim, ['slot', this.id])
  }

  settle(actual: readonly (number | bigint | undefined)[]): void {
    this.release()
    if (this.#settled) return
    this.#settled = true
    this.claims.forEach((claim, index) => {
      const place = this.places[index] ?? ''
      if (claim.kind === 'window') this.#settleWindow(claim, place, actual[index])
      else if (claim.kind === 'money') this.#settleMoney(claim, place, actual[index])
    })
    this.#outside.forget(this)
  }

  #settleWindow(claim: Claim & { kind: 'window' }, slice: string, actual: number | bigint | undefined): void {
    const surplus = Number(actual ?? claim.amount) - claim.amount
    const { windowMs } = claim
    if (surplus < 0) this.#send(claim, ['less', slice, String(-surplus)])
    if (surplus > 0)
      this.#send(claim, ['more', String(surplus), String(windowMs), String(slicesOf(windowMs))])
  }

  #settleMoney(claim: MoneyClaim, seed: string, actual: number | bigint | undefined): void {
    const pair = toPair(BigInt(actual ?? claim.amount))
    const ended = String(Math.floor(this.#outside.serverNow()))
    this.#send(claim, ['money', this.id, seed, ...pair, ended], () => this.#outside.onAstray(claim))
  }

  #send(claim: Claim, args: readonly string[], onAstray?: () => void): void {
    this.#outside.send({ key: this.#outside.keyOf(claim), args, ...(onAstray ? { onAstray } : {}) })
  }
}
