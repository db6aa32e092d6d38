import { describe, expect, test } from 'bun:test'
import { KEYS_TOPIC } from '../../../src/keys/identifier.ts'
import type { IssuedKey } from '../../../src/keys/manage.ts'
import { RedisAnnouncements } from '../../../src/store/redis/announcements.ts'
import { RedisConnection } from '../../../src/store/redis/connection.ts'
import { testPostgres } from '../../support/services/postgres.ts'
import { ownRedis, testRedis } from '../../support/services/redis.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { callAs, type Office, openOffice } from './support/office.ts'

/** I3 a key that was revoked, disabled or has expired stops within a second everywhere, within five without Redis, and never comes back. */

type End = (office: Office, issued: IssuedKey) => Promise<void>

const ends: Readonly<Record<string, { end: End; status: number }>> = {
  disabled: {
    end: async ({ database }, { record }) => void (await database.keys.update(record.id, { enabled: false })),
    status: 403,
  },
  deleted: {
    end: async ({ database }, { record }) => void (await database.keys.delete(record.id, Date.now())),
    status: 401,
  },
  expired: {
    end: async ({ database }, { record }) =>
      void (await database.keys.update(record.id, { expiresAt: Date.now() })),
    status: 403,
  },
  rotated: {
    end: async (office, { record }) => void (await office.keys('rotate', record.id, '--grace', '0')),
    status: 401,
  },
}

/** Keys of one round: many at once, so that a full run does not take hours. */
const AT_ONCE = 10

interface Found {
  rounds: number
  seconds: number[]
  resurrections: number
  /** The slowest answer of `/healthz` meanwhile: what the machine, not the gateway, is late. */
  lag: number
}

/** Asks the gateways for their health until it is told to stop; gives the slowest answer in seconds. */
function watchLag(office: Office): () => Promise<number> {
  let watching = true
  const watch = office.gateways.map(async ({ url }) => {
    let slowest = 0
    while (watching) {
      const began = performance.now()
      await fetch(`${url}/healthz`).then((response) => response.text())
      slowest = Math.max(slowest, (performance.now() - began) / 1_000)
      await new Promise((wake) => setTimeout(wake, 10))
    }
    return slowest
  })
  return async () => {
    watching = false
    return Math.max(...(await Promise.all(watch)))
  }
}

/** Ends keys in rounds; after each, asks every gateway until it refuses, and at the end all of them once more. */
async function revoke(office: Office, rounds: number, tell: (id: string) => void): Promise<Found> {
  const found: Found = { rounds: 0, seconds: [], resurrections: 0, lag: 0 }
  const lag = watchLag(office)
  const gone: { key: string; status: number }[] = []
  while (found.rounds < rounds) {
    const issued = await Promise.all(Array.from({ length: AT_ONCE }, () => office.issue()))
    for (const { url } of office.gateways)
      for (const { key } of issued) expect((await callAs(url, key)).status).toBe(200)
    await Promise.all(
      issued.map(async (one, index) => {
        const { end, status } = Object.values(ends)[(found.rounds + index) % 4] ?? { status: 0 }
        await end?.(office, one)
        tell(one.record.id)
        const began = performance.now()
        await Promise.all(
          office.gateways.map(async ({ url }) => {
            for (;;) {
              const answer = await callAs(url, one.key)
              // A wrong key that is asked for again and again is a guess at some point.
              if (answer.status === status || answer.status === 429) break
              expect(answer.status).toBe(200)
              await new Promise((wake) => setTimeout(wake, 10))
            }
            found.seconds.push((performance.now() - began) / 1_000)
          }),
        )
        gone.push({ key: one.key, status })
      }),
    )
    found.rounds += AT_ONCE
  }
  found.lag = await lag()
  for (const { url } of office.gateways)
    for (const { key } of gone) if ((await callAs(url, key)).status === 200) found.resurrections += 1
  return found
}

function tell(promise: string, found: Found, replicas: number): void {
  figure(promise, {
    n: found.rounds,
    replicas,
    seconds_max: Math.max(...found.seconds).toFixed(2),
    seconds_p50: percentile(found.seconds, 0.5).toFixed(2),
    lag_of_the_machine: found.lag.toFixed(2),
    resurrections: found.resurrections,
  })
}

describe('promise I3', () => {
  test('three replicas over PostgreSQL and Redis: within a second', async () => {
    const [postgres, redis] = await Promise.all([testPostgres(), testRedis()])
    const office = await openOffice({
      replicas: 3,
      databaseUrl: await postgres.freshUrl(),
      redisUrl: redis.url,
      prefix: redis.freshPrefix(),
    })
    const connection = new RedisConnection({
      url: redis.url,
      prefix: office.prefix,
      commandTimeoutMs: 1_000,
      now: Date.now,
    })
    const announcements = new RedisAnnouncements(connection)
    try {
      const found = await revoke(office, size(100, 500), (id) => announcements.publish(KEYS_TOPIC, id))
      expect(Math.max(...found.seconds)).toBeLessThanOrEqual(1 + found.lag)
      expect(found.resurrections).toBe(0)
      tell('I3, PostgreSQL and Redis', found, 3)
    } finally {
      await connection.close()
      await office.close()
    }
  }, 600_000)

  test('three replicas, Redis dead: within five seconds', async () => {
    const [postgres, redis] = await Promise.all([testPostgres(), ownRedis()])
    const office = await openOffice({
      replicas: 3,
      databaseUrl: await postgres.freshUrl(),
      redisUrl: redis.url,
      toml: '[redis.on_loss]\nrequests = "allow"\ntokens = "allow"\n',
    })
    try {
      await redis.kill()
      const found = await revoke(office, size(20, 200), () => {})
      expect(Math.max(...found.seconds)).toBeLessThanOrEqual(5 + found.lag)
      expect(found.resurrections).toBe(0)
      tell('I3, Redis dead', found, 3)
    } finally {
      await office.close()
      await redis.close()
    }
  }, 600_000)

  test('one gateway over SQLite, keys ended by the command line: within five seconds', async () => {
    const office = await openOffice()
    try {
      const found = await revoke(office, size(20, 200), () => {})
      expect(Math.max(...found.seconds)).toBeLessThanOrEqual(5 + found.lag)
      expect(found.resurrections).toBe(0)
      tell('I3, SQLite', found, 1)
    } finally {
      await office.close()
    }
  }, 600_000)

  test('expiry needs nobody to say it: it stops at its moment', async () => {
    const office = await openOffice()
    try {
      const url = office.gateways[0]?.url ?? ''
      const expiresAt = Date.now() + 700
      const { key } = await office.issue({ expiresAt })
      let refusedAt = 0
      while (refusedAt === 0) {
        const { status } = await callAs(url, key)
        if (status === 403) refusedAt = Date.now()
        else if (Date.now() < expiresAt) expect(status).toBe(200)
        await new Promise((wake) => setTimeout(wake, 5))
      }
      expect(refusedAt).toBeGreaterThanOrEqual(expiresAt)
      expect(refusedAt - expiresAt).toBeLessThan(500)
    } finally {
      await office.close()
    }
  })
})
