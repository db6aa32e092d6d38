import type { Target } from '../pipeline/target.ts'
import { BoundedMap } from './bounded-map.ts'
import { type CooledPlace, nameOf } from './cooldowns.ts'
import type { RouteState } from './route-state.ts'
import type { Routes } from './routes.ts'

const MAXIMUM_CREDENTIALS = 10_000

/** The calls that are open with one credential, whatever they are for. */
class CredentialState {
  open = 0
  /** Rises with every call that takes one. */
  lastTaken = 0
}

/** A target with one of its provider's credentials. */
export interface Holder {
  readonly target: Target
  readonly credential: CredentialState
  /** Calls that may be open with it. */
  readonly concurrency: number
  /** The credential as a whole, and for this model. */
  readonly whole: CooledPlace
  readonly one: CooledPlace
  readonly wholeName: string
  readonly oneName: string
}

/** A target with what is remembered of it. */
interface Seat {
  readonly route: RouteState
  /** With each of the credentials. */
  readonly holders: readonly Holder[]
  /** See `BoundedMap.forgotten`. */
  readonly forgotten: number
}

/** Finds the seats of targets; looked up by name once a target, since targets live as long as their configuration. */
export class Seats {
  readonly #routes: Routes
  readonly #credentials = new BoundedMap<CredentialState>(MAXIMUM_CREDENTIALS, ({ open }) => open === 0)
  readonly #seats = new WeakMap<Target, Seat>()

  constructor(routes: Routes) {
    this.#routes = routes
  }

  of(target: Target): Seat {
    const known = this.#seats.get(target)
    if (known?.forgotten === this.#forgotten) return known
    const route = this.#routes.of(target)
    const holders = (target.siblings ?? [target]).map((each) => this.#holder(each))
    const seat = { route, holders, forgotten: this.#forgotten }
    this.#seats.set(target, seat)
    return seat
  }

  get #forgotten(): number {
    return this.#routes.forgotten + this.#credentials.forgotten
  }

  #holder(target: Target): Holder {
    const { settings, model, credential } = target
    const { region, project } = settings
    const whole: CooledPlace = {
      provider: settings.name,
      ...(credential === undefined ? {} : { credential: credential.name }),
    }
    const one: CooledPlace = {
      ...whole,
      model,
      ...(region === undefined ? {} : { region }),
      ...(project === undefined ? {} : { project }),
    }
    const [wholeName, oneName] = [nameOf(whole), nameOf(one)]
    const state = this.#credentials.get(wholeName) ?? this.#credentials.add(wholeName, new CredentialState())
    const concurrency = credential?.concurrency ?? Number.POSITIVE_INFINITY
    return { target, credential: state, concurrency, whole, one, wholeName, oneName }
  }
}
