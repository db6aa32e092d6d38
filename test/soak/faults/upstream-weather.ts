import type { Fault } from '../../rig/fault/fault.ts'
import { namedFault } from '../../rig/fault/faults.ts'
import type { Choice, Script } from '../../rig/script.ts'
import { Chance } from '../load/chance.ts'

/** Half of what was meant, then an error. */
const failsInside: Fault = {
  play: (performance) => ({
    ...performance,
    failure: { when: 'middle', status: 500, message: 'The rig broke down half-way.' },
  }),
}

/** How a vendor does for a while: what becomes of each request to it, undefined where nothing does. */
const kinds = {
  fine: { share: 50, spoil: () => undefined },
  slow: { share: 8, spoil: (chance: Chance) => ({ fault: { paceMs: chance.whole(5, 40) } }) },
  down: { share: 6, spoil: () => ({ scene: { name: 'error', argument: 503 } }) },
  failing: {
    share: 8,
    spoil: (chance: Chance) =>
      chance.is(0.6) ? { scene: { name: 'error', argument: chance.of([500, 502, 503, 504]) } } : undefined,
  },
  limiting: {
    share: 8,
    spoil: (chance: Chance) => (chance.is(0.4) ? { scene: { name: 'error', argument: 429 } } : undefined),
  },
  overloaded: {
    share: 6,
    spoil: (chance: Chance) =>
      chance.is(0.5) ? { scene: { name: 'error-first', argument: 529 } } : undefined,
  },
  stalling: {
    share: 6,
    spoil: (chance: Chance) =>
      chance.is(0.25) ? fault(chance.of(['stall-head', 'stall-start']), undefined) : stallInside(chance),
  },
  breaking: {
    share: 6,
    spoil: (chance: Chance) =>
      chance.is(0.3)
        ? fault(chance.of(['cut-fin', 'cut-rst']), chance.whole(1, 6_000))
        : chance.is(0.2)
          ? { fault: failsInside, faultName: 'error-middle' }
          : undefined,
  },
  resetting: {
    share: 4,
    spoil: (chance: Chance) => (chance.is(0.5) ? fault('cut-head-rst', 1) : undefined),
  },
  odd: {
    share: 4,
    spoil: (chance: Chance) =>
      chance.is(0.3)
        ? fault(chance.of(['html', 'empty', 'truncated-json', 'no-content']), undefined)
        : undefined,
  },
} as const satisfies Record<string, { share: number; spoil(chance: Chance): Spoilt | undefined }>

export type UpstreamKind = keyof typeof kinds

interface Spoilt {
  scene?: Choice['scene']
  fault?: Fault
  faultName?: string
}

function fault(name: string, argument: number | undefined): Spoilt {
  return { fault: namedFault(name, argument), faultName: name }
}

function stallInside(chance: Chance): Spoilt | undefined {
  return chance.is(0.1) ? fault('stall-at', chance.whole(200, 4_000)) : undefined
}

const SHORTEST_MS = 8_000
const LONGEST_MS = 40_000

/** How all vendors do: each goes from one kind of weather to the next by a seeded schedule of its own. */
export class UpstreamWeather {
  readonly #chance: Chance
  readonly #seed: number
  readonly #now: () => number
  readonly #vendors = new Map<string, { kind: UpstreamKind; until: number; chance: Chance }>()
  #over = false
  /** Requests by what they met. */
  readonly met = new Map<UpstreamKind, number>()

  constructor(seed: number, now: () => number) {
    this.#seed = seed
    this.#now = now
    this.#chance = new Chance(seed + 1)
  }

  /** From now on every request to the simulated vendors goes through this. */
  rule(script: Script): void {
    const asMarked = script.choose.bind(script)
    script.choose = (vendor, conversation) => {
      const choice = asMarked(vendor, conversation)
      const kind = this.kindOf(vendor)
      this.met.set(kind, (this.met.get(kind) ?? 0) + 1)
      return { ...choice, ...kinds[kind].spoil(this.#chance) }
    }
  }

  /** Fine for everybody, for good. */
  clear(): void {
    this.#over = true
  }

  kindOf(vendor: string): UpstreamKind {
    if (this.#over) return 'fine'
    const now = this.#now()
    let weather = this.#vendors.get(vendor)
    if (weather === undefined) {
      const chance = new Chance(
        this.#seed + [...vendor].reduce((sum, one) => sum * 31 + one.charCodeAt(0), 7),
      )
      weather = { kind: 'fine', until: now + chance.whole(SHORTEST_MS, LONGEST_MS), chance }
      this.#vendors.set(vendor, weather)
    }
    while (weather.until <= now) {
      weather.kind = weather.chance.weighted(shares)
      weather.until += weather.chance.whole(SHORTEST_MS, LONGEST_MS)
    }
    return weather.kind
  }
}

const shares = Object.fromEntries(Object.entries(kinds).map(([name, { share }]) => [name, share])) as Record<
  UpstreamKind,
  number
>
