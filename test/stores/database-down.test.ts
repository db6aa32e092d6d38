import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createServer, type Server, type Socket } from 'node:net'
import { Client } from 'pg'
import { type Database, openDatabase } from '../../src/store/open.ts'
import type { StoreHealth } from '../../src/store/ports/shared-state.ts'
import { figure, size } from '../promises/support/figure.ts'
import { type OwnPostgres, ownPostgres } from '../support/services/postgres.ts'
import { freePort } from '../support/services/processes.ts'
import { newKey, newUsageRow } from './databases.ts'

const TIMEOUT = 500
/** What the machine may add to a time-out when others use it too. */
const SLACK = 400
const RECOVERY = 5_000

const open = (url: string, poolSize = 3, onHealth?: (health: StoreHealth) => void): Database =>
  openDatabase({ url, poolSize, timeoutMs: TIMEOUT }, Date.now, onHealth)

/** Every kind of access, each must fail as the store's trouble and in time. */
const accesses: Readonly<Record<string, (database: Database) => Promise<unknown>>> = {
  'find a key': (database) => database.keys.findByHash('0'.repeat(64)),
  'list keys': (database) => database.keys.list({}),
  'poll changes': (database) => database.keys.changedSince(0, 10),
  'make a key': (database) => database.keys.create(newKey()),
  'insert usage': (database) => database.usage.insert([newUsageRow()]),
  'sum usage': (database) => database.usage.sum({}),
  'read a setting': (database) => database.settings.get('x'),
}

async function expectUnavailable(database: Database, which = Object.keys(accesses)): Promise<void> {
  await Promise.all(
    which.map(async (name) => {
      const started = performance.now()
      const failure = await accesses[name]?.(database).then(
        () => `${name} succeeded`,
        (thrown: Error) => thrown.name,
      )
      expect(failure).toBe('StoreUnavailable')
      expect(performance.now() - started).toBeLessThan(TIMEOUT + SLACK)
    }),
  )
}

/** Milliseconds until every access succeeds, asked for as a gateway would: again and again. */
async function recovery(database: Database): Promise<number> {
  const started = performance.now()
  for (;;) {
    const failed = await Promise.all(
      Object.values(accesses).map((access) =>
        access(database).then(
          () => false,
          () => true,
        ),
      ),
    )
    if (!failed.includes(true)) return performance.now() - started
    if (performance.now() - started > 3 * RECOVERY) throw new Error('the database never came back')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Accepts connections and never says a word. */
async function blackhole(): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `postgres://u:p@127.0.0.1:${port}/x`,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

describe('PostgreSQL that fails', () => {
  let postgres: OwnPostgres
  let database: Database
  const changes: StoreHealth[] = []

  beforeAll(async () => {
    postgres = await ownPostgres()
    database = open(postgres.url, 3, (health) => changes.push(health))
    await database.migrate()
  })
  afterAll(async () => {
    await database.close()
    await postgres.close()
  })

  test('it is called up as soon as it answered', () => {
    expect(database.health()).toMatchObject({ store: 'database', up: true })
  })

  const outages: Readonly<Record<string, { begin(): unknown; end(): unknown }>> = {
    frozen: { begin: () => postgres.freeze(), end: () => postgres.thaw() },
    killed: { begin: () => postgres.kill(), end: () => postgres.start() },
    'stopped in an orderly way': { begin: () => postgres.stop(), end: () => postgres.start() },
    crashed: { begin: () => postgres.stop('immediate'), end: () => postgres.start() },
  }
  for (const [name, { begin, end }] of Object.entries(outages))
    test(`${name}: everything fails in time and as trouble of the store; it comes back by itself`, async () => {
      const rounds = size(3, 50)
      let slowest = 0
      for (let round = 0; round < rounds; round += 1) {
        changes.length = 0
        await begin()
        await expectUnavailable(database)
        // Once it is known to be down nobody waits for it.
        const known = performance.now()
        await until(() => !database.health().up)
        await expectUnavailable(database)
        expect(performance.now() - known).toBeLessThan(2 * TIMEOUT + SLACK)
        expect(database.health().reason).toBeString()
        await end()
        slowest = Math.max(slowest, await recovery(database))
        expect(database.health().up).toBe(true)
        // Told once, however many calls failed.
        expect(changes.map((health) => health.up)).toEqual([false, true])
      }
      figure('F2', { store: 'postgres', how: name, n: rounds, longest_recovery_ms: Math.round(slowest) })
      expect(slowest).toBeLessThan(RECOVERY)
    })

  test('what is refused at start: refused, silent, wrong password, no such database; words without the password', async () => {
    const silent = await blackhole()
    const address = new URL(postgres.url)
    const wrong = new URL(postgres.url)
    wrong.password = 'not-the-password'
    address.pathname = '/missing'
    const urls = [
      `postgres://u:secret-word@127.0.0.1:${await freePort()}/x`,
      silent.url,
      wrong.href,
      address.href,
    ]
    for (const url of urls) {
      const down = open(url)
      await expectUnavailable(down)
      await until(() => down.health().reason !== 'not asked yet')
      expect(down.health().up).toBe(false)
      expect(down.health().reason).not.toMatch(/secret-word|not-the-password|for-tests-only/)
      const failure = await down.migrate().catch((thrown: Error) => thrown)
      expect(failure).toMatchObject({ name: 'StoreUnavailable' })
      await down.close()
    }
    silent.close()
  })

  test('a database that was never up is prepared when it comes', async () => {
    const late = await ownPostgres()
    await late.stop()
    const waiting = open(late.url)
    await expectUnavailable(waiting)
    await late.start()
    expect(await recovery(waiting)).toBeLessThan(RECOVERY)
    await waiting.close()
    await late.close()
  })

  test('no connection is left: those who wait are told in time, those who have one are not disturbed', async () => {
    const holder = new Client({ connectionString: postgres.url })
    await holder.connect()
    await holder.query('begin')
    await holder.query("select * from counters where name = 'keys' for update")
    const small = open(postgres.url, 2)
    await small.migrate()
    const blocked = [small.keys.create(newKey()), small.keys.create(newKey())].map((work) =>
      work.then(
        () => 'made',
        (thrown: Error) => thrown.name,
      ),
    )
    await expectUnavailable(small, ['find a key', 'poll changes', 'sum usage'])
    expect(await Promise.all(blocked)).toEqual(['StoreUnavailable', 'StoreUnavailable'])
    await holder.query('rollback')
    await holder.end()
    expect(await recovery(small)).toBeLessThan(RECOVERY)
    await small.close()
  })

  test('no connection is held while nothing is asked', async () => {
    const { rows } = await ask(
      postgres.url,
      "select count(*)::int as busy from pg_stat_activity where application_name = 'xjp-gateway' and state <> 'idle'",
    )
    expect(rows).toEqual([{ busy: 0 }])
  })

  test('read-only: reading goes on, writing is the store’s trouble, health says why', async () => {
    const url = await postgres.freshUrl()
    const name = new URL(url).pathname.slice(1)
    const readOnly = open(url)
    const key = await readOnly.keys.create(newKey())
    await ask(postgres.url, `alter database ${name} set default_transaction_read_only = on`)
    await ask(
      postgres.url,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid()`,
    )
    await until(async () => (await readOnly.keys.get(key.id).catch(() => undefined)) !== undefined)
    await expectUnavailable(readOnly, ['make a key', 'insert usage'])
    await until(() => /read-only/.test(readOnly.health().reason ?? ''))
    expect(await readOnly.keys.findByHash(key.hash)).toEqual(key)
    await ask(postgres.url, `alter database ${name} reset default_transaction_read_only`)
    expect(await recovery(readOnly)).toBeLessThan(RECOVERY)
    await readOnly.close()
  })

  test('a full disk, as PostgreSQL tells it, is the store’s trouble', async () => {
    const url = await postgres.freshUrl()
    const full = open(url)
    await full.migrate()
    await ask(
      url,
      `create function full_disk() returns trigger language plpgsql as
       'begin raise exception ''could not extend file: No space left on device'' using errcode = ''53100''; end'`,
    )
    await ask(url, 'create trigger full_disk before insert on usage_requests execute function full_disk()')
    await expectUnavailable(full, ['insert usage'])
    expect(full.health()).toMatchObject({ up: false, reason: expect.stringContaining('No space left') })
    expect(await full.keys.revision()).toBe(0)
    await ask(url, 'drop trigger full_disk on usage_requests')
    expect(await recovery(full)).toBeLessThan(RECOVERY)
    await full.close()
  })

  test('closing does not wait for a server that is frozen', async () => {
    const other = open(postgres.url)
    await other.migrate()
    postgres.freeze()
    const pending = other.keys.revision().catch((thrown: Error) => thrown.name)
    const started = performance.now()
    await other.close()
    expect(performance.now() - started).toBeLessThan(TIMEOUT + SLACK)
    expect(await pending).toBe('StoreUnavailable')
    postgres.thaw()
    await expect(other.keys.revision()).rejects.toMatchObject({ name: 'StoreUnavailable' })
  })
})

async function ask(url: string, text: string): Promise<{ rows: unknown[] }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await client.query(text)
  } finally {
    await client.end()
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + RECOVERY
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it never came to that: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
