import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { issueKey } from '../../../src/keys/manage.ts'
import { type Database, openDatabase } from '../../../src/store/open.ts'
import { testPostgres } from '../../support/services/postgres.ts'
import { testRedis } from '../../support/services/redis.ts'
import { figure } from '../support/figure.ts'
import { chatFront, messagesFront } from '../support/fronts.ts'
import type { Seen } from '../support/stage.ts'
import { isReplay, keyed, openReplicas, type Replicas, until } from './support/replicas.ts'

/** E3 keys, caches and replays never cross tenants or keys; E4 what a replay uses is nothing. */

const TENANTS = 50

interface Caller {
  tenant: string
  key: string
}

const stages = [
  { name: 'SQLite and memory', shared: false },
  { name: 'PostgreSQL and Redis', shared: true },
]

describe.each(stages)('$name', ({ name, shared }) => {
  let replicas: Replicas
  let database: Database
  const callers: Caller[] = []
  beforeAll(async () => {
    const databaseUrl = shared ? await (await testPostgres()).freshUrl() : undefined
    replicas = await openReplicas({
      count: shared ? 2 : 1,
      mode: 'keys',
      ...(shared ? { redisUrl: (await testRedis()).url } : {}),
      ...(databaseUrl === undefined ? {} : { env: { DATABASE_URL: databaseUrl } }),
    })
    const place =
      databaseUrl === undefined
        ? { dataDir: replicas.gateways[0]?.dataDirectory ?? '' }
        : { url: databaseUrl }
    database = openDatabase({ ...place, poolSize: 2, timeoutMs: 5_000 })
    for (let number = 0; number <= TENANTS; number += 1) {
      // The last ones are further keys of the first tenants, and one more to see when they are known.
      const tenant = `tenant-${number % (TENANTS - 5)}`
      const issued = await issueKey(database.keys, { tenant }, { random: randomBytes, now: Date.now })
      callers.push({ tenant, key: issued.key })
    }
  })
  afterAll(async () => {
    await database.close()
    await replicas.close()
  })

  const send = ({ key }: Caller, at: number, word: string, front = chatFront): Promise<Seen> =>
    keyed(replicas.gateways[at % replicas.gateways.length]?.url ?? '', front, 'one-key-for-all', {
      model: 'messages',
      content: `${word} [fault:stall-start@20]`,
      stream: false,
      headers: { authorization: `Bearer ${key}` },
    })

  test('E3: one key and one body from fifty callers at once', async () => {
    const word = 'crossing-end'
    // A key that was just made is known a moment later.
    const [newest] = callers.slice(-1)
    await until(async () => newest !== undefined && (await send(newest, 0, word)).status === 200)
    replicas.upstream.ledger.clear()
    const others = callers.slice(0, -1)
    const first = await Promise.all(others.map((caller, at) => send(caller, at, word)))
    expect(first.map(({ status }) => status)).toEqual(others.map(() => 200))
    // The upstream numbers its answers, so no two are the same.
    expect(new Set(first.map(({ text }) => text)).size).toBe(others.length)
    expect(replicas.upstream.ledger.withText(word)).toHaveLength(others.length)
    const second = await Promise.all(others.map((caller, at) => send(caller, at + 1, word)))
    const leaks = second.filter((seen, at) => seen.text !== first[at]?.text).length
    figure('E3', { n: others.length, store: name, leaks, replays: second.filter(isReplay).length })
    expect(leaks).toBe(0)
    expect(second.every(isReplay)).toBe(true)
    expect(replicas.upstream.ledger.withText(word)).toHaveLength(others.length)
  })

  test('E3: another endpoint, another answer', async () => {
    const [caller] = callers
    if (!caller) throw new Error('no caller')
    const seen = await send(caller, 0, 'crossing-end', messagesFront)
    expect([seen.status, isReplay(seen)]).toEqual([200, false])
  })

  test('E4: a replay has a row of its own that uses nothing, and takes nothing from the limits', async () => {
    const caller = callers[7] as Caller
    const remaining = (seen: Seen): string | null => seen.headers.get('x-ratelimit-remaining')
    const fresh = async (): Promise<Seen> =>
      keyed(replicas.gateways[0]?.url ?? '', chatFront, `fresh-${randomBytes(4).toString('hex')}`, {
        model: 'messages',
        content: 'fresh',
        stream: false,
        headers: { authorization: `Bearer ${caller.key}` },
      })
    const before = Number(remaining(await fresh()))
    for (let round = 0; round < 5; round += 1)
      expect(isReplay(await send(caller, round, 'crossing-end'))).toBe(true)
    expect(Number(remaining(await fresh()))).toBeGreaterThanOrEqual(before - 1)
    const rows = async () =>
      (await database.usage.rows({ tenant: caller.tenant }, { limit: 100 })).filter(({ replay }) => replay)
    await until(async () => (await rows()).length === 6)
    for (const row of await rows())
      expect(row).toMatchObject({
        status: 200,
        inputTokens: 0,
        outputTokens: 0,
        cost: 0n,
        attempts: [],
        endReason: 'complete',
      })
  })
})
