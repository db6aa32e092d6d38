import { afterEach, describe, expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import type { UsageRow, UsageStore } from '../store/ports/usage.ts'
import { Inserter } from './inserter.ts'
import { interruptedRow } from './interrupted.ts'
import type { Intent } from './journal-record.ts'
import { intentLine, settleLine } from './journal-record.ts'
import { inserterFor, JOURNAL_FOLDER, Ledger } from './ledger.ts'
import { claimFolder, isOwnerAlive, leaveFolder } from './owner.ts'
import { gatewaysIn, recover, shipTails } from './recovery.ts'
import { Retention } from './retention.ts'
import { listeningLog, MemoryUsageStore, newFolder, rowWith, snapshotWith } from './testing.ts'

const folders: string[] = []
const ledgers: Ledger[] = []
afterEach(async () => {
  for (const ledger of ledgers.splice(0)) await ledger.stop(0)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function folder(): string {
  const made = newFolder()
  folders.push(made)
  return made
}

let serial = 0
const newId = (): string => `gateway${(serial += 1)}`

function ledgerIn(
  dataDirectory: string,
  store: UsageStore,
  { journalMaxBytes = 1e9, batchRows = 100 } = {},
): Ledger {
  const usage = { onDisconnect: 'cancel' as const, drainSeconds: 60, retentionDays: 90, journalMaxBytes }
  const ledger = new Ledger({
    dataDirectory,
    store,
    snapshot: () => snapshotWith({ usage }),
    now: Date.now,
    newId,
    log: listeningLog(),
    batchRows,
  })
  ledgers.push(ledger)
  return ledger
}

function intent(id: string, attempt = 0, parts: Partial<Intent> = {}): Intent {
  return {
    id,
    attempt,
    requestId: `req-${id}`,
    tenant: 'acme',
    endpoint: 'messages',
    model: 'public',
    provider: 'openai',
    upstreamModel: 'gpt-4.1',
    stream: true,
    callStartedAt: 1_790_000_000_000,
    startedAt: 1_790_000_000_001,
    inputTokens: 1_000,
    tags: {},
    ...parts,
  }
}

const ids = (store: MemoryUsageStore): string[] => [...store.kept.keys()].sort()

describe('the way of a row', () => {
  test('ends in the store, and nothing is left behind', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    const ledger = ledgerIn(where, store)
    for (let index = 0; index < 1_234; index += 1) {
      await ledger.intent(intent(`r${index}`))
      ledger.settle(rowWith(`r${index}`))
    }
    expect(await ledger.flush(5_000)).toBe(true)
    expect([store.kept.size, store.delivered]).toEqual([1_234, 1_234])
    await ledger.stop(1_000)
    expect(gatewaysIn(join(where, JOURNAL_FOLDER))).toEqual([])
  })

  test('arrives by itself within a moment', async () => {
    const store = new MemoryUsageStore()
    ledgerIn(folder(), store).settle(rowWith('a'))
    const begun = performance.now()
    while (store.kept.size === 0 && performance.now() - begun < 3_000) await Bun.sleep(5)
    expect(ids(store)).toEqual(['a'])
  })

  test('waits for a store that is down, in the order and once', async () => {
    const store = new MemoryUsageStore()
    store.isDown = true
    const ledger = ledgerIn(folder(), store)
    for (let index = 0; index < 300; index += 1) ledger.settle(rowWith(`r${index}`))
    expect(await ledger.flush(250)).toBe(false)
    expect(ledger.health).toMatchObject({ state: 'waiting', rows: 300 })
    expect(ledger.health.lagMs).toBeGreaterThan(200)
    store.isDown = false
    expect(await ledger.flush(5_000)).toBe(true)
    expect(ledger.health).toMatchObject({ rows: 0, lagMs: 0 })
    expect([store.kept.size, store.delivered, ledger.health.state]).toEqual([300, 300, 'ok'])
  })

  test('is read from the journal again when more rows wait than memory holds', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    store.isDown = true
    const ledger = ledgerIn(where, store, { batchRows: 1_000 })
    const settle = (from: number, to: number): void => {
      for (let index = from; index < to; index += 1) ledger.settle(rowWith(`r${index}`))
    }
    for (let from = 0; from < 25_000; from += 1_000) {
      settle(from, from + 1_000)
      await ledger.intent(intent(`open${from}`))
    }
    expect(await ledger.flush(300)).toBe(false)
    expect(ledger.health.rows).toBe(25_000)
    store.isDown = false
    settle(25_000, 25_010)
    const flushed = ledger.flush(20_000)
    await Bun.sleep(5)
    settle(25_010, 25_020)
    expect([await flushed, await ledger.flush(5_000)]).toEqual([true, true])
    settle(25_020, 25_030)
    expect(await ledger.flush(5_000)).toBe(true)
    expect([store.kept.size, ledger.health.rows]).toEqual([25_030, 0])
  }, 30_000)

  test('goes in smaller batches to a store that takes many too slowly', async () => {
    const store = new MemoryUsageStore()
    store.takesAtOnce = 120
    const ledger = ledgerIn(folder(), store, { batchRows: 1_000 })
    for (let index = 0; index < 1_500; index += 1) ledger.settle(rowWith(`r${index}`))
    expect(await ledger.flush(15_000)).toBe(true)
    expect(store.kept.size).toBe(1_500)
  }, 20_000)

  test('one that the store refuses for good is set aside, and does not hold up the others', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    store.refuses = (row) => row.id === 'r17'
    const ledger = ledgerIn(where, store)
    for (let index = 0; index < 50; index += 1) ledger.settle(rowWith(`r${index}`))
    expect(await ledger.flush(5_000)).toBe(true)
    expect(store.kept.size).toBe(49)
    expect(readFileSync(join(where, JOURNAL_FOLDER, 'refused.log'), 'utf8')).toContain('"id":"r17"')
  })

  test('C7: a journal that is full refuses new calls with a reason, loses nothing, and recovers by itself', async () => {
    const store = new MemoryUsageStore()
    store.isDown = true
    const ledger = ledgerIn(folder(), store, { journalMaxBytes: 100_000 })
    let admitted = 0
    const refused = async (): Promise<unknown> => {
      try {
        for (; admitted < 10_000; admitted += 1) {
          ledger.checkRoom()
          await ledger.intent(intent(`r${admitted}`))
          ledger.settle(rowWith(`r${admitted}`))
        }
        return undefined
      } catch (thrown) {
        return thrown
      }
    }
    const error = await refused()
    expect(error).toBeInstanceOf(GatewayError)
    if (!(error instanceof GatewayError)) throw error
    expect([error.status, error.details.code]).toEqual([503, 'usage_journal_full'])
    expect(error.details.retryAfterSeconds).toBeGreaterThan(0)
    expect([ledger.health.state, admitted > 50]).toEqual(['full', true])
    store.isDown = false
    await ledger.flush(5_000)
    expect([store.kept.size, ledger.health.state]).toEqual([admitted, 'ok'])
    ledger.checkRoom()
  })
})

describe('what a killed gateway leaves', () => {
  /** A folder as a gateway leaves it that was killed: segments, and an owner that is no more. */
  function abandoned(dataDirectory: string, name: string, segments: readonly string[]): void {
    const own = join(dataDirectory, JOURNAL_FOLDER, name)
    mkdirSync(own, { recursive: true })
    segments.forEach((text, index) => {
      writeFileSync(join(own, `${String(index + 1).padStart(8, '0')}.log`), text)
    })
  }

  function recoveryOf(dataDirectory: string, store: UsageStore): Parameters<typeof recover>[0] {
    const root = join(dataDirectory, JOURNAL_FOLDER)
    const log = listeningLog()
    return {
      root,
      inserter: inserterFor(root, store, log),
      interruptedRow: (intents) => interruptedRow(intents, snapshotWith()),
      now: Date.now,
      log,
    }
  }

  test('settled rows arrive, open intents become interrupted rows with an estimate and a price', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    abandoned(where, 'dead', [
      intentLine(intent('a')) + intentLine(intent('open')) + settleLine(rowWith('a')),
      intentLine(intent('open', 1, { provider: 'demo', upstreamModel: 'echo' })) + intentLine(intent('once')),
    ])
    const recovered = await recover(recoveryOf(where, store))
    expect(recovered).toEqual({ folders: 1, rows: 3, interrupted: 2, damagedLines: 0 })
    const open = store.kept.get('open')
    expect(open).toMatchObject({
      endReason: 'interrupted',
      usageSource: 'estimated',
      status: 0,
      provider: 'demo',
    })
    expect(open?.attempts.map((attempt) => [attempt.provider, attempt.usageSource])).toEqual([
      ['openai', 'none'],
      ['demo', 'estimated'],
    ])
    expect(store.kept.get('once')).toMatchObject({
      inputTokens: 1_000,
      outputTokens: 0,
      cost: 2_000_000_000n,
    })
    expect(store.kept.get('once')?.priceVersion).toMatch(/^[0-9a-f]{12}$/)
    expect(gatewaysIn(join(where, JOURNAL_FOLDER))).toEqual([])
  })

  test('a store that is down loses nothing of it', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    store.isDown = true
    abandoned(where, 'dead', [intentLine(intent('open')) + settleLine(rowWith('a'))])
    expect(recover(recoveryOf(where, store))).rejects.toThrow('the store is down')
    store.isDown = false
    await recover(recoveryOf(where, store))
    expect(ids(store)).toEqual(['a', 'open'])
  })

  test('a running gateway takes it over, and leaves other running ones alone', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    const other = ledgerIn(where, new MemoryUsageStore())
    await other.intent(intent('theirs'))
    abandoned(where, 'dead', [settleLine(rowWith('a'))])
    const ledger = ledgerIn(where, store)
    ledger.start()
    const begun = performance.now()
    while (gatewaysIn(join(where, JOURNAL_FOLDER)).includes('dead') && performance.now() - begun < 3_000)
      await Bun.sleep(5)
    expect(ids(store)).toEqual(['a'])
    expect(gatewaysIn(join(where, JOURNAL_FOLDER))).toHaveLength(2)
  })

  test('C9: segments twice, out of order, from two replicas: no difference', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(30), fc.boolean()), { minLength: 1, maxLength: 80 }),
        fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }),
        async (work, order) => {
          const where = folder()
          const store = new MemoryUsageStore()
          const lines = work.map(([number, settles]) =>
            settles ? settleLine(rowWith(`r${number}`)) : intentLine(intent(`r${number}`)),
          )
          const pieces = order.map((_, index) =>
            lines.filter((_line, at) => at % order.length === index).join(''),
          )
          const shuffled = order.map((pick) => pieces[pick % pieces.length] ?? '')
          abandoned(where, 'one', [...pieces, ...shuffled])
          abandoned(where, 'two', [...shuffled.toReversed(), ...pieces])
          const copy = folder()
          cpSync(where, copy, { recursive: true })
          await Promise.all([recover(recoveryOf(where, store)), recover(recoveryOf(copy, store))])
          // Settled or open, each request is there once.
          const wanted = new Set(work.map(([number]) => `r${number}`))
          expect(new Set(ids(store))).toEqual(wanted)
          for (const [number, settles] of work)
            if (settles) expect(store.kept.get(`r${number}`)?.endReason).toBe('complete')
        },
      ),
      { numRuns: 60 },
    )
  }, 30_000)

  test('a row that a report shipped ahead is not shipped twice', async () => {
    const where = folder()
    const store = new MemoryUsageStore()
    const ledger = ledgerIn(where, store)
    await ledger.intent(intent('a'))
    ledger.settle(rowWith('a'))
    await ledger.intent(intent('b'))
    const root = join(where, JOURNAL_FOLDER)
    await shipTails(root, new Inserter(store, () => {}, listeningLog()))
    expect(ids(store)).toEqual(['a'])
    await ledger.flush(2_000)
    expect(store.kept.size).toBe(1)
  })
})

describe('who owns a folder', () => {
  test('this process lives, one that has ended does not, whatever has its number now', () => {
    const where = join(folder(), 'own')
    claimFolder(where)
    expect(isOwnerAlive(where, Date.now())).toBe(true)
    const file = join(where, 'owner.json')
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify({ ...owner, started: '1' }))
    expect(isOwnerAlive(where, Date.now())).toBe(false)
    const ended = spawnSync('true')
    writeFileSync(file, JSON.stringify({ ...owner, pid: ended.pid }))
    expect(isOwnerAlive(where, Date.now())).toBe(false)
  })

  test('elsewhere it lives as long as it says so', () => {
    const where = join(folder(), 'own')
    claimFolder(where)
    const file = join(where, 'owner.json')
    const owner = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify({ ...owner, world: 'another machine' }))
    expect(isOwnerAlive(where, Date.now())).toBe(true)
    expect(isOwnerAlive(where, Date.now() + 60_000)).toBe(false)
  })

  test('one that was left in order, or broke off, is nobody’s', () => {
    const where = join(folder(), 'own')
    claimFolder(where)
    writeFileSync(join(where, 'owner.json'), '{"pid":1')
    expect(isOwnerAlive(where, Date.now())).toBe(false)
    leaveFolder(where)
    expect(isOwnerAlive(where, Date.now())).toBe(false)
    expect(readdirSync(where)).toEqual([])
  })
})

describe('retention', () => {
  test('old rows go in batches, young ones stay', async () => {
    const store = new MemoryUsageStore()
    const now = 2_000_000_000_000
    const day = 86_400_000
    const old = Array.from(
      { length: 1_200 },
      (_, index): UsageRow => rowWith(`o${index}`, { startedAt: now - 91 * day }),
    )
    await store.insert([...old, rowWith('young', { startedAt: now - 89 * day })])
    const retention = new Retention({ store, days: () => 90, now: () => now, log: listeningLog() })
    const waits = [await retention.step(), await retention.step(), await retention.step()]
    expect(ids(store)).toEqual(['young'])
    expect(waits.map((wait) => wait < 1_000)).toEqual([true, true, false])
  })
})
