import { afterAll, describe, expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hashOf, isKey } from '../keys/key-format.ts'
import { providers } from '../providers/list.ts'
import { openDatabase } from '../store/open.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import { runKeygen, runKeysCommand } from './keys.ts'

const root = mkdtempSync(join(tmpdir(), 'xjp-keys-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Run {
  code: number
  stdout: string
  stderr: string
}

let folders = 0
function workplace(env: Record<string, string> = {}) {
  folders += 1
  const cwd = mkdtempSync(join(root, `${folders}-`))
  const run = async (command: typeof runKeysCommand, args: readonly string[]): Promise<Run> => {
    const out = { stdout: '', stderr: '' }
    const io = {
      env,
      cwd,
      stdout: (text: string) => void (out.stdout += text),
      stderr: (text: string) => void (out.stderr += text),
    }
    return { code: await command(args, io, providers), ...out }
  }
  const keys = (...args: string[]): Promise<Run> => run(runKeysCommand, args)
  return {
    cwd,
    keys,
    keygen: (...args: string[]): Promise<Run> => run(runKeygen, args),
    async json(...args: string[]): Promise<Record<string, unknown>> {
      const { code, stdout, stderr } = await keys(...args, '--json')
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      return JSON.parse(stdout)
    },
    async stored(id: unknown, dataDir = 'data'): Promise<KeyRecord | undefined> {
      const database = openDatabase({ dataDir: join(cwd, dataDir), poolSize: 1, timeoutMs: 5_000 })
      try {
        return await database.keys.get(String(id))
      } finally {
        await database.close()
      }
    },
  }
}

describe('create', () => {
  test('prints the key once, and everything it was given', async () => {
    const { json, stored, keys } = workplace()
    const made = await json(
      ...[
        'create',
        '--tenant',
        'acme',
        '--description',
        'Bob',
        '--scopes',
        'a,b*',
        '--rpm',
        '5',
        '--rpd',
        '6',
      ],
      ...['--tpm', '7', '--quota-tokens-daily', '8', '--concurrency', '9', '--burst', '2'],
      ...['--budget-daily', '1.5', '--budget-weekly', '2', '--budget-monthly', '3'],
      ...['--expires', '2099-01-31', '--tag', 'team=a'],
    )
    expect(made).toMatchObject({
      tenant: 'acme',
      description: 'Bob',
      scopes: ['a', 'b*'],
      rate_limit_rpm: 5,
      rate_limit_rpd: 6,
      rate_limit_tpm: 7,
      quota_tokens_daily: 8,
      concurrency: 9,
      burst_size: 2,
      unlimited_requests: false,
      budget_daily: '1.5',
      budget_weekly: '2',
      budget_monthly: '3',
      tags: { team: 'a' },
      enabled: true,
      expires_at: '2099-01-31T00:00:00.000Z',
      last_used_at: null,
    })
    const key = String(made['key'])
    expect(isKey(key)).toBe(true)
    expect(await stored(made['id'])).toMatchObject({ hash: hashOf(key), prefix: key.slice(0, 8) })
    const { stdout } = await keys('list', '--json')
    expect(stdout).not.toContain(key)
    expect(stdout).not.toContain(hashOf(key))
  })

  test('for people: the key, and a word that it comes once', async () => {
    const { keys } = workplace()
    const { code, stdout } = await keys('create', '--tenant', 'acme', '--rpm', 'unlimited')
    expect(code).toBe(0)
    expect(isKey(/XJP_\S+/.exec(stdout)?.[0] ?? '')).toBe(true)
    expect(stdout).toContain('shown only now')
    expect(stdout).toContain('unlimited requests a minute')
  })

  test('where it is told: the data directory', async () => {
    const { json, cwd, stored } = workplace()
    const { id } = await json('create', '--tenant', 'acme', '--data-dir', 'elsewhere')
    expect(existsSync(join(cwd, 'data'))).toBe(false)
    expect((await stored(id, 'elsewhere'))?.tenant).toBe('acme')
  })

  test('a key that is expired already can be made, with a word', async () => {
    const { keys } = workplace()
    const { code, stderr } = await keys('create', '--tenant', 'acme', '--expires', '2020-01-01')
    expect(code).toBe(0)
    expect(stderr).toContain('in the past')
  })
})

test('system A’s keygen', async () => {
  const { keygen, stored } = workplace()
  const { code, stdout } = await keygen('acme', 'Bob’s laptop', '30', '1000', '--json')
  expect(code).toBe(0)
  expect(await stored(JSON.parse(stdout).id)).toMatchObject({
    tenant: 'acme',
    description: 'Bob’s laptop',
    limits: { requestsPerMinute: 30, requestsPerDay: 1_000 },
  })
  expect((await keygen('acme')).stdout).toMatch(/XJP_/)
})

describe('a key’s life', () => {
  test('list, show, update, disable, enable, rotate, delete', async () => {
    const { json, keys } = workplace()
    const { id, key } = await json('create', '--tenant', 'acme', '--rpm', '5', '--tpm', '9', '--tag', 'a=1')
    await json('create', '--tenant', 'other')
    const name = String(id)
    expect(await json('list')).toHaveLength(2)
    expect(await json('list', '--tenant', 'acme')).toMatchObject([{ id }])
    expect((await keys('list', '--tenant', 'nobody')).stdout).toBe('No keys of tenant nobody.\n')
    expect((await keys('list')).stdout).toContain(`${name}  ${String(key).slice(0, 8)}…  acme    active`)
    expect(await json('show', name)).toMatchObject({ rate_limit_rpm: 5 })
    expect(await json('update', name, '--tpm', 'none', '--rpd', '7', '--scopes', 'x')).toMatchObject({
      rate_limit_rpm: 5,
      rate_limit_rpd: 7,
      rate_limit_tpm: null,
      scopes: ['x'],
      tags: { a: '1' },
    })
    expect(await json('update', name, '--rpm', 'unlimited')).toMatchObject({
      rate_limit_rpm: null,
      unlimited_requests: true,
    })
    expect(await json('disable', name)).toMatchObject({ enabled: false })
    expect(await json('enable', name)).toMatchObject({ enabled: true })
    const rotated = await json('rotate', name, '--grace', '1h')
    expect(rotated).toMatchObject({ id, previous_key_until: expect.any(String) })
    expect(rotated['key']).not.toBe(key)
    const later = await json('rotate', name, '--grace', '0')
    expect(later).not.toHaveProperty('previous_key_until')
    expect(await json('delete', name)).toEqual({ id, deleted: true })
    expect((await keys('show', name)).code).toBe(1)
    expect(await json('list')).toHaveLength(1)
  })

  test('after a rotation the stored record has both secrets', async () => {
    const { json, stored } = workplace()
    const { id, key } = await json('create', '--tenant', 'acme')
    const before = Date.now()
    const rotated = await json('rotate', String(id))
    const record = await stored(id)
    expect(record).toMatchObject({ hash: hashOf(String(rotated['key'])), previousHash: hashOf(String(key)) })
    expect(record?.previousUntil ?? 0).toBeGreaterThanOrEqual(before + 86_400_000)
  })
})

describe('what cannot be done', () => {
  test.each(['show', 'update', 'disable', 'enable', 'rotate', 'delete'])(
    '%s of an unknown id: 1',
    async (name) => {
      const { keys, json } = workplace()
      await json('create', '--tenant', 'acme')
      const more = name === 'update' ? ['--rpm', '5'] : []
      const { code, stderr, stdout } = await keys(name, 'key_nobody', ...more)
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toContain('no key with the id "key_nobody"')
    },
  )

  const wrong: [string[], string][] = [
    [['create'], '--tenant is missing'],
    [['create', '--tenant', 'a b'], '--tenant: expected'],
    [['create', '--tenat', 'a'], 'Did you mean --tenant?'],
    [['create', 'acme'], 'unexpected "acme"'],
    [['create', '--tenant', 'acme', '--rpm', 'lots'], '--rpm: expected'],
    [['create', '--tenant', 'acme', '--enabled', 'false'], 'unknown flag --enabled'],
    [['show'], 'expected ID'],
    [['disable', 'a', 'b'], 'unexpected "b"'],
    [['update', 'key_a'], 'expected something to change'],
    [['update', 'key_a', '--tenant', 'other'], 'unknown flag --tenant'],
    [['rotate', 'key_a', '--grace', 'soon'], '--grace: expected'],
    [['revoke', 'key_a'], 'unknown command "revoke"'],
    [[], 'usage:'],
  ]
  test.each(wrong)('%p: 2, and nothing is made', async (args, message) => {
    const { keys, cwd } = workplace()
    const { code, stderr, stdout } = await keys(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
    expect(existsSync(join(cwd, 'data'))).toBe(false)
  })

  test('looking where nothing is makes nothing', async () => {
    const { keys, cwd } = workplace()
    const { code, stderr } = await keys('list')
    expect(code).toBe(1)
    expect(stderr).toContain('there is no database in ./data')
    expect(existsSync(join(cwd, 'data'))).toBe(false)
  })

  test('a database that cannot be reached: 1, and no password in the words', async () => {
    const { keys } = workplace({ DATABASE_URL: 'postgres://u:hunter2secret@127.0.0.1:9/x' })
    const { code, stderr } = await keys('list')
    expect(code).toBe(1)
    expect(stderr).toStartWith('xjp-gateway keys list: the database cannot be asked: ')
    expect(stderr).toContain('Nothing was changed')
    expect(stderr).not.toContain('hunter2secret')
  })

  test('an address that is none: 2', async () => {
    const { keys } = workplace({ DATABASE_URL: 'mysql://u:hunter2secret@db/x' })
    const { code, stderr } = await keys('list')
    expect(code).toBe(2)
    expect(stderr).not.toContain('hunter2secret')
  })
})

describe('the configuration', () => {
  test('names the database', async () => {
    const { keys, cwd } = workplace()
    writeFileSync(join(cwd, 'xjp.toml'), '[database]\nurl = "postgres://u:p@127.0.0.1:9/x"\n')
    const { code, stderr } = await keys('list')
    expect(code).toBe(1)
    expect(stderr).not.toContain('there is no database in')
  })

  test('with faults elsewhere keeps nobody from the keys', async () => {
    const { keys, cwd } = workplace()
    writeFileSync(join(cwd, 'xjp.toml'), '[providers.openai]\napi_key = "ENV:NOT_SET_HERE"\n')
    const { code, stderr } = await keys('create', '--tenant', 'acme')
    expect(code).toBe(0)
    expect(stderr).toContain('xjp.toml has faults')
  })

  test('that cannot be read, or is wrong about the database, is an error', async () => {
    for (const text of ['[database\n', '[database]\nurll = "postgres://x/y"\n']) {
      const { keys, cwd } = workplace()
      writeFileSync(join(cwd, 'xjp.toml'), text)
      const { code, stderr } = await keys('create', '--tenant', 'acme', '--config', 'xjp.toml')
      expect(code).toBe(2)
      expect(stderr).toContain('xjp.toml')
    }
  })
})
