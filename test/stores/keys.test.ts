import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { KeyRecord, NewKey } from '../../src/store/ports/keys.ts'
import { databaseKinds, newKey, type OpenedDatabase, openFor } from './databases.ts'

for (const kind of databaseKinds)
  describe(`KeyStore on ${kind.name}`, () => {
    let opened: OpenedDatabase
    beforeAll(async () => {
      opened = await openFor('KeyStore', kind)
    })
    afterAll(() => opened.database.close())

    test('the revision is 0 until the first key is made, whatever is asked before', async () => {
      const fresh = await kind.open()
      const { keys } = fresh.database
      expect(await keys.revision()).toBe(0)
      expect(await keys.update('key_none', { enabled: false })).toBeUndefined()
      expect(await keys.delete('key_none', 1)).toBe(false)
      await keys.touch(new Map([['key_none', 5]]))
      expect(await keys.revision()).toBe(0)
      expect(await keys.changedSince(0, 10)).toEqual([])
      expect((await keys.create(newKey())).revision).toBe(1)
      await fresh.database.close()
    })

    test('what was made is read as it was made, money exact', async () => {
      const { keys } = opened.database
      const key = newKey({
        scopes: ['a*', 'provider/model'],
        description: 'für alle',
        tags: { team: 'red', ['__proto__']: 'x' },
        limits: {
          requestsPerMinute: 7,
          tokensPerDay: Number.MAX_SAFE_INTEGER,
          budgetPerDay: 12_345_678_901_234_567_890_123n,
          budgetPerMonth: 1n,
        },
        expiresAt: 1_800_000_000_123,
      })
      const made = await keys.create(key)
      expect(made).toEqual({ ...key, revision: made.revision })
      expect(await keys.get(key.id)).toEqual(made)
      expect(await keys.findByHash(key.hash)).toEqual(made)
      expect(Object.hasOwn(made.tags, '__proto__')).toBe(true)
    })

    test('a second key with the same id or hash is refused, and that is not the store’s trouble', async () => {
      const { keys } = opened.database
      const key = await keys.create(newKey())
      const before = await keys.revision()
      for (const twin of [newKey({ id: key.id }), newKey({ hash: key.hash })]) {
        const failure = await keys.create(twin).then(
          () => undefined,
          (thrown: Error) => thrown,
        )
        expect(failure).toBeInstanceOf(Error)
        expect(failure?.name).not.toBe('StoreUnavailable')
      }
      expect(await keys.revision()).toBe(before)
    })

    test('a change leaves alone what it does not name, and null takes away', async () => {
      const { keys } = opened.database
      const key = await keys.create(newKey({ expiresAt: 5, description: 'kept' }))
      const rotated = await keys.update(key.id, {
        hash: 'f'.repeat(64),
        previousHash: key.hash,
        previousUntil: 99,
      })
      expect(rotated).toEqual({
        ...key,
        hash: 'f'.repeat(64),
        previousHash: key.hash,
        previousUntil: 99,
        revision: rotated?.revision ?? 0,
      })
      expect(rotated?.revision).toBeGreaterThan(key.revision)
      for (const hash of ['f'.repeat(64), key.hash]) expect((await keys.findByHash(hash))?.id).toBe(key.id)
      const plain = await keys.update(key.id, {
        previousHash: null,
        previousUntil: null,
        expiresAt: null,
        enabled: false,
      })
      expect(plain).not.toContainAnyKeys(['previousHash', 'previousUntil', 'expiresAt'])
      expect(plain).toMatchObject({ enabled: false, description: 'kept' })
      expect(await keys.findByHash(key.hash)).toBeUndefined()
    })

    test('members that a change does not have change nothing', async () => {
      const { keys } = opened.database
      const key = await keys.create(newKey())
      const hostile = {
        tenant: 'other',
        id: 'key_x',
        createdAt: 1,
        revision: 99,
        deletedAt: 1,
        lastUsedAt: 7,
      }
      const after = await keys.update(key.id, hostile as object)
      expect(after).toEqual({ ...key, revision: after?.revision ?? 0 })
    })

    test('a deleted key is nowhere but among the changes', async () => {
      const { keys } = opened.database
      const key = await keys.create(newKey())
      expect(await keys.delete(key.id, 1234)).toBe(true)
      expect(await keys.delete(key.id, 1235)).toBe(false)
      expect(await keys.get(key.id)).toBeUndefined()
      expect(await keys.findByHash(key.hash)).toBeUndefined()
      expect(await keys.update(key.id, { enabled: true })).toBeUndefined()
      const [change] = await keys.changedSince(key.revision, 10)
      expect(change).toMatchObject({ id: key.id, deletedAt: 1234, enabled: false })
    })

    test('last use only moves forward and is no change', async () => {
      const { keys } = opened.database
      const [one, two] = [await keys.create(newKey()), await keys.create(newKey())]
      const before = await keys.revision()
      await keys.touch(
        new Map([
          [one.id, 100],
          [two.id, 200],
          ['key_missing', 1],
        ]),
      )
      await keys.touch(
        new Map([
          [one.id, 50],
          [two.id, 300],
        ]),
      )
      expect((await keys.get(one.id))?.lastUsedAt).toBe(100)
      expect((await keys.get(two.id))?.lastUsedAt).toBe(300)
      expect(await keys.revision()).toBe(before)
    })

    test('pages are in the order of creation and stand while keys come and go', async () => {
      const fresh = await kind.open()
      const { keys } = fresh.database
      const made: KeyRecord[] = []
      for (let index = 0; index < 25; index += 1)
        made.push(await keys.create(newKey({ tenant: index % 2 ? 'odd' : 'even', createdAt: 1_000 - index })))
      const seen: string[] = []
      let after: string | undefined
      do {
        const page = await keys.list({ limit: 7, ...(after === undefined ? {} : { after }) })
        seen.push(...page.keys.map((key) => key.id))
        // The one the next page is asked behind goes away, another one comes.
        if (page.next !== undefined) await keys.delete(page.next, 1)
        after = page.next
      } while (after !== undefined)
      expect(seen).toEqual(made.map((key) => key.id))
      const odd = await keys.list({ tenant: 'odd' })
      expect(odd.keys.every((key) => key.tenant === 'odd')).toBe(true)
      expect(await keys.list({ tenant: 'odd', after: 'key_unknown' })).toEqual({ keys: [] })
      await fresh.database.close()
    })

    test('who has seen a revision has seen every change before it, under concurrent writers', async () => {
      const others = [opened.again(), opened.again()]
      const stores = [opened.database, ...others].map((database) => database.keys)
      const start = await opened.database.keys.revision()
      let writing = true
      const seen = new Map<string, number>()
      const follow = async (): Promise<void> => {
        let from = start
        for (;;) {
          const isLast = !writing
          const changes = await opened.database.keys.changedSince(from, 5)
          for (const key of changes) {
            expect(key.revision).toBeGreaterThan(from)
            from = key.revision
            seen.set(key.id, key.revision)
          }
          if (isLast && changes.length === 0) return
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      const following = follow()
      const latest = new Map<string, number>()
      await Promise.all(
        stores.map(async (keys) => {
          for (let round = 0; round < 20; round += 1) {
            const key = await keys.create(newKey())
            const changed = await keys.update(key.id, { description: `${round}` })
            latest.set(key.id, changed?.revision ?? 0)
          }
        }),
      )
      writing = false
      await following
      expect(seen).toEqual(latest)
      expect(new Set(latest.values()).size).toBe(latest.size)
      await Promise.all(others.map((database) => database.close()))
    })

    test('hostile texts are texts', async () => {
      const { keys } = opened.database
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.constantFrom(
          "'; drop table api_keys; --",
          '"',
          '\\',
          '%',
          '_',
          '\0',
          'a\0b',
          '\uD800',
          '$1',
          '?',
          '{}',
        ),
      )
      await fc.assert(
        fc.asyncProperty(text, text, text, async (description, tenant, tag) => {
          const key = newKey({
            description,
            tenant,
            tags: { [tag]: tag },
            scopes: [tag],
          } satisfies Partial<NewKey>)
          const made = await keys.create(key)
          expect(made.tags).toEqual({ [tag]: tag })
          expect(made.scopes).toEqual([tag])
          const kept = (value: string): string =>
            value.replace(/\p{Surrogate}/gu, '\uFFFD').replaceAll('\0', '\uFFFD')
          expect(made.description).toBe(kept(description))
          expect((await keys.list({ tenant, limit: 1_000 })).keys.map((each) => each.id)).toContain(made.id)
          expect(await keys.findByHash(`${made.hash}${tag}`)).toEqual(tag === '' ? made : undefined)
        }),
        { numRuns: 150 },
      )
      expect(await keys.revision()).toBeGreaterThan(150)
    })
  })
