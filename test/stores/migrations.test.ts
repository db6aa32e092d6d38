import { describe, expect, test } from 'bun:test'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { sql } from 'kysely'
import { Client } from 'pg'
import { openDatabase } from '../../src/store/open.ts'
import type { SqlKind } from '../../src/store/sql/column-types.ts'
import { type MigrationReport, migrate } from '../../src/store/sql/migrate.ts'
import { type Migration, migrations } from '../../src/store/sql/migrations.ts'
import { NewerSchema } from '../../src/store/sql/newer-schema.ts'
import { figure } from '../promises/support/figure.ts'
import { noteForReport } from '../support/services/report.ts'
import { freshAddress, openBackend, sqlKinds } from './backends.ts'
import { newKey } from './databases.ts'

const stepNames = migrations.flatMap(({ version, steps }) => steps.map((step) => `${version}: ${step.name}`))
const waiting = { now: Date.now, waitMs: 10_000 }

/** Migrates in another process; undefined when that was killed. */
function migrateInProcess(
  kind: SqlKind,
  address: string,
  killAt?: number,
): Promise<MigrationReport | undefined> {
  const driver = join(import.meta.dir, 'migrate-driver.ts')
  const args = [driver, kind, address, ...(killAt === undefined ? [] : [String(killAt)])]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(undefined)
      else if (code === 0) resolve(JSON.parse(text) as MigrationReport)
      else reject(new Error(`the migrating process ended with ${code}`))
    })
  })
}

/** Every table, column and index, as the database tells them. */
async function schemaOf(kind: SqlKind, address: string): Promise<unknown> {
  const backend = openBackend(kind, address)
  const query = {
    sqlite: sql`select name, tbl_name, sql from sqlite_master order by name`,
    postgres: sql`select table_name, column_name, data_type, is_nullable, collation_name from information_schema.columns
      where table_schema = 'public' union all
      select tablename, indexname, indexdef, '', '' from pg_indexes where schemaname = 'public' order by 1, 2`,
  }[kind]
  const { rows } = await backend.read((database) => query.execute(database))
  await backend.close()
  return rows
}

for (const kind of sqlKinds)
  describe(`migrations on ${kind}`, () => {
    noteForReport(`migrations: ${kind === 'sqlite' ? 'SQLite' : 'PostgreSQL'}`)

    test('a process killed in every step is continued by the next one, and the schema is the same', async () => {
      const address = await freshAddress(kind)
      for (let step = 0; step < stepNames.length; step += 1)
        expect(await migrateInProcess(kind, address, step)).toBeUndefined()
      const last = await migrateInProcess(kind, address)
      expect(last?.steps).toEqual(stepNames.slice(-1))
      const straight = await freshAddress(kind)
      expect((await migrateInProcess(kind, straight))?.steps).toEqual(stepNames)
      expect(await schemaOf(kind, address)).toEqual(await schemaOf(kind, straight))
      expect((await migrateInProcess(kind, address))?.steps).toEqual([])
      figure('H8', { store: kind, kills: stepNames.length, manual_repairs: 0 })
    })

    test('of ten processes at once every step is done by one', async () => {
      const address = await freshAddress(kind)
      const reports = await Promise.all(Array.from({ length: 10 }, () => migrateInProcess(kind, address)))
      expect(reports.flatMap((report) => report?.steps ?? []).sort()).toEqual([...stepNames].sort())
      expect(reports.every((report) => report?.to === migrations.at(-1)?.version)).toBe(true)
      figure('H7', { store: kind, processes: reports.length, steps: stepNames.length, done_twice: 0 })
    })

    test('a newer schema is refused with words, by every store, and nothing is changed', async () => {
      const address = await freshAddress(kind)
      const newer: Migration = {
        version: 99,
        steps: [
          {
            name: 'of the future',
            run: (database) => database.schema.createTable('future').addColumn('x', 'text').execute(),
          },
        ],
      }
      const backend = openBackend(kind, address)
      await migrate(backend, [...migrations, newer], waiting)
      const before = await schemaOf(kind, address)
      const database = openDatabase({
        ...(kind === 'sqlite' ? { dataDir: join(address, '..') } : { url: address }),
        poolSize: 2,
        timeoutMs: 5_000,
      })
      const failure = await database.migrate().catch((thrown: unknown) => thrown)
      expect(failure).toBeInstanceOf(NewerSchema)
      expect(String(failure)).toContain('schema version 99')
      await expect(database.keys.create(newKey())).rejects.toMatchObject({ name: 'StoreUnavailable' })
      await expect(database.usage.sum({})).rejects.toMatchObject({ name: 'StoreUnavailable' })
      expect(await schemaOf(kind, address)).toEqual(before)
      await Promise.all([database.close(), backend.close()])
    })

    test('a step that fails leaves nothing behind and is tried again; those before it are not repeated', async () => {
      const address = await freshAddress(kind)
      const backend = openBackend(kind, address)
      let runs = 0
      let fails = true
      const migration: Migration = {
        version: 1,
        steps: [
          {
            name: 'first',
            run: async (database) => {
              runs += 1
              await database.schema.createTable('one').addColumn('x', 'text').execute()
            },
          },
          {
            name: 'second',
            run: async (database) => {
              await database.schema.createTable('two').addColumn('x', 'text').execute()
              if (fails) throw new Error('not yet')
            },
          },
          {
            name: 'alone',
            alone: true,
            run: async (database, sqlKind) => {
              await database.schema.dropIndex('one_x').ifExists().execute()
              if (sqlKind === 'sqlite')
                await database.schema.createIndex('one_x').on('one').column('x').execute()
              else await sql`create index concurrently one_x on one (x)`.execute(database)
              if (fails) throw new Error('interrupted')
            },
          },
        ],
      }
      await expect(migrate(backend, [migration], waiting)).rejects.toThrow('not yet')
      fails = false
      const report = await migrate(backend, [migration], waiting)
      expect(report).toMatchObject({ from: 0, to: 1, steps: ['1: second', '1: alone'] })
      expect(runs).toBe(1)
      await backend.close()
    })

    test('a database of an earlier release is brought further, its version told', async () => {
      const address = await freshAddress(kind)
      const backend = openBackend(kind, address)
      expect(await migrate(backend, migrations.slice(0, 1), waiting)).toMatchObject({ from: 0, to: 1 })
      expect(await migrate(backend, migrations, waiting)).toMatchObject({ from: 1, to: 2 })
      expect(await migrate(backend, migrations, waiting)).toMatchObject({ from: 2, to: 2, steps: [] })
      await backend.close()
    })
  })

describe('migrations on PostgreSQL, beside others', () => {
  test('another migrator is waited for, outside a transaction, and not for ever', async () => {
    const url = await freshAddress('postgres')
    const holder = new Client({ connectionString: url })
    await holder.connect()
    await holder.query('select pg_advisory_lock(7216432001)')
    const backend = openBackend('postgres', url)
    await expect(migrate(backend, migrations, { now: Date.now, waitMs: 300 })).rejects.toMatchObject({
      name: 'StoreUnavailable',
    })
    const patient = migrate(backend, migrations, waiting)
    const { rows } = await holder.query<{ count: string }>(
      "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'",
    )
    expect(rows[0]?.count).toBe('0')
    await holder.query('select pg_advisory_unlock(7216432001)')
    expect((await patient).steps).toEqual(stepNames)
    await Promise.all([holder.end(), backend.close()])
  })

  test('a step that waits for a table does not make readers wait for longer than a second', async () => {
    const url = await freshAddress('postgres')
    const backend = openBackend('postgres', url)
    await migrate(backend, migrations, waiting)
    const change: Migration = {
      version: 3,
      steps: [
        {
          name: 'add',
          run: (database) => database.schema.alterTable('settings').addColumn('extra', 'text').execute(),
        },
      ],
    }
    const holder = new Client({ connectionString: url })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select * from settings')
    const migrating = migrate(backend, [...migrations, change], waiting)
    let slowest = 0
    for (const until = Date.now() + 2_000; Date.now() < until; ) {
      const started = performance.now()
      await backend.read((database) => database.selectFrom('settings').selectAll().execute())
      slowest = Math.max(slowest, performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await holder.query('commit')
    expect((await migrating).steps).toEqual(['3: add'])
    expect(slowest).toBeLessThan(1_000)
    await Promise.all([holder.end(), backend.close()])
  })
})
