import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { figure, size } from '../promises/support/figure.ts'
import { sourceFiles } from '../structure/source-files.ts'
import { databaseKinds, newKey, newUsageRow, nothingUsed, type OpenedDatabase, openFor } from './databases.ts'

const code = sourceFiles('src').filter((file) => !file.path.endsWith('.test.ts'))

const filesWith = (pattern: RegExp): string[] =>
  code.filter((file) => pattern.test(withoutComments(file.text))).map((file) => file.path)

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

/** A template that looks like SQL, has a hole, and lacks the tag. */
const untagged =
  /(?<!sql(?:<[^`>]*>+)?)`\s*(?:select|insert into|update|delete from|create|drop|alter|pragma)\s[^`]*\$\{/i

describe('no input reaches SQL as text', () => {
  test('the drivers are in few hands', () => {
    expect(filesWith(/from 'bun:sqlite'/)).toEqual(['src/platform/sqlite.ts'])
    expect(filesWith(/from 'pg'/).filter((path) => !path.startsWith('src/store/sql/postgres'))).toEqual([])
    expect(filesWith(/from 'kysely'/).filter((path) => !path.startsWith('src/store/sql/'))).toEqual([])
  })

  test('nothing that takes SQL as text is used', () => {
    expect(
      filesWith(/\bsql\s*\.\s*(?:raw|lit|literal|val)\b|CompiledQuery\s*\.\s*raw|\.withSchema\(/),
    ).toEqual([])
  })

  test('a template with a hole that looks like SQL has the tag which makes it a parameter', () => {
    expect(untagged.test('`select * from t where id = \x24{id}`')).toBe(true)
    expect(untagged.test('sql<{ id: string }>`select * from t where id = \x24{id}`')).toBe(false)
    // The one number that a pragma needs, cut to a whole one.
    expect(filesWith(untagged)).toEqual(['src/platform/sqlite.ts'])
    expect(filesWith(/'(?:select|insert into|update|delete from|create|drop|alter)\s[^'\n]*'\s*\+/i)).toEqual(
      [],
    )
  })

  test('what looks for a pattern in texts escapes it', () => {
    const unescaped = code.filter(
      (file) => /'i?like'|\bi?like \$\{/i.test(withoutComments(file.text)) && !/\bescape\b/i.test(file.text),
    )
    expect(unescaped.map((file) => file.path)).toEqual([])
  })
})

const payload = fc.oneof(
  fc.constantFrom(
    "' or '1'='1",
    "'; drop table api_keys; --",
    '" or ""="',
    '%',
    '_%',
    "\\'; select pg_sleep(10); --",
    "' union select hash, id from api_keys --",
    '$1',
    '?1',
    "x') on conflict do nothing; --",
    "}'::json) --",
    '\0',
  ),
  fc.string({ unit: 'binary', maxLength: 60 }),
)
/** Six statements each. */
const runs = { sqlite: size(300, 100_000), postgres: size(300, 10_000) }

for (const kind of databaseKinds)
  describe(`payloads on ${kind.name}`, () => {
    let opened: OpenedDatabase
    beforeAll(async () => {
      opened = await openFor('injection', kind)
    })
    afterAll(() => opened.database.close())

    test(`${runs[kind.kind]} of them find nothing, change nothing and fail nothing`, async () => {
      const { keys, usage, settings } = opened.database
      const key = await keys.create(newKey())
      await usage.insert([newUsageRow()])
      await settings.set('kept', 'value')
      await fc.assert(
        fc.asyncProperty(payload, async (text) => {
          const answers = await Promise.all([
            keys.findByHash(text),
            keys.list({ tenant: text, after: text }),
            usage.sum({ tenant: text, keyId: text, model: text }),
            usage.rows({ model: text }, { limit: 5, after: text }),
            settings.get(text),
            keys.update(text, { description: text }),
          ])
          expect(answers).toEqual([
            undefined,
            { keys: [] },
            { ...nothingUsed, requests: 0 },
            [],
            undefined,
            undefined,
          ])
        }),
        { numRuns: runs[kind.kind] },
      )
      expect(await keys.get(key.id)).toEqual(key)
      expect((await usage.sum({})).requests).toBe(1)
      expect(await settings.get('kept')).toBe('value')
      figure('J1', {
        store: kind.kind,
        payloads: runs[kind.kind],
        statements: 6 * runs[kind.kind],
        findings: 0,
      })
    }, 900_000)
  })
