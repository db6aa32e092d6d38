import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  type AttemptRow,
  type UsageFilter,
  type UsageGroup,
  type UsageRow,
  type UsageSum,
  usageGroups,
} from '../../src/store/ports/usage.ts'
import { figure } from '../promises/support/figure.ts'
import { databaseKinds, newUsageRow, nothingUsed, type OpenedDatabase, openFor } from './databases.ts'

const DAY = 86_400_000
const START = Date.UTC(2026, 10, 20)

const attempt = (changes: Partial<AttemptRow> = {}): AttemptRow => ({
  ...nothingUsed,
  attempt: 0,
  provider: 'demo',
  model: 'echo',
  startedAt: START,
  milliseconds: 3.25,
  status: 200,
  usageSource: 'reported',
  ...changes,
})

const amounts = fc.record({
  inputTokens: fc.nat(1_000_000),
  outputTokens: fc.nat(1_000_000),
  cacheReadTokens: fc.nat(1_000),
  cacheWriteTokens: fc.nat(1_000),
  reasoningTokens: fc.nat(1_000),
  // Up to a hundred million dollars a request: sums leave 64 bits far behind.
  cost: fc.bigInt({ min: 0n, max: 10n ** 20n }),
})

/** Rows of few names, so that they meet; ids from a small set, so that they repeat. */
const someRow: fc.Arbitrary<UsageRow> = fc
  .record({
    amounts,
    id: fc.nat(60),
    tenant: fc.constantFrom('a', 'b', "o'neil"),
    keyId: fc.constantFrom(undefined, 'key_1', 'key_2'),
    model: fc.constantFrom('m', 'M', 'm\0', 'x'.repeat(300)),
    provider: fc.constantFrom(undefined, 'p', 'q'),
    at: fc.nat(3 * DAY),
    attempts: fc.nat(2),
  })
  .map(({ amounts, id, at, keyId, provider, attempts, ...rest }) =>
    newUsageRow({
      ...rest,
      ...amounts,
      id: `row-${id}`,
      startedAt: START + at,
      ...(keyId === undefined ? {} : { keyId }),
      ...(provider === undefined ? {} : { provider }),
      attempts: Array.from({ length: attempts }, (_, index) => attempt({ attempt: index, ...amounts })),
    }),
  )

/** The slow and plain way to a sum. */
function sumOf(rows: Iterable<UsageRow>): UsageSum {
  const sum = { ...nothingUsed, requests: 0 }
  for (const row of rows) {
    sum.requests += 1
    sum.cost += row.cost
    for (const name of [
      'inputTokens',
      'outputTokens',
      'cacheReadTokens',
      'cacheWriteTokens',
      'reasoningTokens',
    ] as const)
      sum[name] += row[name]
  }
  return sum
}

/** A name as it is kept. */
const kept = (name: string): string =>
  (name.length > 200 ? `${name.slice(0, 199)}…` : name).replaceAll('\0', '\uFFFD')

const groupName: Record<UsageGroup, (row: UsageRow) => string | undefined> = {
  tenant: (row) => row.tenant,
  key: (row) => row.keyId,
  model: (row) => kept(row.model),
  provider: (row) => row.provider,
  day: (row) => new Date(row.startedAt).toISOString().slice(0, 10),
}

const matches = (filter: UsageFilter) => (row: UsageRow) =>
  (filter.tenant === undefined || row.tenant === filter.tenant) &&
  (filter.keyId === undefined || row.keyId === filter.keyId) &&
  (filter.model === undefined || kept(row.model) === kept(filter.model)) &&
  (filter.from === undefined || row.startedAt >= filter.from) &&
  (filter.until === undefined || row.startedAt < filter.until)

const someFilter: fc.Arbitrary<UsageFilter> = fc.record(
  {
    tenant: fc.constantFrom('a', 'b', 'nobody', "' or 1=1 --"),
    keyId: fc.constantFrom('key_1', 'key_2'),
    model: fc.constantFrom('m', 'M', 'm\0', '%'),
    from: fc.constantFrom(START, START + DAY, START + 5_000, START + DAY + 1),
    until: fc.constantFrom(START + DAY, START + 2 * DAY, START + 2 * DAY - 1),
  },
  { requiredKeys: [] },
)

function groupsOf(rows: readonly UsageRow[], by: readonly UsageGroup[]): Map<string, UsageSum> {
  const groups = new Map<string, UsageRow[]>()
  for (const row of rows) {
    const name = JSON.stringify(by.map((group) => groupName[group](row) ?? null))
    groups.set(name, [...(groups.get(name) ?? []), row])
  }
  return new Map([...groups].map(([name, members]) => [name, sumOf(members)]))
}

for (const kind of databaseKinds)
  describe(`UsageStore on ${kind.name}`, () => {
    let opened: OpenedDatabase
    beforeAll(async () => {
      opened = await openFor('UsageStore', kind)
    })
    afterAll(() => opened.database.close())

    test('a row is read as it was written', async () => {
      const { usage } = opened.database
      const row = newUsageRow({
        tenant: 'whole',
        keyId: 'key_1',
        provider: 'demo',
        route: 'demo/echo',
        errorType: 'overloaded',
        priceVersion: 'v1',
        firstByteMilliseconds: 1.5,
        stream: true,
        replay: true,
        inputTokens: 1,
        outputTokens: 2,
        cacheReadTokens: 3,
        cacheWriteTokens: 4,
        reasoningTokens: 5,
        cost: 123_456_789_012_345_678_901n,
        tags: { team: "o'neil", ['__proto__']: '\0' },
        attempts: [attempt({ errorType: 'timeout', status: 0 }), attempt({ attempt: 1, cost: 7n })],
      })
      await usage.insert([row])
      expect(await usage.rows({ tenant: 'whole' }, { limit: 5 })).toEqual([row])
    })

    test('rows that come twice, together, apart or from several at once are there once, and the sums are theirs', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.array(someRow, { maxLength: 30 }), { minLength: 1, maxLength: 6 }),
          fc.array(fc.tuple(someFilter, fc.uniqueArray(fc.constantFrom(...usageGroups), { maxLength: 5 })), {
            minLength: 3,
            maxLength: 3,
          }),
          async (drawn, questions) => {
            // A row's content belongs to its id: the first one drawn counts everywhere.
            const rows = new Map<string, UsageRow>()
            const run = crypto.randomUUID()
            const batches = drawn.map((batch) =>
              batch.map((row) => {
                const id = `${run}-${row.id}`
                const first = rows.get(id) ?? { ...row, id, tenant: row.tenant }
                rows.set(id, first)
                return first
              }),
            )
            const fresh = await emptied(opened)
            const others = [fresh, opened.again()]
            await Promise.all(batches.map((batch, index) => (others[index % 2] ?? fresh).usage.insert(batch)))
            await Promise.all(batches.toReversed().map((batch) => fresh.usage.insert(batch)))
            const all = [...rows.values()]
            for (const [filter, by] of questions) {
              const wanted = all.filter(matches(filter))
              expect(await fresh.usage.sum(filter)).toEqual(sumOf(wanted))
              const groups = await fresh.usage.groups(filter, by)
              const found = new Map(
                groups.map(({ tenant, key, model, provider, day, ...sum }) => {
                  const names = { tenant, key, model, provider, day }
                  return [JSON.stringify(by.map((group) => names[group] ?? null)), sum]
                }),
              )
              if (by.length > 0) expect(found).toEqual(groupsOf(wanted, by))
            }
            await others[1]?.close()
          },
        ),
        { numRuns: 25 },
      )
    })

    test('a flush of 5,000 groups of key, model and day: every sum equals its rows', async () => {
      const fresh = await emptied(opened)
      const rows = Array.from({ length: 10_000 }, (_, index) => {
        const group = index % 5_000
        return newUsageRow({
          keyId: `key_${group % 50}`,
          model: `model-${Math.floor(group / 50) % 20}`,
          startedAt: START + Math.floor(group / 1_000) * DAY + index,
          inputTokens: index,
          cost: BigInt(index) * 999_999_999_999n,
        })
      })
      await fresh.usage.insert(rows)
      const groups = await fresh.usage.groups({}, ['key', 'model', 'day'])
      expect(groups).toHaveLength(5_000)
      const wanted = groupsOf(rows, ['key', 'model', 'day'])
      const wrong = groups.filter(({ key, model, day, ...sum }) => {
        const expected = wanted.get(JSON.stringify([key, model, day]))
        return !Bun.deepEquals(sum, expected)
      })
      figure('C10', { store: kind.kind, groups: groups.length, rows: rows.length, differences: wrong.length })
      expect(wrong).toEqual([])
      expect(await fresh.usage.sum({})).toEqual(sumOf(rows))
      expect(await fresh.usage.sum({ from: START + 1 })).toEqual(
        sumOf(rows.filter(matches({ from: START + 1 }))),
      )
    })

    test('all or nothing: one row that cannot be keeps its batch out', async () => {
      const { usage } = opened.database
      const before = await usage.sum({})
      for (const wrong of [
        { inputTokens: -1 },
        { outputTokens: Number.NaN },
        { cost: -1n },
        { bytesSent: 0.5 },
      ])
        await expect(usage.insert([newUsageRow(), newUsageRow(wrong)])).rejects.toBeInstanceOf(RangeError)
      const twins = newUsageRow({ attempts: [attempt(), attempt()] })
      await expect(usage.insert([newUsageRow(), twins])).rejects.toThrow()
      expect(await usage.sum({})).toEqual(before)
    })

    test('names of a client’s choosing do not keep a batch out, however long', async () => {
      const { usage } = opened.database
      const long = `${'漢'.repeat(500_000)}\uD800`
      await usage.insert([
        newUsageRow({
          tenant: long,
          model: long,
          provider: long,
          keyId: long,
          requestId: long,
          errorType: long,
        }),
      ])
      expect((await usage.sum({ tenant: long, model: long })).requests).toBe(1)
    })

    test('pages are newest first, whole and without repetition while rows arrive', async () => {
      const { usage } = await emptied(opened)
      const rows = Array.from({ length: 50 }, (_, index) =>
        newUsageRow({
          id: `page-${String(index).padStart(2, '0')}`,
          startedAt: START + Math.floor(index / 7),
        }),
      )
      await usage.insert(rows)
      const seen: string[] = []
      for (let after: string | undefined; ; ) {
        const page = await usage.rows({}, { limit: 8, ...(after === undefined ? {} : { after }) })
        if (page.length === 0) break
        seen.push(...page.map((row) => row.id))
        after = page.at(-1)?.id
        await usage.insert([newUsageRow({ startedAt: START + DAY })])
      }
      expect(seen).toEqual(rows.map((row) => row.id).toReversed())
    })

    test('money spent, of a key and of a tenant, also where retention took the rows', async () => {
      const { usage } = await emptied(opened)
      const big = 9_000_000_000_000_000_000n
      await usage.insert([
        newUsageRow({ keyId: 'key_1', startedAt: START - 1, cost: 1n }),
        newUsageRow({ keyId: 'key_1', startedAt: START, cost: big }),
        newUsageRow({ keyId: 'key_2', startedAt: START + DAY, cost: big + 1n }),
        newUsageRow({ tenant: 'other', startedAt: START, cost: 5n }),
      ])
      const spent = async (from: number): Promise<bigint[]> => [
        await usage.spent({ tenant: 'acme' }, from),
        await usage.spent({ tenant: 'acme', keyId: 'key_1' }, from),
        await usage.spent({ tenant: 'nobody' }, from),
      ]
      expect(await spent(START)).toEqual([2n * big + 1n, big, 0n])
      expect(await spent(START + 1)).toEqual([big + 1n, 0n, 0n])
      expect(await usage.removeBefore(START + DAY, 100)).toBe(3)
      expect(await spent(START)).toEqual([2n * big + 1n, big, 0n])
    })

    test('retention removes the oldest rows with their attempts, a few at a time, and no sum', async () => {
      const { usage } = await emptied(opened)
      const rows = Array.from({ length: 10 }, (_, index) =>
        newUsageRow({ id: `old-${index}`, startedAt: START + index, cost: 3n, attempts: [attempt()] }),
      )
      await usage.insert(rows)
      const before = await usage.sum({})
      expect(await usage.removeBefore(START + 7, 4)).toBe(4)
      expect((await usage.rows({}, { limit: 100 })).map((row) => row.id)).toEqual([
        'old-9',
        'old-8',
        'old-7',
        'old-6',
        'old-5',
        'old-4',
      ])
      expect(await usage.removeBefore(START + 7, 100)).toBe(3)
      expect(await usage.removeBefore(START + 7, 100)).toBe(0)
      expect(await usage.sum({})).toEqual(before)
      expect((await usage.sum({ from: START + 1 })).requests).toBe(3)
      // What was removed may come again with its attempts: none of them was left behind.
      await usage.insert([newUsageRow({ id: 'old-0', startedAt: START, attempts: [attempt()] })])
    })
  })

/** The suite's database without rows and sums: making another one takes longer than the test. */
async function emptied(opened: OpenedDatabase): Promise<OpenedDatabase['database']> {
  await opened.empty()
  return opened.database
}
