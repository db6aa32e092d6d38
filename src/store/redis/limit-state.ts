import { newId } from '../../platform/random.ts'
import type {
  Claim,
  ClaimState,
  Decision,
  LimitState,
  MoneyClaim,
  MoneyScope,
} from '../ports/shared-state.ts'
import { StoreUnavailable } from '../ports/unavailable.ts'
import { Admission, type AdmissionOutside, claimArguments } from './admission.ts'
import { BudgetSeeds } from './budget-seeds.ts'
import type { RedisConnection } from './connection.ts'
import { limitScript } from './limit-scripts.ts'
import { fromPair, toPair } from './money-pair.ts'
import { Outbox } from './outbox.ts'

export interface RedisLimitParts {
  redis: RedisConnection
  /** Milliseconds since 1970. */
  now(): number
  /** Money spent since a time, in picodollars, with everything that this process has accounted for so far. */
  seed(scope: MoneyScope, from: number): Promise<bigint>
  /** A clock in place of Redis' own, for tests. */
  clock?: () => number
  /** How long slots and reservations of a process that died are held. */
  leaseMs?: number
  /** How long `close` waits for what is still to be delivered. */
  closeMs?: number
}

const LEASE_MILLISECONDS = 15_000
const CLOSE_MILLISECONDS = 100
/** A command that a frozen server carries out later than this does nothing: nobody waits for it any more. */
const LATEST_MILLISECONDS = 1_000
const MAXIMUM_ROUNDS = 4
/** What one script renews. */
const MAXIMUM_RENEWED = 500

type Answer = [status: 'ok' | 'no' | 'seed' | 'late', now: number, ...rest: (number | string)[]]

/**
 * Limits that replicas share: one script and one round trip a call, all claims or none. Slots and reservations are held
 * under leases that this process renews, so those of a dead one come free by themselves.
 */
export class RedisLimitState implements LimitState {
  readonly #parts: RedisLimitParts
  readonly #instance = newId()
  readonly #leaseMs: number
  readonly #outbox: Outbox
  readonly #seeds: BudgetSeeds
  /** Calls that hold slots or money. */
  readonly #open = new Set<Admission>()
  /** Admissions that are on their way: nobody knows yet whether they hold something. */
  readonly #asking = new Set<string>()
  readonly #outside: AdmissionOutside
  readonly #renewing: ReturnType<typeof setInterval>
  readonly #stopLoading: () => void
  readonly #stopListening: () => void
  #admissions = 0

  constructor(parts: RedisLimitParts) {
    const { redis, seed } = parts
    this.#parts = parts
    this.#leaseMs = parts.leaseMs ?? LEASE_MILLISECONDS
    // Before the outbox sends anything: with the script unknown its commands would be overtaken by later ones.
    this.#stopLoading = redis.onHealth(({ up }) => up && redis.loadScript(limitScript, ['', 'load']))
    if (redis.isUp) redis.loadScript(limitScript, ['', 'load'])
    this.#outbox = new Outbox(redis, `${redis.prefix}limit:done:${this.#instance}`, () => this.#clock())
    this.#seeds = new BudgetSeeds({ spent: seed, plant: (claim, spent) => this.#plant(claim, spent) })
    this.#outside = {
      keyOf: (claim) => this.#keyOf(claim),
      send: (operation) => this.#outbox.add(operation),
      forget: (admission) => void this.#open.delete(admission),
      onAstray: (claim) => this.#seeds.lookAgain(claim),
      serverNow: () => parts.clock?.() ?? redis.serverNow(),
    }
    this.#stopListening = redis.onHealth(({ up }) => {
      if (!up) return this.#seeds.doubtAll(parts.now())
      this.renew()
    })
    this.#renewing = setInterval(() => this.renew(), this.#leaseMs / 3)
    this.#renewing.unref?.()
  }

  /** Calls that hold something, and operations to deliver; for tests. */
  get size(): { open: number; waiting: number } {
    return { open: this.#open.size, waiting: this.#outbox.size }
  }

  async admit(claims: readonly Claim[]): Promise<Decision> {
    const doubtful = claims.filter((claim) => claim.kind === 'money' && this.#seeds.isStale(claim))
    if (doubtful.length > 0) await this.#learnIfPossible(doubtful)
    this.#admissions += 1
    const id = `${this.#instance}:${this.#admissions}`
    this.#asking.add(id)
    try {
      return await this.#admit(id, claims)
    } finally {
      this.#asking.delete(id)
    }
  }

  async #admit(id: string, claims: readonly Claim[]): Promise<Decision> {
    for (let round = 0; round < MAXIMUM_ROUNDS; round += 1) {
      const [status, now, ...rest] = await this.#ask(id, claims)
      if (!this.#parts.clock) this.#parts.redis.noteServerTime(now)
      if (status === 'seed') await this.#learn(rest.map((index) => claims[Number(index) - 1] as Claim))
      else if (status !== 'late') return this.#decided(status === 'ok', rest, id, claims)
    }
    throw new StoreUnavailable('redis', 'Redis forgets the budgets as fast as they are told')
  }

  async #ask(id: string, claims: readonly Claim[]): Promise<Answer> {
    const { redis } = this.#parts
    // A slot that an ended call left must be free for the next one.
    this.#outbox.flush()
    const latest = this.#parts.clock ? Number.MAX_SAFE_INTEGER : redis.serverNow() + LATEST_MILLISECONDS
    const args = [
      this.#clock(),
      'admit',
      String(Math.ceil(latest)),
      this.#instance,
      String(this.#leaseMs),
      id,
    ]
    for (const claim of claims) args.push(...claimArguments(claim))
    const keys = claims.map((claim) => this.#keyOf(claim))
    try {
      return await redis.evalScript<Answer>(limitScript, keys, args)
    } catch (thrown) {
      // Nobody knows whether it was carried out.
      this.#undo(id, claims)
      throw thrown instanceof StoreUnavailable
        ? thrown
        : new StoreUnavailable('redis', 'Redis refused a script', { cause: thrown })
    }
  }

  #undo(id: string, claims: readonly Claim[]): void {
    for (const claim of claims) {
      if (claim.kind === 'slot') this.#outbox.add({ key: this.#keyOf(claim), args: ['slot', id] })
      if (claim.kind === 'money') this.#outbox.add({ key: this.#keyOf(claim), args: ['undo', id] })
    }
  }

  #decided(
    admitted: boolean,
    [refused, wait, ...values]: readonly (number | string)[],
    id: string,
    claims: readonly Claim[],
  ): Decision {
    const states = claims.map(
      (claim, index): ClaimState => ({
        remaining: remainingOf(claim, String(values[3 * index])),
        resetMs: Number(values[3 * index + 1]),
      }),
    )
    if (!admitted) {
      const retryMs = Number(wait)
      return { admitted, states, refused: Number(refused) - 1, ...(retryMs < 0 ? {} : { retryMs }) }
    }
    const places = claims.map((_, index) => String(values[3 * index + 2]))
    const lease = new Admission(id, claims, places, this.#outside)
    if (claims.some(({ kind }) => kind === 'slot' || kind === 'money')) this.#open.add(lease)
    const now = this.#parts.now()
    for (const claim of claims) if (claim.kind === 'money') this.#seeds.use(claim, now)
    return { admitted, states, lease }
  }

  /** What Redis knows counts when the database cannot tell whether it is all. */
  async #learnIfPossible(claims: readonly Claim[]): Promise<void> {
    try {
      await this.#learn(claims)
    } catch (thrown) {
      if (!(thrown instanceof StoreUnavailable && thrown.store === 'database')) throw thrown
    }
  }

  async #learn(claims: readonly Claim[]): Promise<void> {
    await Promise.all(claims.map((claim) => claim.kind === 'money' && this.#seeds.seed(claim)))
  }

  async #plant(claim: MoneyClaim, spent: bigint): Promise<void> {
    // What ended before is in the rows that were read; it must not come after.
    this.#outbox.flush()
    const own = [...this.#open].filter((admission) => admission.holdsMoney && admission.placeOf(claim) >= 0)
    const reservations = own.flatMap(({ id, claims }) => [id, reservedFor(claim, claims)])
    const asking = [String(this.#asking.size), ...this.#asking]
    const numbers = [...toPair(spent), claim.until, this.#instance, this.#leaseMs, own.length]
    const args = [this.#clock(), 'seed', newId(), ...numbers.map(String), ...reservations, ...asking]
    const [seed] = await this.#parts.redis.evalScript<[string, number]>(
      limitScript,
      [this.#keyOf(claim)],
      args,
    )
    // They are reserved in this seed now.
    for (const admission of own) admission.places[admission.placeOf(claim)] = seed
  }

  /** Renews what this process holds; runs by itself three times a lease. */
  renew(): void {
    if (this.#open.size === 0 || !this.#parts.redis.isUp) return
    const held: { key: string; args: string[]; claim: Claim }[] = []
    const budgets = new Set<string>()
    for (const admission of this.#open)
      admission.claims.forEach((claim, index) => {
        const key = this.#keyOf(claim)
        if (claim.kind === 'slot' && admission.holdsSlots)
          held.push({ key, claim, args: ['slot', admission.id] })
        if (claim.kind !== 'money' || !admission.holdsMoney) return
        const seed = admission.places[index] ?? ''
        if (budgets.has(key + seed)) return
        budgets.add(key + seed)
        held.push({ key, claim, args: ['money', seed, String(claim.until)] })
      })
    this.#outbox.flush()
    for (let from = 0; from < held.length; from += MAXIMUM_RENEWED)
      void this.#renewSome(held.slice(from, from + MAXIMUM_RENEWED))
  }

  async #renewSome(held: readonly { key: string; args: readonly string[]; claim: Claim }[]): Promise<void> {
    const keys = held.map(({ key }) => key)
    const args = [
      this.#clock(),
      'renew',
      this.#instance,
      String(this.#leaseMs),
      ...held.flatMap((each) => each.args),
    ]
    try {
      const lost = await this.#parts.redis.evalScript<number[]>(limitScript, keys, args)
      await this.#learn(lost.flatMap((position) => held[position]?.claim ?? []))
    } catch {
      // The next renewal is for it; when none succeeds the leases end, as they should.
    }
  }

  #keyOf({ name }: Claim): string {
    return `${this.#parts.redis.prefix}limit:${name}`
  }

  /** The moment for a script; empty: Redis' own clock. */
  #clock(): string {
    return this.#parts.clock ? String(Math.floor(this.#parts.clock())) : ''
  }

  async close(): Promise<void> {
    clearInterval(this.#renewing)
    this.#seeds.close()
    this.#stopLoading()
    this.#stopListening()
    for (const admission of [...this.#open]) admission.release()
    await this.#outbox.close(this.#parts.closeMs ?? CLOSE_MILLISECONDS)
  }
}

function remainingOf(claim: Claim, left: string): number {
  if (claim.kind !== 'money') return Number(left)
  const [dollars = '0', picodollars = '0'] = left.split(' ')
  return Math.max(0, Number(fromPair(dollars, picodollars)))
}

/** The amount of a reservation as the scripts keep it. */
function reservedFor({ name }: MoneyClaim, claims: readonly Claim[]): string {
  const held = claims.find((claim) => claim.kind === 'money' && claim.name === name)
  return toPair(held?.kind === 'money' ? held.amount : 0n).join(' ')
}
