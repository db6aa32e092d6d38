import { describe, expect, test } from 'bun:test'
import { benchArguments } from './arguments.ts'

const MEASURES = ['requests', 'memory']

describe('the command line', () => {
  for (const [given, expected] of [
    [[], { quick: false, only: [], update: false }],
    [['--quick', '--only', 'memory'], { quick: true, only: ['memory'], update: false }],
    [
      ['--only', 'memory,requests', '--only', 'memory'],
      { quick: false, only: ['memory', 'requests', 'memory'], update: false },
    ],
    [['--update'], { quick: false, only: [], update: true }],
  ] as const)
    test(given.join(' ') || 'nothing', () =>
      expect(benchArguments(given, MEASURES)).toEqual({ ...expected, only: [...expected.only] }),
    )

  for (const [given, message] of [
    [['--only', 'speed'], '--only: there is no measure "speed"'],
    [['--update', '--quick'], '--update: only a whole run'],
    [['--loud'], '--loud'],
  ] as const)
    test(`${given.join(' ')} is refused`, () => expect(benchArguments(given, MEASURES)).toContain(message))
})
