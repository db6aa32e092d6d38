import { describe, expect, test } from 'bun:test'
import { rightsOf, scopeFault, tidyScopes } from './scopes.ts'

describe('scopes', () => {
  test('are sorted by what they speak of', () => {
    expect(rightsOf([])).toEqual({})
    expect(rightsOf(['gpt-*', 'target:a/*', 'target:b/c:free', 'region:eu', 'price:2.50'])).toEqual({
      models: ['gpt-*'],
      targets: ['a/*', 'b/c:free'],
      regions: ['eu'],
      price: '2.50',
    })
  })

  test('a model may have a colon in its name', () => {
    expect(rightsOf(['deepseek-r1:free'])).toEqual({ models: ['deepseek-r1:free'] })
  })

  const kept: [string[], string[]][] = [
    [['*'], []],
    [['*', 'gpt-*'], []],
    // Whoever adds every model does not mean every target.
    [
      ['*', 'target:a/*', 'region:eu'],
      ['target:a/*', 'region:eu'],
    ],
    [['target:*'], ['target:*']],
    [
      ['a', 'b', 'a'],
      ['a', 'b'],
    ],
  ]
  test.each(kept)('%p are kept as %p', (given, wanted) => expect(tidyScopes(given)).toEqual(wanted))

  const faults: [string, boolean][] = [
    ['gpt-*', false],
    ['target:openai/*', false],
    ['price:0', false],
    ['price:2.5', false],
    ['', true],
    ['a b', true],
    ['target:', true],
    ['price:', true],
    ['price:-1', true],
    ['price:1e3', true],
    ['price:$2', true],
  ]
  test.each(faults)('%p is wrong: %p', (scope, isWrong) =>
    expect(scopeFault(scope) !== undefined).toBe(isWrong),
  )
})
