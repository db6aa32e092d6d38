import { describe, expect, test } from 'bun:test'
import { parseArguments, UsageError } from './arguments.ts'

const flags = {
  name: { value: 'a name' },
  tag: { value: 'name=value', repeats: true },
  'data-dir': { value: 'a directory' },
  json: {},
}

const read: [string, string[], string[], [string, string[]][]][] = [
  ['nothing', [], [], []],
  [
    'a value behind and one in it',
    ['--name', 'a', '--data-dir=b'],
    [],
    [
      ['name', ['a']],
      ['data-dir', ['b']],
    ],
  ],
  ['a flag without a value', ['x', '--json', 'y'], ['x', 'y'], [['json', ['']]]],
  ['a flag that repeats', ['--tag', 'a=1', '--tag=b=2'], [], [['tag', ['a=1', 'b=2']]]],
  ['a value with a dash', ['--name', '-5'], [], [['name', ['-5']]]],
  ['a value like a flag that does not exist', ['--name', '--x'], [], [['name', ['--x']]]],
  ['an empty value', ['--name='], [], [['name', ['']]]],
  ['all behind two dashes', ['--', '--name', '-x'], ['--name', '-x'], []],
  ['negative numbers are no flags', ['-5'], ['-5'], []],
]
test.each(read)('%s', (_name, args, positional, values) => {
  const parsed = parseArguments(args, flags)
  expect(parsed.positional).toEqual(positional)
  expect([...parsed.values]).toEqual(values)
})

describe('what is wrong is said', () => {
  const wrong: [string[], string][] = [
    [['--nmae', 'a'], 'unknown flag --nmae. Did you mean --name?'],
    [['--datadir', 'a'], 'unknown flag --datadir. Did you mean --data-dir?'],
    [['--zzzzzz=1'], 'unknown flag --zzzzzz'],
    [['-n', 'a'], 'unknown flag -n'],
    [['--__proto__', 'a'], 'unknown flag --__proto__'],
    [['--constructor'], 'unknown flag --constructor'],
    [['--name'], '--name: expected a name'],
    [['--name', '--json'], '--name: expected a name'],
    [['--json=yes'], '--json takes no value'],
    [['--name', 'a', '--name', 'b'], '--name is given twice'],
  ]
  test.each(wrong)('%p', (args, message) => {
    expect(() => parseArguments(args, flags)).toThrow(new UsageError(message))
  })
})
