import { afterAll, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyRecord } from '../store/ports/keys.ts'
import { KeptKeys } from './kept-keys.ts'
import { newKey } from './key-format.ts'
import { bench, countedRandom, keyRecord, NOON } from './testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'xjp-kept-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function newFile(): string {
  files += 1
  return join(folder, `data-${files}`, 'keys-cache.json')
}

const secret = newKey(countedRandom(7))
const rich: KeyRecord = {
  ...keyRecord(secret, 'key_a', {
    description: 'line\nbreak "quotes" 密钥',
    scopes: ['gpt-*', 'claude-*'],
    limits: { requestsPerMinute: 5, budgetPerDay: 12_500_000_000_000_000_000n, concurrency: 2 },
    tags: { team: 'a', constructor: 'b' },
    expiresAt: NOON + 1,
  }),
  previousHash: 'b'.repeat(64),
  previousUntil: NOON + 2,
  revision: 9,
}

test('what was written is read, for its owner alone, and holds no key', async () => {
  const file = newFile()
  const kept = new KeptKeys({ file, database: 'db' })
  expect(kept.read(NOON)).toBeUndefined()
  await kept.write({ revision: 9, keys: [rich] }, NOON)
  expect(kept.read(NOON)).toEqual({ revision: 9, keys: [rich] })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain(secret.slice(0, 12))
  expect(readdirSync(join(file, '..'))).toEqual(['keys-cache.json'])
})

test('thousands of keys', async () => {
  const kept = new KeptKeys({ file: newFile(), database: 'db' })
  const keys = Array.from({ length: 3_001 }, (_, index) => ({ ...rich, id: `key_${index}` }))
  await kept.write({ revision: 4_000, keys }, NOON)
  expect(kept.read(NOON)?.keys).toEqual(keys)
})

const unbelieved: [string, (text: string) => string, number][] = [
  ['older than a day', (text) => text, NOON + 86_400_001],
  ['from a day in the future', (text) => text, NOON - 86_400_001],
  ['of another database', (text) => text.replace('"database":"db"', '"database":"other"'), NOON],
  ['cut at the end', (text) => text.slice(0, -20), NOON],
  ['cut between two keys', (text) => `${text.split('\n')[0]}\n`, NOON],
  ['with a key too many', (text) => text + (text.split('\n')[1] ?? ''), NOON],
  ['with a member of the wrong kind', (text) => text.replace('"enabled":true', '"enabled":"yes"'), NOON],
  ['with an amount that is no number', (text) => text.replace('"125', '"x'), NOON],
  ['empty', () => '', NOON],
  ['no JSON', () => 'hello', NOON],
  ['of a later program', (text) => text.replace('"format":1', '"format":2'), NOON],
]
test.each(unbelieved)('not believed: %s', async (_name, change, now) => {
  const file = newFile()
  const kept = new KeptKeys({ file, database: 'db' })
  await kept.write({ revision: 9, keys: [rich] }, NOON)
  writeFileSync(file, change(readFileSync(file, 'utf8')))
  expect(kept.read(now)).toBeUndefined()
})

test('written when something changed, at most once a second, and now and then without', async () => {
  const kept = new KeptKeys({ file: newFile(), database: 'db' })
  expect(kept.isDue(NOON, true)).toBe(true)
  await kept.write({ revision: 0, keys: [] }, NOON)
  expect(kept.isDue(NOON + 999, true)).toBe(false)
  expect(kept.isDue(NOON + 60_000, true)).toBe(true)
  expect(kept.isDue(NOON + 60_000, false)).toBe(false)
  expect(kept.isDue(NOON + 600_000, false)).toBe(true)
})

test('a place that cannot be written is said, and hurts nobody', async () => {
  const reasons: string[] = []
  const blocked = join(folder, 'a-file')
  writeFileSync(blocked, '')
  chmodSync(blocked, 0o400)
  const file = join(blocked, 'keys-cache.json')
  const kept = new KeptKeys({ file, database: 'db', onError: (reason) => void reasons.push(reason) })
  await kept.write({ revision: 1, keys: [] }, NOON)
  expect(reasons).toHaveLength(1)
})

test('promise F1: a restart with the database down lets known keys in, and the database has the last word', async () => {
  const kept = (): KeptKeys => new KeptKeys({ file, database: 'db' })
  const file = newFile()
  const first = bench({ kept: kept() })
  const [one, other] = [await first.make(), await first.make()]
  await first.identifier.start()
  await first.identifier.stop()

  const second = bench({ kept: kept() })
  second.store.isDown = true
  await second.identifier.start()
  expect(second.identifier.state()).toMatchObject({ keys: 2, following: false, ready: true })
  expect((await second.callWith(one.key)).tenant).toBe('acme')
  // Stopping while the database is down must not make anything look newer than it is.
  await second.identifier.stop()

  const third = bench({ kept: kept(), mode: () => 'first-key' })
  third.store.isDown = true
  await third.identifier.refresh()
  const nobody = await third.call({}).catch((thrown: unknown) => thrown)
  expect(nobody).toMatchObject({ kind: 'unauthenticated' })

  // The database is back, and there one key was disabled and the other deleted.
  third.store.isDown = false
  await third.store.create(keyRecord(one.key, one.record.id, { enabled: false }))
  await third.identifier.refresh()
  expect(await third.callWith(one.key).catch((thrown: unknown) => thrown)).toMatchObject({
    kind: 'forbidden',
  })
  expect(await third.callWith(other.key).catch((thrown: unknown) => thrown)).toMatchObject({
    kind: 'unauthenticated',
  })
})

test('promise I3: a key that was disabled while the gateway was down is not let in at its start', async () => {
  const file = newFile()
  const first = bench({ kept: new KeptKeys({ file, database: 'db' }) })
  const { key, record } = await first.make()
  await first.identifier.start()
  await first.identifier.stop()
  await first.store.update(record.id, { enabled: false })
  const held = Promise.withResolvers<void>()
  first.store.hold = held.promise
  const second = bench({ kept: new KeptKeys({ file, database: 'db' }), store: first.store })
  void second.identifier.start()
  const early = second.callWith(key).catch((thrown: unknown) => thrown)
  held.resolve()
  expect(await early).toMatchObject({ kind: 'forbidden' })
  await second.identifier.stop()
})
