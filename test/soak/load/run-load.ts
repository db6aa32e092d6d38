import { Chance } from './chance.ts'
import type { Seen } from './client.ts'
import { perform } from './client.ts'
import { type Plan, type PlanOptions, planOf, repetitionOf } from './plan.ts'

export interface LoadOptions extends PlanOptions {
  /** Requests a second. */
  rate: number
  url: string
  keyOf(plan: Plan): string
  /** A client has its answer, or has left. */
  ended(plan: Plan, seen: Seen): void
}

/** More open requests than this mean that the machine cannot keep up: then fewer are made, and that is told. */
const MOST_OPEN = 400

/** Clients that come by chance, so many a second, whether earlier ones have their answers or not. */
export class Load {
  readonly #options: LoadOptions
  readonly #chance: Chance
  readonly #open = new Set<Promise<void>>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #isOver = false
  #dueAt = 0
  asked = 0
  /** Requests that were not made because too many were open. */
  skipped = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#chance = new Chance(options.seed + 3)
  }

  get open(): number {
    return this.#open.size
  }

  begin(): void {
    this.#dueAt = performance.now()
    this.#next()
  }

  /** No more of them; resolves when those that are open have ended. */
  async stop(): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    while (this.#open.size > 0) await Promise.all(this.#open)
  }

  #next(): void {
    if (this.#isOver) return
    for (const now = performance.now(); this.#dueAt <= now; this.#dueAt += this.#gap()) this.#arrive()
    this.#timer = setTimeout(() => this.#next(), Math.max(1, this.#dueAt - performance.now()))
  }

  /** As independent people come. */
  #gap(): number {
    return (-Math.log(1 - this.#chance.next()) * 1000) / this.#options.rate
  }

  #arrive(): void {
    if (this.#open.size >= MOST_OPEN) {
      this.skipped += 1
      return
    }
    this.asked += 1
    const one = this.#ask(planOf(this.asked, this.#options)).finally(() => this.#open.delete(one))
    this.#open.add(one)
  }

  async #ask(plan: Plan): Promise<void> {
    const { url, keyOf, ended } = this.#options
    ended(plan, await perform(plan, url, keyOf(plan)))
    if (!isRepeated(plan)) return
    const again = repetitionOf(plan)
    ended(again, await perform(again, url, keyOf(again)))
  }
}

/** Calls with an `Idempotency-Key` are made twice. */
export function isRepeated(plan: Plan): boolean {
  return plan.headers['idempotency-key'] !== undefined
}
