import fc from 'fast-check'

export interface Fuzzed {
  prompts: string[]
  models: string[]
}

/** What a shell would act upon; `canary` is a file that must never come into being. */
const fragments = fc.constantFrom(
  '$(touch canary)',
  '`touch canary`',
  '; touch canary',
  '| touch canary',
  '|| touch canary',
  '& touch canary &',
  '&& touch canary',
  '\n touch canary\n',
  '> canary',
  '<(touch canary)',
  "'; touch canary; '",
  '"; touch canary; "',
  '{touch,canary}',
  '$IFS',
  ['$', '{HOME}'].join(''),
  '\\',
  '\\\n',
  '*',
  '~',
  '!!',
  '%x',
  '#',
  '\0',
  '\x1b[31m',
  '--help',
  '-',
  '--',
  '@/etc/passwd',
  '/dev/tcp/127.0.0.1/1',
  '中',
  '🚀',
)

const words = fc.oneof(
  { weight: 3, arbitrary: fragments },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
)
const prompt = fc.array(words, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(' '))

/** Names as vendors give them, with something in them that they never have. */
const plain = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.:@+/-]{0,20}$/)
const model = fc.oneof(
  { weight: 1, arbitrary: plain },
  { weight: 1, arbitrary: fc.tuple(plain, words, plain).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.tuple(words, plain).map((parts) => parts.join('')) },
)

/** Three prompts for each model's name. */
export function fuzzed(count: number, seed: number): Fuzzed {
  const models = Math.floor(count / 4)
  return {
    prompts: fc.sample(prompt, { numRuns: count - models, seed }),
    models: fc.sample(model, { numRuns: models, seed }),
  }
}
