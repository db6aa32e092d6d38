import { describe, expect, test } from 'bun:test'
import { parseArguments, UsageError } from './arguments.ts'
import { duration, type KeyWords, keyFlags, keyWords, tenantName } from './key-flags.ts'

function words(...args: string[]): KeyWords {
  return keyWords(parseArguments(args, keyFlags))
}

const read: [string[], KeyWords][] = [
  [[], { limits: {} }],
  [['--rpm', '5'], { limits: { requestsPerMinute: 5 }, unlimitedRequests: false }],
  [['--rpm', 'unlimited'], { limits: { requestsPerMinute: null }, unlimitedRequests: true }],
  [['--rpm', 'none'], { limits: { requestsPerMinute: null }, unlimitedRequests: false }],
  [
    ['--burst', '2', '--rpd', '3', '--tpm', '4', '--quota-tokens-daily', '5', '--concurrency', '6'],
    { limits: { burst: 2, requestsPerDay: 3, tokensPerMinute: 4, tokensPerDay: 5, concurrency: 6 } },
  ],
  [
    ['--budget-daily', '12.5', '--budget-weekly', '0.000001', '--budget-monthly', 'none'],
    { limits: { budgetPerDay: 12_500_000_000_000n, budgetPerWeek: 1_000_000n, budgetPerMonth: null } },
  ],
  [['--scopes', 'gpt-*, claude-*,gpt-*'], { limits: {}, scopes: ['gpt-*', 'claude-*'] }],
  [['--scopes', '*'], { limits: {}, scopes: [] }],
  [['--expires', '2027-01-31'], { limits: {}, expiresAt: Date.UTC(2027, 0, 31) }],
  [['--expires', '2027-01-31T12:00'], { limits: {}, expiresAt: Date.UTC(2027, 0, 31, 12) }],
  [['--expires', '2027-01-31 12:00:01Z'], { limits: {}, expiresAt: Date.UTC(2027, 0, 31, 12, 0, 1) }],
  [['--expires', '2027-01-31T12:00:00+08:00'], { limits: {}, expiresAt: Date.UTC(2027, 0, 31, 4) }],
  [['--expires', 'none'], { limits: {}, expiresAt: null }],
  [['--tag', 'a=1', '--tag', 'b=x=y', '--tag', 'a=2'], { limits: {}, tags: { a: '2', b: 'x=y' } }],
  [['--description', '密钥 of Bob'], { limits: {}, description: '密钥 of Bob' }],
]
test.each(read)('%p', (args, expected) => expect(words(...args)).toEqual(expected))

describe('what is wrong names the flag', () => {
  const wrong: [string, string[]][] = [
    ['rpm', ['0', '-1', '1.5', '1e3', 'five', '', '10000000000000', 'Unlimited']],
    ['rpd', ['unlimitd', '0x10', ' 5']],
    ['budget-daily', ['-1', '1,5', '$5', '1.0000001', '01', '1e3', '']],
    ['scopes', ['', 'a,,b', ',', 'a b', 'modèle', 'a\nb']],
    ['expires', ['tomorrow', '2027-02-30', '2027-13-01', '31.01.2027', '2027-01-31T25:00', '1800000000', '']],
    ['tag', ['a', '=b', '__proto__=x', 'a b=c', 'a=\u0007']],
    ['description', ['x'.repeat(501)]],
  ]
  for (const [flag, values] of wrong)
    test.each(values)(`--${flag} %p`, (value) => {
      expect(() => words(`--${flag}=${value}`)).toThrow(UsageError)
      expect(() => words(`--${flag}=${value}`)).toThrow(`--${flag}: expected`)
    })

  test.each(['', '-a', 'a b', '__proto__', 'a/b', 'x'.repeat(129)])('tenant %p', (name) => {
    expect(() => tenantName(name)).toThrow('--tenant: expected')
  })
})

const graces: [string, number | undefined][] = [
  ['24h', 86_400_000],
  ['30m', 1_800_000],
  ['90s', 90_000],
  ['7d', 604_800_000],
  ['0', 0],
  ['0h', 0],
  ['366d', 31_622_400_000],
  ['367d', undefined],
  ['5', undefined],
  ['-1h', undefined],
  ['1.5h', undefined],
  ['h', undefined],
  ['1w', undefined],
]
test.each(graces)('a grace of %s', (text, milliseconds) => {
  if (milliseconds === undefined) expect(() => duration('grace', text)).toThrow('--grace: expected')
  else expect(duration('grace', text)).toBe(milliseconds)
})
