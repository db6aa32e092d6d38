import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../../../src/store/open.ts'
import { type UsageGroup, type UsageRow, type UsageSum, usageGroups } from '../../../src/store/ports/usage.ts'
import { Ledger } from '../../../src/usage/ledger.ts'
import { listeningLog, rowWith, snapshotWith } from '../../../src/usage/testing.ts'
import { figure } from '../support/figure.ts'
import { backends } from './support/books.ts'

/** C10 aggregates always equal the rows. */

const GROUPS = 5_000
const DAY_MS = 86_400_000
const FIRST_DAY = Date.UTC(2026, 1, 27)

/** 25 keys × 20 models × 10 days, twice each, with amounts of their own. */
function rows(): UsageRow[] {
  return Array.from({ length: GROUPS * 2 }, (_, index) => {
    const group = index % GROUPS
    const amounts = {
      inputTokens: index + 1,
      outputTokens: (index * 7) % 1_000,
      cacheReadTokens: index % 3,
      cacheWriteTokens: index % 5,
      reasoningTokens: index % 11,
      cost: BigInt(index) * 1_234_567_891n,
    }
    return rowWith(`row${index}`, {
      tenant: `tenant${group % 5}`,
      keyId: `key_${group % 25}`,
      model: `model${Math.floor(group / 25) % 20}`,
      provider: `provider${group % 2}`,
      startedAt: FIRST_DAY + Math.floor(group / 500) * DAY_MS + (index % 86_400) * 1_000,
      ...amounts,
      attempts: [],
    })
  })
}

const nameOf: Readonly<Record<UsageGroup, (row: UsageRow) => string | undefined>> = {
  tenant: (row) => row.tenant,
  key: (row) => row.keyId,
  model: (row) => row.model,
  provider: (row) => row.provider,
  day: (row) => new Date(row.startedAt).toISOString().slice(0, 10),
}

/** The sums as anybody would make them by hand. */
function sumsOf(all: readonly UsageRow[], by: readonly UsageGroup[]): Map<string, UsageSum> {
  const sums = new Map<string, UsageSum>()
  for (const row of all) {
    const name = by.map((group) => nameOf[group](row)).join('|')
    const sum = sums.get(name) ?? {
      requests: 0,
      inputTokens: 0,
      outputTokens: 0,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      reasoningTokens: 0,
      cost: 0n,
    }
    sum.requests += 1
    sum.inputTokens += row.inputTokens
    sum.outputTokens += row.outputTokens
    sum.cacheReadTokens += row.cacheReadTokens
    sum.cacheWriteTokens += row.cacheWriteTokens
    sum.reasoningTokens += row.reasoningTokens
    sum.cost += row.cost
    sums.set(name, sum)
  }
  return sums
}

describe.each(backends)('C10: $name', (backend) => {
  test(`${GROUPS} groups of (key, model, day) in one flush`, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'xjp-sums-'))
    const { DATABASE_URL: url } = await backend.environment()
    const common = { poolSize: 2, timeoutMs: 20_000 }
    const database = openDatabase(url === undefined ? { ...common, dataDir } : { ...common, url })
    const ledger = new Ledger({
      dataDirectory: dataDir,
      store: database.usage,
      snapshot: () => snapshotWith(),
      now: Date.now,
      newId: () => 'onlyone',
      log: listeningLog(),
      batchRows: GROUPS * 2,
    })
    const all = rows()
    for (const row of all) ledger.settle(row)
    // Twice more, as a shipper does that did not hear the answer.
    for (const row of all.slice(0, 1_000)) ledger.settle(row)
    expect(await ledger.flush(60_000)).toBe(true)
    let differences = 0
    const questions: readonly (readonly UsageGroup[])[] = [
      ['key', 'model', 'day'],
      ...usageGroups.map((group) => [group]),
      usageGroups,
    ]
    for (const by of questions) {
      const wanted = sumsOf(all, by)
      const found = await database.usage.groups({}, by)
      if (found.length !== wanted.size) differences += 1
      for (const { requests, cost, ...group } of found) {
        const sum = wanted.get(by.map((name) => group[name]).join('|'))
        const same =
          sum !== undefined &&
          sum.requests === requests &&
          sum.cost === cost &&
          sum.inputTokens === group.inputTokens &&
          sum.outputTokens === group.outputTokens &&
          sum.cacheReadTokens === group.cacheReadTokens &&
          sum.cacheWriteTokens === group.cacheWriteTokens &&
          sum.reasoningTokens === group.reasoningTokens
        if (!same) differences += 1
      }
    }
    expect(differences).toBe(0)
    const [whole] = sumsOf(all, []).values()
    expect(await database.usage.sum({})).toEqual(whole as UsageSum)
    const distinct = sumsOf(all, ['key', 'model', 'day']).size
    expect(distinct).toBe(GROUPS)
    figure('C10', {
      store: backend.name,
      groups: distinct,
      rows: all.length,
      questions: questions.length,
      differences,
    })
    await ledger.stop(1_000)
    await database.close()
    rmSync(dataDir, { recursive: true, force: true })
  }, 120_000)
})
