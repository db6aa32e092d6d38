import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { providers } from '../providers/list.ts'
import type { UsageRow } from '../store/ports/usage.ts'
import { settleLine } from '../usage/journal-record.ts'
import { claimFolder } from '../usage/owner.ts'
import { rowWith } from '../usage/testing.ts'
import { runUsageCommand } from './usage-command.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'xjp-usage-command-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Rows as a gateway that runs beside the command has just written them: in its journal, not in the database. */
function journal(...rows: UsageRow[]): void {
  const root = join(folder, 'data', 'journal')
  mkdirSync(root, { recursive: true })
  claimFolder(join(root, 'running'))
  writeFileSync(join(root, 'running', '00000001.log'), rows.map(settleLine).join(''))
}

async function run(...args: string[]): Promise<{ code: number; out: string; errors: string }> {
  let [out, errors] = ['', '']
  const io = {
    env: {},
    cwd: folder,
    stdout: (text: string) => void (out += text),
    stderr: (text: string) => void (errors += text),
  }
  return { code: await runUsageCommand(args, io, providers), out, errors }
}

const time = (text: string): number => Date.parse(text)
const rows = [
  rowWith('a', { tenant: 'acme', keyId: 'key_1', startedAt: time('2026-11-20T23:59:59Z'), cost: 1n }),
  rowWith('b', { tenant: 'acme', keyId: 'key_2', startedAt: time('2026-11-21T00:00:00Z'), cost: 2n }),
  rowWith('c', {
    tenant: 'other',
    startedAt: time('2026-11-21T12:00:00Z'),
    cost: 1_000_000_000_000n,
    usageSource: 'estimated',
    model: '模型',
  }),
]

describe('usage', () => {
  test('counts a call that is still in a running gateway’s journal, once', async () => {
    journal(...rows)
    for (let times = 0; times < 2; times += 1) {
      const { code, out } = await run('--json')
      expect([code, JSON.parse(out)]).toEqual([
        0,
        {
          requests: 3,
          prompt_tokens: 30,
          completion_tokens: 15,
          cached_tokens: 0,
          cache_write_tokens: 0,
          reasoning_tokens: 0,
          cost_usd: 1.000000000003,
        },
      ])
    }
  })

  test('money is printed with every digit it has', async () => {
    journal(rowWith('a', { cost: 123_456_789_012_345_678_901n }))
    expect((await run('--json')).out).toContain('"cost_usd": 123456789.012345678901')
    expect((await run()).out).toContain('$123456789.012345678901')
  })

  test.each([
    [
      ['--tenant', 'acme'],
      ['b', 'a'],
    ],
    [['--key', 'key_2'], ['b']],
    [['--model', '模型'], ['c']],
    [
      ['--from', '2026-11-21'],
      ['c', 'b'],
    ],
    [['--until', '2026-11-21'], ['a']],
    [['--from', '2026-11-21T00:00:01Z', '--until', '2026-11-21T14:00:00+01:00'], ['c']],
    [['--limit', '1'], ['c']],
    [['--tenant', 'nobody'], []],
  ])('%p gives %p, newest first', async (args, ids) => {
    journal(...rows)
    const { out } = await run('--rows', '--json', ...args)
    const { rows: shown } = JSON.parse(out) as { rows: { id: string }[] }
    expect(shown.map(({ id }) => id)).toEqual(ids)
  })

  test('sums by group, in columns', async () => {
    journal(...rows)
    const { out } = await run('--by', 'day,tenant')
    expect(out).toBe(`Usage of all tenants

requests                     3
prompt tokens               30
answer tokens               15
cost           $1.000000000003

tenant  day         requests  prompt  answer             cost
acme    2026-11-20         1      10       5  $0.000000000001
acme    2026-11-21         1      10       5  $0.000000000002
other   2026-11-21         1      10       5               $1
`)
  })

  test('single calls say what they are', async () => {
    journal(...rows)
    const { out } = await run('--rows', '--tenant', 'other')
    expect(out).toContain('2026-11-21 12:00:00  -    模型')
    expect(out).toContain('estimated')
  })

  test('more rows than a page', async () => {
    journal(...Array.from({ length: 1_203 }, (_, index) => rowWith(`r${index}`, { startedAt: 1e12 + index })))
    const { out } = await run('--rows', '--json', '--limit', '1201')
    const { rows: shown } = JSON.parse(out) as { rows: { id: string }[] }
    expect([shown.length, new Set(shown.map(({ id }) => id)).size, shown[0]?.id]).toEqual([
      1_201,
      1_201,
      'r1202',
    ])
  })
})

describe('wrong use', () => {
  test.each([
    [['--tenants', 'a'], '--tenant?'],
    [['--tenant'], '--tenant: expected a name'],
    [['acme'], 'unexpected argument "acme"'],
    [['--by', 'hour'], '--by: expected tenant, key, model, provider, day'],
    [['--from', 'yesterday'], '--from: expected 2026-11-01'],
    [['--from', '2026-02-30T25:00'], '--from: expected 2026-11-01'],
    [['--from', '2026-11-02', '--until', '2026-11-01'], '--until: expected a time after --from'],
    [['--rows', '--limit', '0'], '--limit: expected a number from 1'],
    [['--limit', '5'], '--limit says how many --rows'],
  ])('%p', async (args, message) => {
    const { code, errors } = await run(...args)
    expect([code, errors]).toEqual([2, expect.stringContaining(message)])
  })

  test('where nothing was ever written it says so', async () => {
    const { code, errors } = await run()
    expect([code, errors]).toEqual([1, expect.stringContaining('there is no database in ./data')])
  })
})
