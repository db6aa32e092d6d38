import { Database as SqliteFile } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../src/store/open.ts'
import { temporaryFolder } from '../support/services/processes.ts'
import { newKey, newUsageRow } from './databases.ts'

const TIMEOUT = 500
/** Migrating takes its time when the machine is busy, so that is done before time is measured. */
const open = (dataDir: string, timeoutMs = 10_000): Database =>
  openDatabase({ dataDir, poolSize: 1, timeoutMs })

test('opening writes nothing; the folder and its files are their owner’s alone', async () => {
  const dataDir = join(temporaryFolder('sqlite'), 'deep', 'data')
  const database = open(dataDir)
  expect(() => statSync(dataDir)).toThrow()
  const key = await database.keys.create(newKey())
  expect(statSync(dataDir).mode & 0o777).toBe(0o700)
  for (const name of ['xjp.sqlite', 'xjp.sqlite-wal', 'xjp.sqlite-shm'])
    expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  const other = open(dataDir)
  expect(await other.keys.get(key.id)).toEqual(key)
  await Promise.all([database.close(), other.close()])
})

test('another process that holds the lock: reading goes on, writing is told in time, and the loop turns meanwhile', async () => {
  const dataDir = temporaryFolder('sqlite')
  const first = open(dataDir)
  const key = await first.keys.create(newKey())
  await first.close()
  const database = open(dataDir, TIMEOUT)
  await database.migrate()
  const holder = new SqliteFile(join(dataDir, 'xjp.sqlite'))
  holder.run('begin immediate')
  const started = performance.now()
  let turns = 0
  const ticks = setInterval(() => {
    turns += 1
  }, 1)
  const writing = Promise.all(
    Array.from({ length: 5 }, () =>
      database.keys.update(key.id, { enabled: false }).catch((thrown: Error) => thrown.name),
    ),
  )
  let isWriting = true
  const written = writing.then((names) => {
    isWriting = false
    return names
  })
  expect(await database.keys.get(key.id)).toEqual(key)
  expect(isWriting).toBe(true)
  expect(await written).toEqual(Array.from({ length: 5 }, () => 'StoreUnavailable'))
  clearInterval(ticks)
  expect(performance.now() - started).toBeLessThan(TIMEOUT + 500)
  expect(turns).toBeGreaterThan(5)
  const late = database.keys.update(key.id, { enabled: false })
  holder.run('commit')
  expect((await late)?.enabled).toBe(false)
  expect(database.health().up).toBe(true)
  holder.close()
  await database.close()
})

test('a place that is no folder, and a file that is no database, are the store’s trouble, and it comes back', async () => {
  const folder = temporaryFolder('sqlite')
  writeFileSync(join(folder, 'file'), 'x')
  const nowhere = open(join(folder, 'file', 'data'))
  await expect(nowhere.keys.revision()).rejects.toMatchObject({ name: 'StoreUnavailable' })
  expect(nowhere.health()).toMatchObject({ up: false })
  await nowhere.close()

  const dataDir = join(folder, 'data')
  mkdirSync(dataDir)
  writeFileSync(join(dataDir, 'xjp.sqlite'), 'This is no database. '.repeat(100))
  const database = open(dataDir)
  await expect(database.keys.revision()).rejects.toMatchObject({ name: 'StoreUnavailable' })
  rmSync(join(dataDir, 'xjp.sqlite'))
  expect(await database.keys.revision()).toBe(0)
  expect(database.health().up).toBe(true)
  await database.close()
})

test('a full disk: what was inserted stays, what was not is told, keys are still found', () => {
  const dataDir = temporaryFolder('sqlite')
  const driver = join(import.meta.dir, 'sqlite-driver.ts')
  const command = `trap '' XFSZ; ulimit -f 1024; exec "$0" "$1" "$2" 100000`
  const done = spawnSync('bash', ['-c', command, process.execPath, driver, dataDir], { encoding: 'utf8' })
  const told = JSON.parse(done.stdout)
  expect(told).toMatchObject({ failure: { name: 'StoreUnavailable' }, isKnown: true })
  expect(told.inserted).toBeGreaterThan(0)
  expect(told.requests).toBe(told.inserted)
})

test('a batch that is killed half-way is not there at all, and the next one is whole', async () => {
  const dataDir = temporaryFolder('sqlite')
  const database = open(dataDir)
  const rows = Array.from({ length: 20 }, (_, index) => newUsageRow({ id: `row-${index}` }))
  const file = new SqliteFile(join(dataDir, 'xjp.sqlite'))
  await database.migrate()
  file.run("create trigger fails before insert on usage_days begin select raise(abort, 'no more'); end")
  await expect(database.usage.insert(rows)).rejects.toThrow()
  expect(await database.usage.rows({}, { limit: 100 })).toEqual([])
  file.run('drop trigger fails')
  await database.usage.insert(rows)
  expect((await database.usage.sum({})).requests).toBe(20)
  file.close()
  await database.close()
})
