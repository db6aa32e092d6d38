import type { Target } from '../pipeline/target.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import { type Circuit, Trial } from './circuit.ts'
import type { Holder } from './credentials.ts'
import type { Outcome, Pass } from './resilience.ts'
import type { RouteState } from './route-state.ts'

/** What a pass needs of the one who gave it. */
export interface PassGiver {
  /** Milliseconds on a clock that never goes back; the settings of now hold from here on. */
  moment(): number
  /** An attempt failed: its error may ask for a rest. */
  heard(holder: Holder, error: GatewayError, at: number): void
}

/** See `Pass`: leave for one attempt, and what the circuit keeps of it. */
export class AttemptPass extends Trial implements Pass {
  readonly target: Target
  readonly #giver: PassGiver
  readonly #route: RouteState
  readonly #holder: Holder
  /** The one it began under; settings may have taken it from the route since. */
  readonly #circuit: Circuit | undefined
  #isTold = false
  #mayBreak = false
  #isReleased = false

  constructor(giver: PassGiver, route: RouteState, holder: Holder, at: number) {
    super()
    this.target = holder.target
    this.#giver = giver
    this.#route = route
    this.#holder = holder
    this.#circuit = route.circuit
    this.#circuit?.begin(this, at)
    holder.credential.open += 1
  }

  end(outcome: Outcome): void {
    if (this.#isTold) return
    this.#isTold = true
    const at = this.#giver.moment()
    if (outcome.kind === 'success') {
      this.#mayBreak = true
      this.#route.latency.add(outcome.firstContentMs, at)
      this.#circuit?.success(this, at)
      return
    }
    if (outcome.kind === 'failure') this.#circuit?.failure(this, at)
    else this.#circuit?.neutral(this)
    this.#giver.heard(this.#holder, outcome.error, at)
  }

  broke(): void {
    const mayBreak = this.#mayBreak
    this.#mayBreak = false
    if (mayBreak) this.#circuit?.broke(this, this.#giver.moment())
  }

  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#holder.credential.open -= 1
    if (this.#isTold) return
    this.#isTold = true
    this.#circuit?.neutral(this)
  }
}
