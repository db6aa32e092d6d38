import { afterEach, describe, expect, test } from 'bun:test'
import { parseDocument } from './document.ts'
import { loadDocument } from './load.ts'
import { fakeProviders } from './testing/fake-providers.ts'

/** Promise J2: reserved keys in a configuration have no effect, wherever they stand. */

const before = JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort())
afterEach(() => {
  expect(JSON.stringify(Object.getOwnPropertyNames(Object.prototype).sort())).toBe(before)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

const names = ['__proto__', 'constructor', 'prototype']
const spots: readonly { name: string; json(key: string): string }[] = [
  { name: 'at the top', json: (key) => `{"${key}": {"polluted": 1}}` },
  { name: 'in a section', json: (key) => `{"server": {"${key}": {"polluted": 1}}}` },
  { name: 'as a provider', json: (key) => `{"providers": {"${key}": {"type": "openai"}}}` },
  {
    name: 'as a model',
    json: (key) => `{"models": {"${key}": {"primary": {"provider": "openai", "provider_model_id": "a"}}}}`,
  },
  { name: 'as a header', json: (key) => `{"providers": {"openai": {"headers": {"${key}": "x"}}}}` },
  { name: 'as a display name', json: (key) => `{"model_list": {"display_names": {"${key}": "x"}}}` },
  {
    name: 'in an entry of system C',
    json: (key) => `{"models": [{"id": "a", "adapter": "process", "command": ["a"], "${key}": 1}]}`,
  },
  {
    name: 'in the map of system B',
    json: (key) =>
      `{"downstream": {"base_url": "https://a.example"}, "models": {"model_map": {"${key}": "x"}}}`,
  },
]

describe('reserved keys', () => {
  for (const spot of spots)
    for (const key of names)
      for (const file of ['a.json', 'a.yaml'])
        test(`${key} ${spot.name} (${file})`, () => {
          const result = loadDocument(parseDocument(file, spot.json(key)), {
            cwd: '/',
            environment: {},
            providers: fakeProviders,
          })
          expect(result.ok).toBe(false)
          if (!result.ok)
            expect(result.problems.map((problem) => problem.expected)).toContain(
              'a name that is not reserved',
            )
        })

  for (const key of names)
    test(`${key} in TOML headers and dotted keys`, () => {
      for (const text of [
        `[${key}]\npolluted = 1\n`,
        `[models.${key}.primary]\nprovider = "openai"\n`,
        `server.${key}.polluted = 1\n`,
      ]) {
        const result = loadDocument(parseDocument('a.toml', text), {
          cwd: '/',
          environment: {},
          providers: fakeProviders,
        })
        expect(result.ok).toBe(false)
      }
    })

  test('a model that is asked for by such a name is not served', () => {
    const result = loadDocument(undefined, {
      cwd: '/',
      environment: { OPENAI_API_KEY: 'x' },
      providers: fakeProviders,
    })
    if (!result.ok) throw new Error('the environment is enough')
    for (const key of names) {
      expect(result.snapshot.resolve(key)).toBeUndefined()
      expect(result.snapshot.resolve(`${key}/a`)).toBeUndefined()
      expect(result.snapshot.providers[key]).toBeUndefined()
      expect(result.snapshot.modelList.displayNames[key]).toBeUndefined()
    }
  })
})
