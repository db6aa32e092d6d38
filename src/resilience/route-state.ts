import type { Circuit as CircuitSettings } from '../config/snapshot.ts'
import { RetryBudget } from './budget.ts'
import { Circuit, type CircuitState } from './circuit.ts'
import { Latency } from './latency.ts'
import type { CircuitStatus } from './resilience.ts'

/** What everything about routes needs of the world. */
export interface RouteWorld {
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds on a clock that never goes back. */
  passed(): number
  onChange(route: RouteState, from: CircuitState, to: CircuitState, reason: string): void
}

/** What is remembered of one route, through all configurations that have it. */
export class RouteState {
  /** Stands in the configuration by name: its settings come from there. */
  isConfigured = false
  /** The configuration of now has it, as far as one knows. */
  isCurrent = false
  readonly model: string
  readonly target: string
  readonly budget = new RetryBudget()
  readonly latency = new Latency()
  /** Undefined: the route is never closed off. */
  circuit: Circuit | undefined
  readonly #world: RouteWorld
  /** When the circuit's state began. */
  #since: number

  constructor(model: string, target: string, world: RouteWorld) {
    this.model = model
    this.target = target
    this.#world = world
    this.#since = world.now()
  }

  /** From now on these settings hold. */
  use(settings: CircuitSettings | undefined): void {
    if (settings === undefined) this.circuit = undefined
    else if (this.circuit) this.circuit.use(settings)
    else this.circuit = this.#newCircuit(settings)
  }

  status(at: number): CircuitStatus | undefined {
    const { circuit, model, target } = this
    if (circuit === undefined) return undefined
    const state = circuit.state(at)
    const { failuresInRow } = circuit
    const retryAt = state === 'open' ? { retryAt: this.#world.now() + circuit.waitMs(at) } : {}
    return { model, target, state, since: this.#since, failuresInRow, ...retryAt }
  }

  #newCircuit(settings: CircuitSettings): Circuit {
    this.#since = this.#world.now()
    return new Circuit(settings, (from, to, reason, ago) => {
      this.#since = this.#world.now() - ago
      this.#world.onChange(this, from, to, reason)
    })
  }
}
