import { createClient } from '@redis/client'
import type { OwnPostgres } from '../../support/services/postgres.ts'
import type { OwnRedis } from '../../support/services/redis.ts'
import { Chance } from '../load/chance.ts'

/** One way for a store to be away. */
interface Outage {
  name: string
  shortest: number
  longest: number
  begin(): Promise<void> | void
  end(): Promise<void> | void
}

function outagesOf(redis: OwnRedis, postgres: OwnPostgres): Outage[] {
  const span = { shortest: 1_000, longest: 6_000 }
  const pause = async (): Promise<void> => {
    const client = createClient({ url: redis.url })
    client.on('error', () => {})
    await client.connect()
    await client.sendCommand(['CLIENT', 'PAUSE', '3000', 'ALL'])
    client.destroy()
  }
  return [
    { name: 'redis-frozen', ...span, begin: () => redis.freeze(), end: () => redis.thaw() },
    { name: 'redis-killed', ...span, begin: () => redis.kill(), end: () => redis.start() },
    { name: 'redis-restarted', shortest: 0, longest: 0, begin: () => redis.stop(), end: () => redis.start() },
    { name: 'redis-paused', shortest: 3_000, longest: 3_000, begin: pause, end: () => {} },
    { name: 'postgres-frozen', ...span, begin: () => postgres.freeze(), end: () => postgres.thaw() },
    { name: 'postgres-killed', ...span, begin: () => postgres.kill(), end: () => postgres.start() },
    {
      name: 'postgres-restarted',
      shortest: 0,
      longest: 0,
      begin: () => postgres.stop('fast'),
      end: () => postgres.start(),
    },
    {
      name: 'postgres-crashed',
      shortest: 4_000,
      longest: 12_000,
      begin: () => postgres.stop('immediate'),
      end: () => postgres.start(),
    },
  ]
}

const SHORTEST_PAUSE_MS = 15_000
const LONGEST_PAUSE_MS = 45_000

/** The stores fail one after another, each in every way before any comes again. */
export class StoreWeather {
  readonly #chance: Chance
  readonly #outages: Outage[]
  #over: () => void = () => {}
  readonly #isOver: Promise<void>
  #runs: Promise<void> = Promise.resolve()
  /** The outage that is under way. */
  now: string | undefined
  /** Outages so far, by name. */
  readonly past = new Map<string, number>()

  constructor(seed: number, redis: OwnRedis, postgres: OwnPostgres) {
    this.#chance = new Chance(seed + 2)
    this.#outages = outagesOf(redis, postgres)
    this.#isOver = new Promise((resolve) => {
      this.#over = resolve
    })
  }

  begin(): void {
    this.#runs = this.#run()
  }

  /** Both stores are well when it resolves, and stay so. Rejects when one could not be brought back. */
  async clear(): Promise<void> {
    this.#over()
    await this.#runs
  }

  async #run(): Promise<void> {
    for (;;)
      for (const outage of this.#chance.shuffled(this.#outages)) {
        if (await this.#passes(this.#chance.whole(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS))) return
        this.now = outage.name
        await outage.begin()
        const isOver = await this.#passes(this.#chance.whole(outage.shortest, outage.longest))
        await outage.end()
        this.now = undefined
        this.past.set(outage.name, (this.past.get(outage.name) ?? 0) + 1)
        if (isOver) return
      }
  }

  /** True when it all ended meanwhile. */
  async #passes(milliseconds: number): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const waited = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), milliseconds)
    })
    return Promise.race([waited, this.#isOver.then(() => true)]).finally(() => clearTimeout(timer))
  }
}
