import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { NotJson, parseInTurns } from './parse-in-turns.ts'

const outcome = async (text: string | Uint8Array, pieceBytes?: number): Promise<string> => {
  const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.from(text)
  try {
    return JSON.stringify(await parseInTurns(bytes, pieceBytes))
  } catch (thrown) {
    if (thrown instanceof NotJson) return 'not JSON'
    throw thrown
  }
}

const expected = (text: string): string => {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return 'not JSON'
  }
}

const spaced = (text: string, space: string): string =>
  text.replaceAll(/([{}[\],:])(?=(?:[^"]*"[^"]*")*[^"]*$)/g, `${space}$1${space}`)

test('whatever JSON: the same value, in pieces of any size', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.json({ maxDepth: 6 }),
      fc.integer({ min: 8, max: 40 }),
      fc.constantFrom('', ' ', '\n\t '),
      async (json, pieceBytes, space) => {
        const text = spaced(json, space)
        expect(await outcome(text, pieceBytes)).toBe(expected(text))
      },
    ),
    { numRuns: 3_000 },
  )
})

test('whatever string: escapes and characters are never split', async () => {
  const piece = fc.constantFrom(
    '\\n',
    '\\\\',
    '\\"',
    '\\u00e9',
    '\\ud83d',
    '\\ude00',
    'a',
    'é',
    '你',
    '😀',
    'u',
    '\\/',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 40 }),
      fc.integer({ min: 8, max: 12 }),
      async (pieces, pieceBytes) => {
        const text = `{"k":"${pieces.join('')}"}`
        expect(await outcome(text, pieceBytes)).toBe(expected(text))
      },
    ),
    { numRuns: 3_000 },
  )
})

test('whatever is nearly JSON: refused when JSON.parse refuses it', async () => {
  const part = fc.constantFrom(
    '[',
    ']',
    '{',
    '}',
    ',',
    ':',
    '"a"',
    '"b":',
    '1',
    'null',
    ' ',
    '"',
    '\\',
    'tru',
    '-',
    '1e5',
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 24 }),
      fc.integer({ min: 8, max: 12 }),
      async (parts, pieceBytes) => {
        const text = parts.join('')
        expect(await outcome(text, pieceBytes)).toBe(expected(text))
      },
    ),
    { numRuns: 20_000 },
  )
})

test.each([
  ['', 'not JSON'],
  ['[1,]', 'not JSON'],
  ['[,1]', 'not JSON'],
  ['[1,,"long enough"]', 'not JSON'],
  ['{"a":1,}', 'not JSON'],
  ['{"long enough":[1,2,3,4],}', 'not JSON'],
  ['[1}', 'not JSON'],
  ['1 2', 'not JSON'],
  ['{"a":1}{', 'not JSON'],
  ['{"a":1,"a":2,"b":"longer than a piece","a":3}', '{"a":3,"b":"longer than a piece"}'],
  ['\ufeff{"a":"\ufeffb"}', '{"a":"\ufeffb"}'],
  ['[ ]', '[]'],
  ['{ "a" : { } }', '{"a":{}}'],
])('%j', async (text, value) => {
  for (const pieceBytes of [8, 11, undefined]) expect(await outcome(text, pieceBytes)).toBe(value)
})

test('a member named __proto__ is one like others', async () => {
  for (const text of ['{"__proto__":{"a":1},"b":2}', '{"__proto__":"longer than a piece"}']) {
    const value = (await parseInTurns(Buffer.from(text), 8)) as object
    expect(Object.keys(value)).toContain('__proto__')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  }
})

test('what is no UTF-8 is refused wherever it stands', async () => {
  const text = Buffer.from('{"key":"value of some length"}')
  for (let at = 1; at < text.length; at += 1) {
    const broken = Buffer.from(text)
    broken[at] = 0xff
    expect(await outcome(broken, 8)).toBe('not JSON')
  }
})

test('others get their turn', async () => {
  let turns = 0
  const ticking = setInterval(() => {
    turns += 1
  }, 0)
  const value = await parseInTurns(Buffer.from(JSON.stringify({ text: '\n'.repeat(8_000_000) })))
  clearInterval(ticking)
  expect((value as { text: string }).text).toHaveLength(8_000_000)
  expect(turns).toBeGreaterThan(3)
})
