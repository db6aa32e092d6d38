import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Block } from '../../src/protocol/model/block.ts'
import { createVault } from '../../src/store/create-vault.ts'
import type { Commands } from '../../src/store/redis/vault.ts'
import type { Vault } from '../../src/store/vault.ts'
import { openVaultFile } from '../../src/store/vault-file.ts'
import { type RecordedRedis, recordedRedis, until } from './support/recorded-redis.ts'

/** A vault that outlives its process, on both things it may stand on. */

const folder = mkdtempSync(join(tmpdir(), 'xjp-vault-'))
let server: RecordedRedis

beforeAll(async () => {
  server = await recordedRedis()
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  return server.connection.close()
})

interface Process {
  vault: Vault
  close(): Promise<void>
}

let serial = 0
const newName = (): string => `name-${(serial += 1)}`
const turn = (text: string): Block[] => [
  {
    type: 'thinking',
    text,
    opaque: [{ dialect: 'messages', kind: 'signature', value: 'sig', maker: 'v/m' }],
  },
]

const subjects: { name: string; start(now?: () => number): Process }[] = [
  { name: 'a data directory', start: (now = Date.now) => createVault({ now, dataDir: folder }) },
  { name: 'Redis', start: (now = Date.now) => createVault({ now, redis: server }) },
]

describe.each(subjects)('a vault on $name', ({ start }) => {
  test('is read after a restart, and only what is missing', async () => {
    const [tenant, key] = [newName(), newName()]
    const first = start()
    first.vault.put(tenant, key, turn('一'))
    expect(first.vault.load?.(tenant, [key])).toBeUndefined()
    await first.close()
    const second = start()
    expect(second.vault.get(tenant, key)).toBeUndefined()
    await second.vault.load?.(tenant, [key, 'other'])
    expect(second.vault.get(tenant, key)).toEqual(turn('一'))
    expect(second.vault.get(tenant, 'other')).toBeUndefined()
    await second.close()
  })

  test('never gives one tenant what another has', async () => {
    const key = newName()
    const first = start()
    first.vault.put('a', key, turn('of a'))
    await first.close()
    const second = start()
    await second.vault.load?.('b', [key])
    expect(second.vault.get('b', key)).toBeUndefined()
    await second.close()
  })

  test('does not ask again for what is not there, for a while', async () => {
    let now = 1_000_000
    const { vault, close } = start(() => now)
    const key = newName()
    await vault.load?.('t', [key])
    expect(vault.load?.('t', [key])).toBeUndefined()
    now += 30_000
    expect(vault.load?.('t', [key])).toBeInstanceOf(Promise)
    await close()
  })

  test('the newest value of a key counts', async () => {
    const key = newName()
    const first = start()
    first.vault.put('t', key, turn('1'))
    first.vault.put('t', key, turn('2'))
    await first.close()
    const second = start()
    await second.vault.load?.('t', [key])
    expect(second.vault.get('t', key)).toEqual(turn('2'))
    await second.close()
  })

  test('of a long history the newest turns are fetched first, the others with the next request', async () => {
    const first = start()
    const tenant = newName()
    const keys = Array.from({ length: 200 }, (_, at) => `turn-${at}`)
    for (const key of keys) first.vault.put(tenant, key, turn(key))
    await first.close()
    const second = start()
    const missing = (): string[] => keys.filter((key) => !second.vault.get(tenant, key))
    await second.vault.load?.(tenant, missing())
    expect(missing()).toEqual(keys.slice(0, 72))
    await second.vault.load?.(tenant, missing())
    expect(missing()).toEqual([])
    await second.close()
  })
})

test('two gateways on one Redis share it at once', async () => {
  const [one, other] = [
    createVault({ now: Date.now, redis: server }),
    createVault({ now: Date.now, redis: server }),
  ]
  const key = newName()
  one.vault.put('t', key, turn('shared'))
  await one.close()
  await other.vault.load?.('t', [key])
  expect(other.vault.get('t', key)).toEqual(turn('shared'))
})

test('two gateways on one data directory share it', async () => {
  const [one, other] = [
    createVault({ now: Date.now, dataDir: folder }),
    createVault({ now: Date.now, dataDir: folder }),
  ]
  const key = newName()
  one.vault.put('t', key, turn('one'))
  other.vault.put('t', `${key}b`, turn('other'))
  await one.close()
  await other.vault.load?.('t', [key])
  expect(other.vault.get('t', key)).toEqual(turn('one'))
  await other.close()
})

describe('what others may see', () => {
  test('Redis is told no tenant, no key and no thought', async () => {
    const { vault, close } = createVault({ now: Date.now, redis: server })
    const from = server.said.length
    vault.put('tenant-word', 'key-word', turn('thinking-word'))
    await close()
    expect(server.tells(from)).toBe(false)
  })

  test('so is the file, and only its owner can open it', async () => {
    const own = mkdtempSync(join(tmpdir(), 'xjp-vault-'))
    const { vault, close } = createVault({ now: Date.now, dataDir: own })
    vault.put('tenant-word', 'key-word', turn('thinking-word'))
    await until(() => readdirSync(own).some((name) => readFileSync(join(own, name)).length > 0))
    await close()
    for (const name of readdirSync(own)) {
      expect(readFileSync(join(own, name)).toString('latin1')).not.toContain('word')
      expect(statSync(join(own, name)).mode & 0o077).toBe(0)
    }
    rmSync(own, { recursive: true })
  })
})

describe('a store that fails', () => {
  test('fails no call: a Redis that is away, or answers nonsense', async () => {
    for (const run of [
      () => Promise.reject(new Error('away')),
      () => Promise.resolve([Buffer.from('nonsense that is long enough to be sealed')]),
      () => Promise.resolve(null),
    ]) {
      const { vault, close } = createVault({
        now: Date.now,
        redis: { prefix: '', run: run as Commands['run'] },
      })
      vault.put('t', 'k', turn('1'))
      await vault.load?.('t', ['other'])
      expect(vault.get('t', 'other')).toBeUndefined()
      expect(vault.get('t', 'k')).toEqual(turn('1'))
      await close()
    }
  })

  test('a file that is no database is begun anew', async () => {
    const own = mkdtempSync(join(tmpdir(), 'xjp-vault-'))
    writeFileSync(join(own, 'vault.sqlite'), 'no database, but long enough to be taken for one'.repeat(100))
    const first = createVault({ now: Date.now, dataDir: own })
    first.vault.put('t', 'k', turn('1'))
    await first.close()
    const second = createVault({ now: Date.now, dataDir: own })
    await second.vault.load?.('t', ['k'])
    expect(second.vault.get('t', 'k')).toEqual(turn('1'))
    await second.close()
    rmSync(own, { recursive: true })
  })

  test('a folder that cannot be made is said once, and memory goes on', async () => {
    const own = mkdtempSync(join(tmpdir(), 'xjp-vault-'))
    writeFileSync(join(own, 'file'), '')
    const warnings: string[] = []
    const { vault } = createVault({
      now: Date.now,
      dataDir: join(own, 'file'),
      warn: (message) => void warnings.push(message),
    })
    vault.put('t', 'k', turn('1'))
    expect(vault.get('t', 'k')).toEqual(turn('1'))
    expect(warnings).toHaveLength(1)
    rmSync(own, { recursive: true })
  })
})

test('the file is bounded: the oldest go first, lapsed ones in any case', async () => {
  const own = mkdtempSync(join(tmpdir(), 'xjp-vault-'))
  let now = 1_000
  const open = (): NonNullable<ReturnType<typeof openVaultFile>> => {
    const file = openVaultFile(own, {
      now: () => now,
      keepMilliseconds: 500,
      maximumBytes: 100_000,
      warn: (message) => {
        throw new Error(message)
      },
    })
    if (!file) throw new Error('no file')
    return file
  }
  const names = Array.from({ length: 2_000 }, (_, at) => `n${at}`)
  const first = open()
  for (const name of names) first.write(name, Buffer.alloc(400))
  await first.close()
  const second = open()
  const left = (await second.read(names)).map((value) => value !== undefined)
  const kept = left.filter(Boolean).length
  expect(kept).toBeGreaterThan(50)
  expect(kept).toBeLessThanOrEqual(Math.floor(100_000 / 550) + 1)
  expect(left.lastIndexOf(false)).toBe(left.length - kept - 1)
  now += 500
  expect((await second.read(names)).every((value) => value === undefined)).toBe(true)
  second.write('new', Buffer.alloc(10))
  await second.close()
  now -= 500
  const third = open()
  expect((await third.read([...names, 'new'])).filter((value) => value !== undefined)).toHaveLength(1)
  await third.close()
  rmSync(own, { recursive: true })
})
