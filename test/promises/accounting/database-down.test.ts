import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { connect, type Socket } from 'node:net'
import { Client } from 'pg'
import type { Fault } from '../../rig/fault/fault.ts'
import { type OwnPostgres, ownPostgres } from '../../support/services/postgres.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { entriesByWord, readBooks, rowsByRequest, wordOf } from './support/books.ts'
import { type House, loadFor, openHouse, p99, startLoad } from './support/house.ts'

/** C6 the database is away and nobody notices; C7 for longer than the journal lasts; F3 no connection of its is held while a stream is open. */

const AWAY_MS = size(2_500, 60_000)
const BEFORE_MS = size(1_500, 10_000)
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
      const before = await loadFor(house, PER_SECOND, BEFORE_MS)
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

test('C7: beyond the journal calls are refused with a reason, nothing is lost, and it ends by itself', async () => {
  const house = await openHouse(
    { DATABASE_URL: await database.freshUrl() },
    '[usage]\njournal_max_bytes = 1048576',
  )
  await loadFor(house, PER_SECOND, 300)
  await database.stop('immediate')
  const refusals: string[] = []
  for (let round = 0; round < 200 && refusals.length === 0; round += 1)
    refusals.push(...(await loadFor(house, 400, 250)).failed)
  expect(refusals.length).toBeGreaterThan(0)
  for (const refusal of refusals) expect(refusal).toMatch(/^503 .*journal/)
  const accepted = house.upstream.ledger.entries.length
  // Refused calls ask nothing of the upstream.
  await loadFor(house, PER_SECOND, 200)
  expect(house.upstream.ledger.entries.length).toBe(accepted)
  await database.start()
  const back = performance.now()
  await arrived(house, accepted, back)
  let after = await loadFor(house, PER_SECOND, 200)
  while (after.failed.length > 0 && performance.now() - back < DRAINED_MS)
    after = await loadFor(house, PER_SECOND, 200)
  const recovered = performance.now() - back
  const rows = rowsByRequest(await readBooks(house.dataDirectory, house.stored))
  const missing = [...entriesByWord(house.upstream.ledger).keys()].filter(
    (word) => rows.get(word)?.length !== 1,
  )
  figure('C7', {
    accepted,
    lost: missing.length,
    refused: refusals.length,
    recovered_ms: Math.round(recovered),
  })
  await house.close()
  expect(after.failed).toEqual([])
  expect(missing).toEqual([])
}, 240_000)

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
  const streams = await Promise.all(
    Array.from({ length: STREAMS }, (_, index) =>
      openStream(house, `[scene:long@60] ${customFault(endless)} ${wordOf(5_000_000 + index)}`),
    ),
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
  for (const { socket } of streams) socket.destroy()
  await house.close()
  figure('F3', {
    streams: streams.filter(({ head }) => head.startsWith('HTTP/1.1 200')).length,
    pool: 5,
    connections: total.rows[0]?.n ?? 0,
    held: Math.max(...busiest),
  })
  expect(streams.filter(({ head }) => head.startsWith('HTTP/1.1 200'))).toHaveLength(STREAMS)
  expect(Math.max(...busiest)).toBe(0)
  expect(total.rows[0]?.n ?? 99).toBeLessThanOrEqual(5)
}, 120_000)

/** A socket of its own for each: the runtime's `fetch` opens no more than 256. Resolves with the first content. */
function openStream(house: House, content: string): Promise<{ socket: Socket; head: string }> {
  const { hostname, port } = new URL(house.gateway.url)
  const body = JSON.stringify(chatFront.body('m', content, true))
  const head = [
    `POST ${chatFront.path} HTTP/1.1`,
    `host: ${hostname}`,
    `authorization: Bearer ${house.key}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
  ].join('\r\n')
  return new Promise((resolve, reject) => {
    let seen = ''
    const socket = connect(Number(port), hostname, () => void socket.write(`${head}\r\n\r\n${body}`))
    socket.on('data', (chunk) => {
      seen += chunk.toString()
      if (seen.includes('data: ') || !seen.startsWith('HTTP/1.1 200')) resolve({ socket, head: seen })
    })
    socket.on('error', reject)
  })
}
