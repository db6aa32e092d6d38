import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { matches } from './resolve.ts'
import { snapshotOf } from './testing/load-text.ts'

describe('patterns', () => {
  const table: readonly [string, string, boolean][] = [
    ['gpt-4o', 'gpt-4o', true],
    ['gpt-4o', 'gpt-4', false],
    ['gpt-4o', 'gpt-*', true],
    ['gpt-', 'gpt-*', true],
    ['gpt', 'gpt-*', false],
    ['gpt-4o', '*', true],
    ['gpt-4o', '*4o', true],
    ['gpt-4o', '*4', false],
    ['a-b-c', 'a*b*c', true],
    ['ac', 'a*b*c', false],
    ['aba', 'ab*ba', false],
    ['abba', 'ab*ba', true],
    ['a.b', 'a.b', true],
    ['axb', 'a.b', false],
    ['openai/gpt', 'openai/*', true],
  ]
  for (const [name, pattern, wanted] of table)
    test(`${name} ${wanted ? 'is' : 'is not'} ${pattern}`, () =>
      expect(matches(name, [pattern])).toBe(wanted))

  test('agree with the regular expression they stand for', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 })
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 }), word, (name, pattern) => {
        expect(matches(name, [pattern])).toBe(new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(name))
      }),
      { numRuns: 500, seed: 9 },
    )
  })
})

const environment = { OPENAI_API_KEY: 'k', OPENROUTER_API_KEY: 'k' }

describe('provider/model', () => {
  const snapshot = snapshotOf('', undefined, { environment })
  const table: readonly [string, string | undefined, string?][] = [
    ['openai/gpt-4o', 'openai', 'gpt-4o'],
    ['OpenAI/gpt-4o', 'openai', 'gpt-4o'],
    ['openrouter/anthropic/claude-3.5', 'openrouter', 'anthropic/claude-3.5'],
    ['gpt-4o', undefined],
    ['openai/', undefined],
    ['/gpt-4o', undefined],
    ['vertex/gemini', undefined],
    ['', undefined],
  ]
  for (const [name, provider, model] of table)
    test(`${name || 'nothing'} ${provider ? `goes to ${provider}` : 'is not served'}`, () => {
      const entry = snapshot.resolve(name)
      expect(entry?.routes.map((route) => [route.provider, route.model])).toEqual(
        provider && model ? [[provider, model]] : undefined,
      )
      if (entry) expect(entry.name).toBe(name)
    })
})

describe('names close to one that is not served', () => {
  const file = `[models."claude-sonnet-4.5".primary]
provider = "openai"
provider_model_id = "a"
[models."claude-opus".primary]
provider = "openai"
provider_model_id = "b"
[model_list]
block = ["claude-opus"]
passthrough = true
`
  const snapshot = snapshotOf('a.toml', file, { environment })
  const table: readonly [string, readonly string[]][] = [
    ['claude-sonet-4.5', ['claude-sonnet-4.5', 'openai/claude-sonet-4.5', 'openrouter/claude-sonet-4.5']],
    ['opanai/gpt-4o', ['openai/gpt-4o']],
    ['claude-opus', ['claude-sonnet-4.5', 'openai/claude-opus', 'openrouter/claude-opus']],
    ['zzz/gpt-4o', []],
  ]
  for (const [name, wanted] of table)
    test(name, () => {
      expect(snapshot.nearest(name)).toEqual([...wanted])
      expect(snapshot.resolve(name)).toBeUndefined()
    })
})
