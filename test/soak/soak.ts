import { type Poller, type Polls, startPoller } from '../promises/support/poller.ts'
import { Books } from './checks/books.ts'
import { judge, type Outcome } from './checks/verdict.ts'
import { StoreWeather } from './faults/store-weather.ts'
import { UpstreamWeather } from './faults/upstream-weather.ts'
import { type House, openHouse } from './house.ts'
import type { Seen } from './load/client.ts'
import type { Plan } from './load/plan.ts'
import { isRepeated, Load } from './load/run-load.ts'
import { wordsIn } from './load/scenes.ts'
import { type SoakOptions, settlingSeconds } from './options.ts'
import { ProcessWatch } from './watch/process.ts'
import { RowReader } from './watch/row-reader.ts'

const POLLS_A_SECOND = 4
const BOOKS_MS = 10_000
/** How long the last rows may take into the database when all is well again. */
const LAST_ROWS_MS = 60_000
const UNCERTAIN_ROWS_MS = 10_000

/** A soak that runs, and everything that is known of it so far. */
export class Soak {
  readonly options: SoakOptions
  readonly house: House
  readonly books: Books
  readonly load: Load
  readonly watch: ProcessWatch
  readonly upstreamWeather: UpstreamWeather
  readonly storeWeather: StoreWeather
  readonly outcomes = new Map<Outcome, number>()
  readonly statuses = new Map<number, number>()
  /** What clients should never have seen, the first ones. */
  readonly wrong: string[] = []
  readonly polls = new Map<string, Polls>()
  readonly #poller: Poller
  readonly #rows: RowReader
  readonly #repeated = new Set<string>()
  #booksTimer: ReturnType<typeof setInterval> | undefined
  /** It was told to end. */
  isStopping = false
  exitCode: number | null = null
  /** Open files before the first request. */
  filesAtFirst = 0
  stored: { requests: number; inputTokens: number; outputTokens: number; cost: bigint } | undefined

  static async open(options: SoakOptions): Promise<Soak> {
    const house = await openHouse(options.tenants)
    const { url } = house.gateway
    const poller = await startPoller({ healthz: `${url}/healthz`, readyz: `${url}/readyz` }, POLLS_A_SECOND)
    return new Soak(options, house, poller)
  }

  private constructor(options: SoakOptions, house: House, poller: Poller) {
    this.options = options
    this.house = house
    this.#poller = poller
    const now = (): number => performance.now()
    this.books = new Books(now, this.#repeated)
    this.#rows = new RowReader(house.database.usage, Date.now)
    this.watch = new ProcessWatch(house.gateway, house.upstream.connections)
    this.upstreamWeather = new UpstreamWeather(options.seed, now)
    this.storeWeather = new StoreWeather(options.seed, house.redis, house.postgres)
    this.load = new Load({
      seed: options.seed,
      keys: house.keys.length,
      leaving: options.leaving,
      thinkingUntil: options.rate * settlingSeconds(options),
      rate: options.rate,
      url: house.gateway.url,
      keyOf: (plan) => (plan.kind === 'bad-key' ? house.strangersKey : (house.keys[plan.key] ?? '')),
      ended: (plan, seen) => this.#ended(plan, seen),
    })
  }

  begin(): void {
    const { upstreamFaults, storeFaults } = this.options
    if (upstreamFaults) this.upstreamWeather.rule(this.house.upstream.script)
    if (storeFaults) this.storeWeather.begin()
    this.filesAtFirst = this.watch.look()?.ownFiles ?? 0
    this.load.begin()
    this.#booksTimer = setInterval(() => void this.#keepBooks(), BOOKS_MS)
  }

  /** Ends the load, lets everything come to rest, and takes the last accounts. */
  async end(): Promise<void> {
    this.upstreamWeather.clear()
    await Promise.all([this.load.stop(), this.options.storeFaults ? this.storeWeather.clear() : undefined])
    clearInterval(this.#booksTimer)
    await this.#lastBooks()
    this.takePolls()
    this.watch.stop()
    await this.#poller.stop()
    this.isStopping = true
    this.exitCode = await this.house.stopGateway()
  }

  async close(): Promise<void> {
    clearInterval(this.#booksTimer)
    this.watch.stop()
    await this.#poller.stop()
    await this.house.close()
  }

  /** Polls since the last time; they are added to all. */
  takePolls(): Map<string, Polls> {
    const taken = this.#poller.take()
    for (const [name, { milliseconds, statuses }] of taken) {
      const all = this.polls.get(name) ?? { milliseconds: [], statuses: new Map<number, number>() }
      this.polls.set(name, all)
      for (const one of milliseconds) all.milliseconds.push(one)
      for (const [status, count] of statuses)
        all.statuses.set(status, (all.statuses.get(status) ?? 0) + count)
    }
    return taken
  }

  #ended(plan: Plan, seen: Seen): void {
    const { outcome, why } = judge(plan, seen)
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.statuses.set(seen.status, (this.statuses.get(seen.status) ?? 0) + 1)
    if (outcome === 'wrong') this.wrong.push(`${plan.requestId} (${kindOf(plan)}): ${why}`)
    if (isRepeated(plan)) this.#repeated.add(plan.word)
    this.books.told(plan, seen, outcome)
  }

  async #keepBooks(): Promise<void> {
    this.#takeAttempts()
    await this.#rows.read((rows) => this.books.add(rows))
    this.books.close(this.#running())
  }

  #takeAttempts(): void {
    this.books.take(this.house.upstream.ledger.entries)
  }

  /** Words whose attempts are under way. */
  #running(): Set<string> {
    return new Set(this.house.upstream.ledger.entries.flatMap(({ body }) => [...wordsIn(body)]))
  }

  async #lastBooks(): Promise<void> {
    const begun = performance.now()
    do {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      await this.#keepBooks()
      // Rows that may come, or not, have some seconds too.
    } while (performance.now() - begun < (this.books.awaited > 0 ? LAST_ROWS_MS : UNCERTAIN_ROWS_MS))
    this.books.closeAll()
    const { requests, inputTokens, outputTokens, cost } = await this.house.database.usage.sum({})
    this.stored = { requests, inputTokens, outputTokens, cost }
  }
}

export function kindOf({ kind, front, model, stream, raw, scene }: Plan): string {
  return [kind, front.name, model, stream ? 'stream' : 'whole', scene, raw ? 'socket' : 'pool'].join(' ')
}
