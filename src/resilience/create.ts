import { randomUUID } from 'node:crypto'
import type { Snapshot } from '../config/snapshot.ts'
import { scrubbed } from '../pipeline/scrub.ts'
import type { Target } from '../pipeline/target.ts'
import type { GatewayError } from '../protocol/model/error.ts'
import type { Announcements } from '../store/ports/shared-state.ts'
import { BoundedMap } from './bounded-map.ts'
import { HedgeBudget } from './budget.ts'
import { COOLDOWN_TOPIC, read, write } from './cooldown-words.ts'
import { again, type Cooldown, Cooldowns, type CooledPlace, UNTOLD_MILLISECONDS } from './cooldowns.ts'
import { type Holder, Seats } from './credentials.ts'
import { AttemptPass, type PassGiver } from './pass.ts'
import type {
  CircuitStatus,
  CooldownStatus,
  Pass,
  Resilience,
  ResilienceEvent,
  Standing,
} from './resilience.ts'
import { restOf } from './rest.ts'
import { risingClock } from './rising-clock.ts'
import { Routes } from './routes.ts'

export interface ResilienceParts {
  /** Milliseconds since 1970; for people only. */
  now(): number
  /** Milliseconds of a clock that nobody sets. */
  monotonic(): number
  /** Cool-downs are told to the other replicas, and heard from them. */
  announcements: Announcements
  /** The live configuration. */
  snapshot(): Snapshot
  /** Must not throw or wait. */
  onEvent(event: ResilienceEvent): void
  /** Takes secrets out of an upstream's words before others hear them (promise M4). Default: they stay. */
  clean?(text: string): string
  /** Names this process among its replicas. Default: a random name. */
  replica?: string
}

const MAXIMUM_MODELS = 10_000
const OPEN: Standing = { open: true }

export function createResilience(parts: ResilienceParts): Resilience {
  const memory = new ResilienceMemory(parts)
  parts.announcements.subscribe(COOLDOWN_TOPIC, (text) => memory.told(text))
  return memory
}

/** Everything in this process' memory; what it asks of the other replicas is only that they hear of cool-downs. */
class ResilienceMemory implements Resilience, PassGiver {
  readonly #parts: ResilienceParts
  readonly #replica: string
  readonly #passed: () => number
  readonly #routes: Routes
  readonly #seats: Seats
  readonly #cooldowns = new Cooldowns()
  readonly #hedges = new BoundedMap<HedgeBudget>(MAXIMUM_MODELS, () => true)
  #taken = 0

  constructor(parts: ResilienceParts) {
    this.#parts = parts
    this.#replica = parts.replica ?? randomUUID()
    this.#passed = risingClock(parts.monotonic)
    this.#routes = new Routes({
      now: parts.now,
      passed: this.#passed,
      onChange: ({ model, target }, from, to, reason) =>
        parts.onEvent({ type: 'circuit', model, target, from, to, reason }),
    })
    this.#seats = new Seats(this.#routes)
    this.#routes.follow(parts.snapshot())
  }

  moment(): number {
    this.#routes.follow(this.#parts.snapshot())
    return this.#passed()
  }

  standing(target: Target): Standing {
    const at = this.moment()
    const { route, holders } = this.#seats.of(target)
    const wait = route.circuit?.waitMs(at) ?? 0
    if (wait > 0) return circuitOpen(wait)
    return this.#choose(holders, at) ? OPEN : this.#closed(holders, at)
  }

  enter(target: Target): Pass | Standing {
    const at = this.moment()
    const { route, holders } = this.#seats.of(target)
    const wait = route.circuit?.waitMs(at) ?? 0
    if (wait > 0) return circuitOpen(wait)
    const chosen = this.#choose(holders, at)
    if (chosen === undefined) return this.#closed(holders, at)
    this.#taken += 1
    chosen.credential.lastTaken = this.#taken
    return new AttemptPass(this, route, chosen, at)
  }

  earn(target: Target, budget: number): void {
    this.#seats.of(target).route.budget.earn(budget, this.#passed())
  }

  spend(target: Target): boolean {
    return this.#seats.of(target).route.budget.spend()
  }

  earnHedge(model: string, budget: number): void {
    this.#hedge(model).earn(budget)
  }

  spendHedge(model: string, budget: number): boolean {
    return budget > 0 && this.#hedge(model).spend()
  }

  latencyOf(target: Target): number | undefined {
    return this.#seats.of(target).route.latency.read(this.#passed())
  }

  circuits(): CircuitStatus[] {
    return this.#routes.circuits(this.moment())
  }

  cooldowns(): CooldownStatus[] {
    const at = this.#passed()
    const now = this.#parts.now()
    return this.#cooldowns.all(at).map(({ place, until, error }) => {
      const { project: _, ...shown } = place
      return { ...shown, until: now + until - at, reason: error.kind }
    })
  }

  heard({ target, whole, one }: Holder, error: GatewayError, at: number): void {
    const rest = restOf(error, target)
    if (rest === undefined) return
    const said = scrubbed(error, { scrub: (text) => this.#parts.clean?.(text) ?? text })
    const cooldown = this.#cool(rest.isWhole ? whole : one, rest.milliseconds, said, at)
    if (cooldown === undefined) return
    // The others hear of it later: what is not told again must not make them too early.
    const milliseconds = cooldown.until - at + UNTOLD_MILLISECONDS
    const { place } = cooldown
    this.#parts.announcements.publish(
      COOLDOWN_TOPIC,
      write({ from: this.#replica, place, milliseconds, error: cooldown.error }),
    )
  }

  /** Another replica, or this one, has said something. */
  told(text: string): void {
    const word = read(text)
    if (word === undefined || word.from === this.#replica) return
    if (!Object.hasOwn(this.#parts.snapshot().providers, word.place.provider)) return
    this.#cool(word.place, word.milliseconds, word.error, this.#passed())
  }

  #cool(place: CooledPlace, milliseconds: number, error: GatewayError, at: number): Cooldown | undefined {
    const cooldown = this.#cooldowns.add(place, milliseconds, error, at)
    if (cooldown === undefined) return undefined
    const { provider, credential, model } = place
    this.#parts.onEvent({
      type: 'cooldown',
      provider,
      ...(credential === undefined ? {} : { credential }),
      ...(model === undefined ? {} : { model }),
      milliseconds: Math.round(cooldown.until - at),
      reason: error.kind,
    })
    return cooldown
  }

  /** The one with the fewest open calls of those that may be used; of equals the one that was not used for longest. */
  #choose(holders: readonly Holder[], at: number): Holder | undefined {
    let chosen: Holder | undefined
    for (const holder of holders) {
      const { open, lastTaken } = holder.credential
      if (open >= holder.concurrency || this.#cooling(holder, at)) continue
      if (chosen === undefined || open < chosen.credential.open) chosen = holder
      else if (open === chosen.credential.open && lastTaken < chosen.credential.lastTaken) chosen = holder
    }
    return chosen
  }

  /** Why none may be used: a busy one may be free at any time; else the first whose rest is over. */
  #closed(holders: readonly Holder[], at: number): Standing {
    let soonest: Cooldown | undefined
    for (const holder of holders) {
      const cooling = this.#cooling(holder, at)
      if (cooling === undefined) return { open: false, reason: 'busy' }
      if (soonest === undefined || cooling.until < soonest.until) soonest = cooling
    }
    if (soonest === undefined) return { open: false, reason: 'busy' }
    const retryMs = Math.ceil(soonest.until - at)
    return { open: false, reason: 'cooling', retryMs, error: again(soonest.error, retryMs) }
  }

  /** The longer of the credential's own rest and the one for this model. */
  #cooling({ wholeName, oneName }: Holder, at: number): Cooldown | undefined {
    const whole = this.#cooldowns.find(wholeName, at)
    const one = this.#cooldowns.find(oneName, at)
    if (whole === undefined || one === undefined) return whole ?? one
    return one.until > whole.until ? one : whole
  }

  #hedge(model: string): HedgeBudget {
    return this.#hedges.get(model) ?? this.#hedges.add(model, new HedgeBudget())
  }
}

function circuitOpen(wait: number): Standing {
  return { open: false, reason: 'circuit_open', retryMs: Math.ceil(wait) }
}
