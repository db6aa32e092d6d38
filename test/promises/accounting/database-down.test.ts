import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Client } from 'pg'
import type { Fault } from '../../rig/fault/fault.ts'
import { type OwnPostgres, ownPostgres } from '../../support/services/postgres.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { entriesByWord, readBooks, rowsByRequest, wordOf } from './support/books.ts'
import { type House, loadFor, openHouse, p99, startLoad } from './support/house.ts'

/** C6 the database is away and nobody notices; F3 no connection of its is held while a stream is open. */

const AWAY_MS = size(5_000, 60_000)
const DRAINED_MS = 30_000
const PER_SECOND = 50

let database: OwnPostgres
beforeAll(async () => {
  database = await ownPostgres()
}, 60_000)
afterAll(() => database.close())

const outages: readonly { name: string; begin(): Promise<void> | void; end(): Promise<void> | void }[] = [
  { name: 'stopped at once', begin: () => database.stop('immediate'), end: () => database.start() },
  { name: 'frozen', begin: () => database.freeze(), end: () => database.thaw() },
]

describe('C6', () => {
  test.each(outages)(
    'PostgreSQL is $name',
    async ({ name, begin, end }) => {
      const house = await openHouse({ DATABASE_URL: await database.freshUrl() })
      await loadFor(house, PER_SECOND, 500)
      const before = await loadFor(house, PER_SECOND, 3_000)
      const load = startLoad(house, PER_SECOND)
      await begin()
      await Bun.sleep(AWAY_MS)
      const during = await load.stop()
      await end()
      const back = performance.now()
      const asked = house.upstream.ledger.entries.length
      const drained = await arrived(house, asked, back)
      const rows = rowsByRequest(await readBooks(house.dataDirectory, house.stored))
      const missing = [...entriesByWord(house.upstream.ledger).keys()].filter(
        (word) => rows.get(word)?.length !== 1,
      )
      figure('C6', {
        outage: name,
        away_ms: AWAY_MS,
        requests: asked,
        failed: during.failed.length,
        missing: missing.length,
        drained_ms: Math.round(drained),
        p99_before_ms: p99(before),
        p99_during_ms: p99(during),
      })
      await house.close()
      expect(before.failed).toEqual([])
      expect(during.failed.slice(0, 3)).toEqual([])
      expect(missing).toEqual([])
      expect(drained).toBeLessThan(DRAINED_MS)
    },
    240_000,
  )
})

/** Milliseconds until the database itself has all rows, counted there and not by a command that would help. */
async function arrived(house: House, rows: number, since: number): Promise<number> {
  while (performance.now() - since < DRAINED_MS) {
    const client = new Client({
      connectionString: house.stored['DATABASE_URL'],
      connectionTimeoutMillis: 2_000,
    })
    try {
      await client.connect()
      const { rows: counted } = await client.query<{ n: number }>(
        'select count(*)::int as n from usage_requests',
      )
      if ((counted[0]?.n ?? 0) >= rows) return performance.now() - since
    } catch {
      // Not there yet.
    } finally {
      await client.end().catch(() => {})
    }
    await Bun.sleep(50)
  }
  return performance.now() - since
}

test('F3: 500 open streams hold no connection of a pool of 5', async () => {
  const STREAMS = 500
  const url = await database.freshUrl()
  const house = await openHouse({ DATABASE_URL: url }, '[database]\npool_size = 5')
  const endless: Fault = { stalls: [{ at: 900, ms: Number.POSITIVE_INFINITY }] }
  const leave = new AbortController()
  const opened = await Promise.all(
    Array.from({ length: STREAMS }, async (_, index) => {
      const content = `[scene:long@60] ${customFault(endless)} ${wordOf(5_000_000 + index)}`
      const response = await fetch(house.gateway.url + chatFront.path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${house.key}` },
        body: JSON.stringify(chatFront.body('m', content, true)),
        signal: leave.signal,
      })
      const reader = response.body?.getReader()
      await reader?.read()
      return response.status
    }),
  )
  const client = new Client({ connectionString: url })
  await client.connect()
  const busiest: number[] = []
  for (let look = 0; look < 20; look += 1) {
    const { rows } = await client.query<{ n: number }>(
      `select count(*)::int as n from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and (state like 'idle in transaction%'
         or (state = 'active' and now() - query_start > interval '200 milliseconds'))`,
    )
    busiest.push(rows[0]?.n ?? 0)
    await Bun.sleep(25)
  }
  const total = await client.query<{ n: number }>(
    'select count(*)::int as n from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  )
  await client.end()
  leave.abort()
  await house.close()
  figure('F3', {
    streams: opened.filter((status) => status === 200).length,
    pool: 5,
    connections: total.rows[0]?.n ?? 0,
    held: Math.max(...busiest),
  })
  expect(opened.filter((status) => status === 200)).toHaveLength(STREAMS)
  expect(Math.max(...busiest)).toBe(0)
  expect(total.rows[0]?.n ?? 99).toBeLessThanOrEqual(5)
}, 120_000)
