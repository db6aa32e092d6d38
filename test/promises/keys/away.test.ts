import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { newKey } from '../../../src/keys/key-format.ts'
import { type OwnPostgres, ownPostgres } from '../../support/services/postgres.ts'
import { type OwnRedis, ownRedis } from '../../support/services/redis.ts'
import { figure, size } from '../support/figure.ts'
import { callAs, chat, type Office, openOffice } from './support/office.ts'

/** F4 our trouble is never your 401: with a store frozen, killed or out of connections, and at a start without it. */

let postgres: OwnPostgres
let redis: OwnRedis
let office: Office
const known: string[] = []
beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([ownPostgres({ max_connections: '12' }), ownRedis()])
  office = await openOffice({
    replicas: 2,
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    toml: '[database]\ntimeout_ms = 500\npool_size = 2\n',
  })
  for (let count = 0; count < 5; count++) known.push((await office.issue()).key)
  for (const { url } of office.gateways)
    for (const key of known) expect((await callAs(url, key)).status).toBe(200)
}, 120_000)
afterAll(async () => {
  await office?.close()
  await Promise.all([postgres?.close(), redis?.close()])
})

const statuses = (found: readonly { status: number }[]): number[] => [
  ...new Set(found.map(({ status }) => status)),
]

/** Calls with known keys, with one that no gateway has seen, and with none, on every replica. */
async function call(
  fresh: string,
): Promise<Record<'known' | 'fresh' | 'none', Awaited<ReturnType<typeof callAs>>[]>> {
  const found = { known: [], fresh: [], none: [] } as Awaited<ReturnType<typeof call>>
  for (const { url } of office.gateways) {
    for (const key of known) {
      found.known.push(await callAs(url, key))
      found.known.push(await callAs(url, key, '/v1/chat/completions', chat()))
    }
    found.fresh.push(await callAs(url, fresh))
    found.none.push(await callAs(url, undefined))
  }
  return found
}

let holder: Client | undefined

/** Every connection of every pool hangs on a lock that is not given up. */
async function lock(): Promise<void> {
  holder = new Client({ connectionString: postgres.url })
  await holder.connect()
  await holder.query('begin')
  await holder.query('lock table api_keys, counters in access exclusive mode')
}

async function unlock(): Promise<void> {
  await holder?.query('rollback')
  await holder?.end()
}

const troubles: [string, () => void | Promise<void>, () => void | Promise<void>][] = [
  ['frozen', () => postgres.freeze(), () => postgres.thaw()],
  ['stopped', () => postgres.stop('immediate'), () => postgres.start()],
  ['hanging on a lock, all connections in use', lock, unlock],
  ['killed', () => postgres.kill(), () => postgres.start()],
]

describe('promise F4', () => {
  for (const [name, begin, end] of troubles)
    test(`PostgreSQL ${name}: known keys are served, an unknown one gets 503, nobody a wrong 401`, async () => {
      const { key: fresh } = await office.issue()
      await begin()
      let n = 0
      try {
        for (let round = 0; round < size(2, 10); round++) {
          const found = await call(newKey(randomBytes))
          expect(statuses(found.known)).toEqual([200])
          expect(statuses(found.fresh)).toEqual([503])
          for (const { code, headers } of found.fresh) {
            expect(code).toBe('store_unavailable')
            expect(headers.get('retry-after')).toBe('1')
          }
          expect(statuses(found.none)).toEqual([401])
          n += found.known.length + found.fresh.length
        }
      } finally {
        await end()
      }
      // It comes back by itself.
      for (const { url } of office.gateways) {
        const deadline = performance.now() + 10_000
        let status = 0
        while (status !== 200 && performance.now() < deadline) {
          ;({ status } = await callAs(url, fresh))
          expect([200, 503]).toContain(status)
          await new Promise((wake) => setTimeout(wake, 50))
        }
        expect(status).toBe(200)
      }
      figure(`F4, PostgreSQL ${name}`, { n, wrong_401_or_403: 0 })
    }, 120_000)

  test('Redis frozen: every key is served', async () => {
    redis.freeze()
    try {
      const { key: fresh } = await office.issue()
      const found = await call(fresh)
      expect(statuses([...found.known, ...found.fresh])).toEqual([200])
    } finally {
      redis.thaw()
    }
  }, 60_000)

  test('a start without PostgreSQL: who was known before is served (F1), others get 503, and then all', async () => {
    const { key: fresh } = await office.issue()
    const [earlier] = office.gateways
    if (!earlier) return expect.unreachable()
    await earlier.stop()
    await postgres.stop('immediate')
    const began = performance.now()
    const gateway = await office.add(earlier.dataDirectory)
    const seconds = (performance.now() - began) / 1_000
    expect(seconds).toBeLessThan(5)
    try {
      for (const key of known) expect((await callAs(gateway.url, key)).status).toBe(200)
      expect(await callAs(gateway.url, newKey(randomBytes))).toMatchObject({
        status: 503,
        code: 'store_unavailable',
      })
    } finally {
      await postgres.start()
    }
    let status = 0
    for (let tries = 0; tries < 200 && status !== 200; tries++) {
      ;({ status } = await callAs(gateway.url, fresh))
      await new Promise((wake) => setTimeout(wake, 50))
    }
    expect(status).toBe(200)
    figure('F4, a start without PostgreSQL', { seconds_to_ready: seconds.toFixed(2) })
  }, 60_000)
})
