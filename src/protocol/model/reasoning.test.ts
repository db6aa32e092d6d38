import { describe, expect, test } from 'bun:test'
import type { Capabilities } from './capabilities.ts'
import {
  effortOfBudget,
  isEffort,
  isOff,
  ladder,
  levelOfBudget,
  mappedEffort,
  nearestEffort,
  willThink,
} from './reasoning.ts'
import type { Effort, Reasoning } from './request.ts'

describe('off', () => {
  const rows: [Reasoning, boolean][] = [
    [{}, false],
    [{ mode: 'disabled' }, true],
    [{ mode: 'enabled' }, false],
    [{ effort: 'none' }, true],
    [{ effort: 'minimal' }, false],
    [{ budgetTokens: 0 }, true],
    [{ budgetTokens: -1 }, false],
  ]
  for (const [reasoning, off] of rows)
    test(JSON.stringify(reasoning), () => expect(isOff(reasoning)).toBe(off))
})

describe('whether the model will think', () => {
  const rows: [string, Reasoning | undefined, Pick<Capabilities, Said>, boolean][] = [
    ['nothing said', undefined, can('effort', true, false), false],
    ['nothing said, by default', undefined, can('effort', true, true), true],
    ['asked', { effort: 'low' }, can('effort', true, false), true],
    ['switched off', { effort: 'none' }, can('effort', true, true), false],
    ['switched off where it cannot be', { effort: 'none' }, can('effort', false, true), true],
    ['asked of a model without the switch', { effort: 'low' }, can('none', false, false), false],
    ['off for a model that always thinks', { effort: 'none' }, can('none', false, true), true],
  ]
  for (const [what, reasoning, capabilities, thinks] of rows)
    test(what, () => expect(willThink(reasoning, capabilities as Capabilities)).toBe(thinks))
})

type Said = 'reasoningStyle' | 'reasoningOff' | 'reasoningByDefault'

function can(
  reasoningStyle: Capabilities['reasoningStyle'],
  reasoningOff: boolean,
  reasoningByDefault: boolean,
): Pick<Capabilities, Said> {
  return { reasoningStyle, reasoningOff, reasoningByDefault }
}

describe('a budget by the operator’s table', () => {
  const map = [
    { budget: 8000, effort: 'high' },
    { budget: 4000, effort: 'medium' },
  ]
  const rows: [number, string][] = [
    [0, 'low'],
    [3999, 'low'],
    [4000, 'medium'],
    [7999, 'medium'],
    [8000, 'high'],
    [90_000, 'high'],
  ]
  for (const [budget, effort] of rows)
    test(`${budget} is ${effort}`, () => expect(mappedEffort(budget, map)).toBe(effort))

  test('of equal thresholds the last, of no table nothing', () => {
    expect(mappedEffort(9000, [...map, { budget: 8000, effort: 'max' }])).toBe('max')
    expect(mappedEffort(9000, [])).toBeUndefined()
  })

  test('as a level: the table first, `low` for a word that is none', () => {
    expect(levelOfBudget(9000, 10_000, map)).toBe('high')
    expect(levelOfBudget(9000, 10_000, [])).toBe('xhigh')
    expect(levelOfBudget(9000, 10_000, [{ budget: 0, effort: 'deep' }])).toBe('low')
  })
})

describe('a budget as a level', () => {
  const rows: [number, number | undefined, Effort][] = [
    [500, undefined, 'minimal'],
    [1024, undefined, 'low'],
    [2048, undefined, 'low'],
    [2049, undefined, 'medium'],
    [8192, undefined, 'medium'],
    [24_576, undefined, 'high'],
    [24_577, undefined, 'xhigh'],
    [8192, 0, 'medium'],
    [500, 10_000, 'minimal'],
    [1400, 10_000, 'low'],
    [1500, 10_000, 'medium'],
    [4500, 10_000, 'high'],
    [8000, 10_000, 'xhigh'],
    [500, 1000, 'high'],
  ]
  for (const [budget, bound, effort] of rows)
    test(`${budget} of ${bound ?? 'no bound'} is ${effort}`, () =>
      expect(effortOfBudget(budget, bound)).toBe(effort))
})

describe('the nearest level offered', () => {
  const rows: [Effort, Effort[], Effort | undefined][] = [
    ['medium', ['low', 'medium'], 'medium'],
    ['medium', ['low', 'high'], 'high'],
    ['medium', ['low'], 'low'],
    ['minimal', ['low', 'high'], 'low'],
    ['none', ['minimal', 'low'], 'minimal'],
    ['none', ['none', 'low'], 'none'],
    ['xhigh', ['low', 'high', 'max'], 'high'],
    ['max', ['low', 'high'], 'high'],
    ['high', ['xhigh'], 'xhigh'],
    ['low', ['none'], undefined],
    ['low', [], undefined],
  ]
  for (const [wanted, offered, level] of rows)
    test(`${wanted} of [${offered.join(', ')}] is ${level}`, () =>
      expect(nearestEffort(wanted, offered)).toBe(level as Effort))
})

test('words of the ladder', () => {
  expect(ladder.every(isEffort)).toBe(true)
  expect([isEffort('default'), isEffort(1), isEffort('toString')]).toEqual([false, false, false])
})
