import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createClient } from '@redis/client'
import { type OwnRedis, ownRedis } from '../../support/services/redis.ts'
import { figure, size } from '../support/figure.ts'
import { entriesByWord, readFullBooks, rowsByRequest } from './support/books.ts'
import { type House, loadFor, openHouse, startLoad } from './support/house.ts'

/** C8 Redis down costs no accounting. */

const AWAY_MS = size(2_000, 90_000)
const PER_SECOND = 50

let redis: OwnRedis
let house: House
beforeAll(async () => {
  redis = await ownRedis()
  house = await openHouse({ REDIS_URL: redis.url }, '[tenants."acme"]\ntpm = 100000000\nconcurrency = 1000')
}, 60_000)
afterAll(async () => {
  await house.close()
  await redis.close()
})

async function pause(milliseconds: number): Promise<void> {
  const client = createClient({ url: redis.url })
  await client.connect()
  await client.sendCommand(['CLIENT', 'PAUSE', String(milliseconds), 'ALL'])
  client.destroy()
}

const outages: readonly { name: string; begin(): Promise<void> | void; end(): Promise<void> | void }[] = [
  { name: 'killed', begin: () => redis.kill(), end: () => redis.start() },
  { name: 'frozen', begin: () => redis.freeze(), end: () => redis.thaw() },
  { name: 'paused', begin: () => pause(AWAY_MS), end: () => {} },
]

describe('C8', () => {
  test.each(outages)(
    'Redis is $name',
    async ({ name, begin, end }) => {
      await loadFor(house, PER_SECOND, 500)
      const load = startLoad(house, PER_SECOND)
      await begin()
      await Bun.sleep(AWAY_MS)
      await end()
      const during = await load.stop()
      const entries = entriesByWord(house.upstream.ledger)
      const rows = rowsByRequest(await readFullBooks(house.dataDirectory, house.stored, entries.size))
      const wrong = [...entries].filter(([word, seen]) => {
        const [row, ...twins] = rows.get(word) ?? []
        return !row || twins.length > 0 || row.completion_tokens !== seen.at(-1)?.bill?.output
      })
      figure('C8', {
        outage: name,
        away_ms: AWAY_MS,
        requests: entries.size,
        failed: during.failed.length,
        missing_or_wrong: wrong.length,
      })
      expect(wrong).toEqual([])
      expect(during.failed.slice(0, 3)).toEqual([])
    },
    240_000,
  )
})
