import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { keyJson } from '../../../src/cli/key-output.ts'
import { loadText } from '../../../src/config/testing/load-text.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { callAs, type Office, openOffice } from './support/office.ts'

/** I9 fields that nobody asked for change nothing: in bodies, headers, addresses, on the command line, in files. */

let office: Office
let key = ''
let id = ''
beforeAll(async () => {
  office = await openOffice()
  await office.issue({ tenant: 'other' })
  const issued = await office.issue({ tenant: 'acme', scopes: ['chat-completions', 'messages'] })
  key = issued.key
  id = issued.record.id
})
afterAll(() => office.close())

/** Names of columns and of roles, in the spellings they have here and elsewhere. */
const fields: Record<string, unknown> = {
  tenant: 'other',
  tenant_id: 'other',
  tenantId: 'other',
  key: 'XJP_x',
  key_id: 'key_x',
  api_key_id: 'key_x',
  hash: '0'.repeat(64),
  scopes: ['*'],
  limits: { requestsPerMinute: 1 },
  rate_limit_rpm: 1_000_000,
  rate_limit_rpd: 1_000_000,
  quota_tokens_daily: 1,
  budget_daily: '1000000',
  unlimited_requests: true,
  unlimitedRequests: true,
  enabled: false,
  expires_at: '2000-01-01',
  deleted_at: 1,
  revision: 0,
  role: 'admin',
  roles: ['admin'],
  user_role: 'proxy_admin',
  is_admin: true,
  admin: true,
  permissions: ['*'],
  team_id: 'other',
  organization: 'other',
  cost: 0,
  spend: 0,
  identity: { tenant: 'other' },
}

const columns = (): Promise<string> =>
  office.database.keys.list({ limit: 1_000 }).then(({ keys }) =>
    JSON.stringify(
      keys.map(({ lastUsedAt: _, ...kept }) => kept),
      (_, value) => (typeof value === 'bigint' ? String(value) : value),
    ),
  )

describe('promise I9', () => {
  test('in bodies, headers and addresses: the keys stay as they are, and usage is the caller’s', async () => {
    const before = await columns()
    let n = 0
    for (const front of fronts)
      for (const [name, value] of Object.entries(fields)) {
        const attempts: [string, RequestInit][] = [
          [front.path, { body: JSON.stringify({ ...front.body('messages', 'hi', false), [name]: value }) }],
          [
            `${front.path}?${name}=${encodeURIComponent(String(value))}`,
            {
              body: JSON.stringify({ ...front.body('messages', 'hi', false), metadata: { [name]: 'x' } }),
              headers: {
                [`x-${name.replaceAll('_', '-')}`]: String(value),
                [`x-xjp-${name.replaceAll('_', '-')}`]: String(value),
              },
            },
          ],
        ]
        for (const [path, init] of attempts) {
          const { status } = await callAs(office.gateways[0]?.url ?? '', key, path, {
            method: 'POST',
            ...init,
          })
          expect([200, 400], `${path} ${name}`).toContain(status)
          n += 1
        }
      }
    expect(await columns()).toBe(before)
    const others = await rowsOf('other')
    expect(others).toBe(0)
    await arrived(() => rowsOf('acme'), n)
    figure('I9', { n, unintended_changes: 0, rows_of_another_tenant: others })
  }, 60_000)

  async function rowsOf(tenant: string): Promise<number> {
    const { requests } = await office.database.usage.sum({ tenant })
    return requests
  }

  async function arrived(count: () => Promise<number>, wanted: number): Promise<void> {
    for (let looks = 0; looks < 400 && (await count()) < wanted; looks++)
      await new Promise((wake) => setTimeout(wake, 25))
    expect(await count()).toBe(wanted)
  }

  test('on the command line every one of them is unknown, and nothing is made', async () => {
    const known = new Set(['tenant', 'scopes', 'concurrency'])
    const before = await columns()
    for (const [name, value] of Object.entries(fields)) {
      if (known.has(name)) continue
      const flag = `--${name.replaceAll('_', '-')}`
      const line = ['create', '--tenant', 'acme', flag, String(value)]
      if (['--quota-tokens-daily', '--budget-daily'].includes(flag)) continue
      await expect(office.keys(...line), flag).rejects.toThrow(`unknown flag ${flag}`)
      await expect(office.keys('update', id, flag, String(value)), flag).rejects.toThrow(
        `unknown flag ${flag}`,
      )
    }
    expect(await columns()).toBe(before)
  })

  test('in a tenant’s section of the configuration every one of them is an error', () => {
    const known = new Set(['quota_tokens_daily', 'budget_daily', 'concurrency'])
    for (const name of Object.keys(fields)) {
      if (known.has(name)) continue
      const result = loadText('xjp.toml', `[tenants.acme]\n${name} = 1\n`)
      expect(result.ok, name).toBe(false)
    }
  })

  test('replies hold the listed members and no other', async () => {
    const listed = [
      ...[
        'id',
        'prefix',
        'tenant',
        'description',
        'scopes',
        'rate_limit_rpm',
        'burst_size',
        'rate_limit_rpd',
      ],
      ...['rate_limit_tpm', 'quota_tokens_daily', 'concurrency', 'unlimited_requests', 'budget_daily'],
      ...['budget_weekly', 'budget_monthly', 'tags', 'enabled', 'expires_at', 'created_at', 'last_used_at'],
    ]
    const record = await office.database.keys.get(id)
    if (!record) return expect.unreachable()
    expect(Object.keys(keyJson(record)).sort()).toEqual([...listed].sort())
    const made = (await office.keys('create', '--tenant', 'acme')) as object
    expect(Object.keys(made).sort()).toEqual([...listed, 'key'].sort())
    expect(JSON.stringify(await office.keys('list'))).not.toMatch(/"(hash|key|previousHash|revision)"/)
  })
})
