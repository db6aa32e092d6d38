import { afterEach, describe, expect, test } from 'bun:test'
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GatewayError } from '../protocol/model/error.ts'
import { settleLine } from './journal-record.ts'
import { JOURNAL_FOLDER, Ledger } from './ledger.ts'
import { gatewaysIn } from './recovery.ts'
import { listeningLog, MemoryUsageStore, newFolder, rowWith, snapshotWith } from './testing.ts'

const where: string[] = []
const ledgers: Ledger[] = []
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.stop(0)
  for (const folder of where.splice(0)) rmSync(folder, { recursive: true, force: true })
})

let serial = 0

/** Segments are an eighth of it. */
const usage = {
  onDisconnect: 'cancel' as const,
  drainSeconds: 60,
  retentionDays: 90,
  journalMaxBytes: 80_000,
}

function open(store = new MemoryUsageStore()): {
  folder: string
  root: string
  store: MemoryUsageStore
  log: ReturnType<typeof listeningLog>
  make(): Ledger
} {
  const folder = newFolder()
  where.push(folder)
  const log = listeningLog()
  const make = (): Ledger => {
    const ledger = new Ledger({
      dataDirectory: folder,
      store,
      snapshot: () => snapshotWith({ usage }),
      now: Date.now,
      newId: () => `gateway${(serial += 1)}`,
      log,
    })
    ledgers.push(ledger)
    return ledger
  }
  return { folder, root: join(folder, JOURNAL_FOLDER), store, log, make }
}

/** What a gateway that was killed left. */
function abandoned(root: string, name: string, text: string): void {
  mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, name, '00000001.log'), text)
}

/** In the place of the folder stands something that is none: nothing can be written, whoever tries. */
function block(root: string): void {
  rmSync(root, { recursive: true })
  writeFileSync(root, '')
}

async function until(condition: () => boolean): Promise<void> {
  const begun = performance.now()
  while (!condition() && performance.now() - begun < 5_000) await Bun.sleep(5)
  expect(condition()).toBe(true)
}

describe('what others left', () => {
  test('is in the store when a flush is over, so that budgets begin with it', async () => {
    const { root, store, make } = open()
    for (let index = 0; index < 5; index += 1)
      abandoned(root, `dead${index}`, settleLine(rowWith(`r${index}`)))
    const ledger = make()
    ledger.start()
    await Bun.sleep(1)
    expect(await ledger.flush(5_000)).toBe(true)
    expect(store.kept.size).toBe(5)
  })

  test('goes also when there is nothing in it', async () => {
    const { root, make } = open()
    abandoned(root, 'dead', '')
    make().start()
    await until(() => gatewaysIn(root).length === 1)
  })
})

describe('a disk that takes nothing', () => {
  test('does not end the process, is told of once, and what comes after it is written', async () => {
    const { root, log, make } = open()
    const ledger = make()
    ledger.start(10)
    block(root)
    await until(() => log.said.some((line) => line.includes('cannot be kept')))
    await Bun.sleep(60)
    expect(log.said.filter((line) => line.includes('cannot be kept'))).toHaveLength(1)
    rmSync(root)
    await until(() => readdirSync(where.at(-1) ?? '').includes(JOURNAL_FOLDER))
  })

  test('makes rows wait in memory up to a number; then calls are refused without one', async () => {
    const { root, store, make } = open()
    store.isDown = true
    const ledger = make()
    let rows = 0
    // The next row begins a new segment.
    while (ledger.health.bytes < 10_000) {
      ledger.settle(rowWith(`r${(rows += 1)}`))
      await Bun.sleep(7)
    }
    block(root)
    let refusal: unknown
    for (; rows < 5_000 && refusal === undefined; rows += 1) {
      ledger.settle(rowWith(`b${rows}`))
      if (rows % 100 === 0) await Bun.sleep(6)
      try {
        ledger.checkRoom()
      } catch (thrown) {
        refusal = thrown
      }
    }
    expect(refusal).toBeInstanceOf(GatewayError)
    expect(refusal).toMatchObject({ details: { code: 'usage_journal_unwritable' } })
    expect([ledger.hasRoom, ledger.health.state, rows < 2_000]).toEqual([false, 'unwritable', true])
    store.isDown = false
    rmSync(root)
    expect(await ledger.flush(10_000)).toBe(true)
    expect(store.kept.size).toBe(rows)
  }, 15_000)
})
