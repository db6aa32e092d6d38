import type { Snapshot } from '../config/snapshot.ts'
import { publicName, routeName, type Target } from '../pipeline/target.ts'
import { BoundedMap } from './bounded-map.ts'
import type { CircuitStatus } from './resilience.ts'
import { RouteState, type RouteWorld } from './route-state.ts'

/** Routes come from the configuration; this is for what it lets clients name. */
export const MAXIMUM_ROUTES = 10_000

/** A route's name is its model, an arrow between blanks, and where it leads. */
const ARROW_CHARACTERS = 3

/** All routes by name, following the configuration. */
export class Routes {
  readonly #world: RouteWorld
  readonly #states: BoundedMap<RouteState>
  #followed: Snapshot | undefined

  constructor(world: RouteWorld) {
    this.#world = world
    const isClosed = ({ circuit }: RouteState): boolean =>
      circuit === undefined || circuit.state(world.passed()) === 'closed'
    this.#states = new BoundedMap(MAXIMUM_ROUTES, (route) => !route.isConfigured && isClosed(route))
  }

  /** Takes over changed settings at once; cheap while the configuration is the one it was. */
  follow(snapshot: Snapshot): void {
    if (snapshot === this.#followed) return
    this.#followed = snapshot
    for (const state of this.#states.values()) state.isConfigured = state.isCurrent = false
    for (const entry of [...snapshot.models.values(), ...snapshot.wildcards])
      for (const route of entry.routes) {
        const state = this.#named(routeName(entry, route), publicName(entry))
        state.isConfigured = state.isCurrent = true
        state.use(route.circuit)
      }
  }

  /** The state of a target's route; settings of routes that only clients name come with the target. */
  of({ route, publicModel, circuit }: Target): RouteState {
    const state = this.#named(route, publicModel)
    if (!state.isConfigured) {
      state.isCurrent = true
      state.use(circuit)
    }
    return state
  }

  /** See `BoundedMap.forgotten`. */
  get forgotten(): number {
    return this.#states.forgotten
  }

  circuits(at: number): CircuitStatus[] {
    return [...this.#states.values()].flatMap((state) => (state.isCurrent ? (state.status(at) ?? []) : []))
  }

  #named(route: string, model: string): RouteState {
    const target = route.slice(model.length + ARROW_CHARACTERS)
    return this.#states.get(route) ?? this.#states.add(route, new RouteState(model, target, this.#world))
  }
}
