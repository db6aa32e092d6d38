import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { canBeFilled, fitted } from './model-names.ts'
import { problemLines, snapshotOf } from './testing/load-text.ts'

describe('what stands for the * of a pattern', () => {
  const table: readonly [string, string, string[] | undefined][] = [
    ['gpt-*', 'gpt-4o', ['4o']],
    ['gpt-*', 'gpt-', ['']],
    ['gpt-*', 'claude', undefined],
    ['*', '', ['']],
    ['*/*', 'a/b/c', ['a', 'b/c']],
    ['a*b*c', 'aXbYbZc', ['X', 'YbZ']],
    ['ab*ba', 'aba', undefined],
    ['plain', 'plain', []],
    ['plain', 'other', undefined],
  ]
  test.each(table)('%s in %s', (pattern, name, stars) =>
    expect(fitted(pattern, name)).toEqual(stars as string[]),
  )

  test('put back, it gives the name again', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 10 })
    const patterns = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 6 })
    let fits = 0
    fc.assert(
      fc.property(
        patterns,
        fc.array(letters, { minLength: 7, maxLength: 7 }),
        letters,
        (pattern, parts, other) => {
          let place = 0
          const made = pattern.replaceAll('*', () => parts[place++] ?? '')
          for (const name of [made, other]) {
            const stars = fitted(pattern, name)
            if (name === made) expect(stars).toBeDefined()
            if (stars === undefined) continue
            fits += 1
            let at = 0
            expect(pattern.replaceAll('*', () => stars[at++] ?? '')).toBe(name)
            expect(at).toBe(stars.length)
          }
        },
      ),
      { numRuns: 2_000, seed: 4 },
    )
    expect(fits).toBeGreaterThan(1_500)
  })
})

test('a * needs one in the name that it can stand for', () => {
  expect(canBeFilled('x', 'm')).toBe(true)
  expect(canBeFilled('x-*', 'm')).toBe(false)
  expect(canBeFilled('*-*', 'm-*')).toBe(true)
  expect(canBeFilled('*-*-*', '*/*')).toBe(false)
  expect(canBeFilled('x', '*/*')).toBe(true)
})

const environment = { OPENAI_API_KEY: 'k', OPENROUTER_API_KEY: 'k' }
const model = (name: string, id: string, more = ''): string =>
  `[models."${name}"]\n${more}\n[models."${name}".primary]\nprovider = "openai"\nprovider_model_id = "${id}"\n`

describe('models with * in their names', () => {
  const text = [
    model('gpt-*', 'openai/gpt-*'),
    model('gpt-4*', 'four/*'),
    model('*-mini', 'small'),
    model('*/*:free', '*--*'),
    model('gpt-4o', 'exact'),
    model('known', 'known', 'aliases = ["gpt-fast", "other"]'),
    '[model_list]\nblock = ["gpt-3*", "other"]\n',
  ].join('')
  const snapshot = snapshotOf('a.toml', text, { environment })

  const table: readonly [string, string | undefined, string | undefined][] = [
    ['gpt-5', 'openai/gpt-5', 'gpt-*'],
    ['gpt-', 'openai/gpt-', 'gpt-*'],
    ['gpt-4.1', 'four/.1', 'gpt-4*'],
    ['gpt-4o', 'exact', undefined],
    // As exact as one another in characters; the longer beginning decides.
    ['gpt-4-mini', 'four/-mini', 'gpt-4*'],
    ['gpt-mini', 'small', '*-mini'],
    ['a/b:free', 'a--b', '*/*:free'],
    ['gpt-3.5', undefined, undefined],
    ['claude', undefined, undefined],
    ['gpt-*', 'openai/gpt-*', 'gpt-*'],
    ['gpt-fast', 'known', undefined],
    ['other', undefined, undefined],
  ]
  test.each(table)('%s goes to %p', (name, id, pattern) => {
    const entry = snapshot.resolve(name)
    expect(entry?.routes[0]?.model).toBe(id as string)
    expect(entry?.pattern).toBe(pattern as string)
    if (entry && name !== 'gpt-fast') expect(entry.name).toBe(name)
    if (entry) expect(Object.isFrozen(entry)).toBe(true)
  })

  test('the most exact stands first, and is not among the models that are listed', () => {
    expect(snapshot.wildcards.map(({ name }) => name)).toEqual(['*/*:free', 'gpt-4*', '*-mini', 'gpt-*'])
    expect([...snapshot.models.keys()]).toEqual(['gpt-4o', 'known'])
  })

  test('an alias is the model it stands for', () => {
    expect(snapshot.resolve('gpt-fast')).toBe(snapshot.resolve('known') as never)
    expect(snapshot.aliases.get('gpt-fast')).toBe('known')
    expect(snapshot.nearest('gpt-fats')).toContain('gpt-fast')
  })

  test('a blocked model is blocked under every name, an allowed one allowed', () => {
    const blocked = snapshotOf(
      'a.toml',
      `${model('known', 'x', 'aliases = ["alias"]')}[model_list]\nblock = ["known"]\n`,
      {
        environment,
      },
    )
    expect(blocked.resolve('alias')).toBeUndefined()
    const allowed = snapshotOf(
      'a.toml',
      `${model('known', 'x', 'aliases = ["alias"]')}[model_list]\nallow = ["known"]\n`,
      {
        environment,
      },
    )
    expect(allowed.resolve('alias')?.name).toBe('known')
  })

  test('a pattern stands behind models and before the provider that gets the rest', () => {
    const rest = snapshotOf(
      'a.toml',
      `${model('gpt-*', 'x')}[model_list]\ndefault_provider = "openrouter"\n`,
      {
        environment,
      },
    )
    expect(rest.resolve('gpt-1')?.routes[0]).toMatchObject({ provider: 'openai', model: 'x' })
    expect(rest.resolve('claude')?.routes[0]).toMatchObject({
      provider: 'openrouter',
      model: 'claude',
      pattern: '*',
    })
    expect(rest.resolve('claude')?.pattern).toBe('*')
  })

  test('the error names both that want a name', () => {
    const both = model('a', 'x', 'aliases = ["c"]') + model('b', 'x', 'aliases = ["c", "a"]')
    expect(problemLines('a.toml', both, { environment })).toEqual([
      'a.toml:7:12: models.b.aliases[0]: expected a name that belongs to "b" alone: this one stands for the model "a", found "c"',
      'a.toml:7:17: models.b.aliases[1]: expected a name that belongs to "b" alone: this one is the model "a", found "a"',
    ])
  })
})
