import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parse, stringify } from 'smol-toml'
import { offsetOf, type Path, type Place } from './place.ts'
import { tomlPlaces } from './toml-places.ts'

/** `«` stands right before the key or value that the path leads to. */
const odd: readonly { name: string; text: string; path: Path; part: 'key' | 'value' }[] = [
  { name: 'a plain pair', text: 'a = «1', path: ['a'], part: 'value' },
  { name: 'no blanks', text: 'a=«1', path: ['a'], part: 'value' },
  { name: 'an indented pair', text: '[t]\n  \t«a = 1', path: ['t', 'a'], part: 'key' },
  { name: 'a header', text: '# first\n[«server]\nport = 1', path: ['server'], part: 'key' },
  { name: 'a dotted header', text: '[a.«b.c]\nx = 1', path: ['a', 'b'], part: 'key' },
  { name: 'a header with blanks', text: '[ a . «"b c" ]\nx = 1', path: ['a', 'b c'], part: 'key' },
  {
    name: 'a quoted key with dots',
    text: '[models.«"claude-sonnet-4.5".primary]\nx = 1',
    path: ['models', 'claude-sonnet-4.5'],
    part: 'key',
  },
  { name: 'a quoted key with a bracket', text: '["a]b"]\n«x = 1', path: ['a]b', 'x'], part: 'key' },
  { name: 'a literal key', text: "«'a.b\"' = 1", path: ['a.b"'], part: 'key' },
  { name: 'an escaped key', text: '«"\\u0061\\t\\U0001F600" = 1', path: ['a\t😀'], part: 'key' },
  { name: 'an empty key', text: '«"" = 1', path: [''], part: 'key' },
  { name: 'a dotted pair', text: '[t]\na.b . «c = 1', path: ['t', 'a', 'b', 'c'], part: 'key' },
  { name: 'the value of a dotted pair', text: 'a."b.c" = «true', path: ['a', 'b.c'], part: 'value' },
  { name: 'two pairs that share a section', text: 'a.b = 1\n«c = 2\na.d = 3', path: ['c'], part: 'key' },
  { name: 'an inline table', text: 'a = { b = 1, «c = 2 }', path: ['a', 'c'], part: 'key' },
  {
    name: 'an inline table in one',
    text: 'a = { b = { c = «2 }, d = 3 }',
    path: ['a', 'b', 'c'],
    part: 'value',
  },
  { name: 'a dotted key in an inline table', text: 'a = { b.c = «2 }', path: ['a', 'b', 'c'], part: 'value' },
  { name: 'a list', text: 'a = [ 1, «2, 3 ]', path: ['a', 1], part: 'value' },
  {
    name: 'a list over lines with comments',
    text: 'a = [ # ] , "\n  1, # two\n  «2,\n]\nb = 1',
    path: ['a', 1],
    part: 'value',
  },
  { name: 'after a list with a last comma', text: 'a = [1, 2,]\n«b = 1', path: ['b'], part: 'key' },
  {
    name: 'inline tables in a list',
    text: 'a = [{ x = 1 }, { x = «2 }]',
    path: ['a', 1, 'x'],
    part: 'value',
  },
  { name: 'a list of tables', text: '[[a]]\nx = 1\n[[a]]\nx = «2', path: ['a', 1, 'x'], part: 'value' },
  { name: 'a header of a later item', text: '[[a]]\nx = 1\n[[«a]]\nx = 2', path: ['a', 1], part: 'key' },
  {
    name: 'a section below an item',
    text: '[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = «2',
    path: ['a', 1, 'b', 'x'],
    part: 'value',
  },
  {
    name: 'a list of tables below an item',
    text: '[[a]]\n[[a.b]]\n[[a.b]]\nx = «2',
    path: ['a', 0, 'b', 1, 'x'],
    part: 'value',
  },
  { name: 'after a string with a bracket', text: 'a = "[b]"\n«c = 1', path: ['c'], part: 'key' },
  { name: 'after a string with an escaped quote', text: 'a = "\\" = [x]"\n«c = 1', path: ['c'], part: 'key' },
  { name: 'after a string over lines', text: 'a = """\n[b]\nc = 1\n"""\n«c = 2', path: ['c'], part: 'key' },
  { name: 'after a string that ends in quotes', text: 'a = """x"""""\n«c = 2', path: ['c'], part: 'key' },
  {
    name: 'after an escaped quote in a string over lines',
    text: 'a = """x\\""" """\n«c = 2',
    path: ['c'],
    part: 'key',
  },
  {
    name: 'after a literal string over lines',
    text: "a = '''\n\\'[b]\n'''\n«c = 2",
    path: ['c'],
    part: 'key',
  },
  { name: 'after a literal string with a backslash', text: "a = 'C:\\'\n«c = 2", path: ['c'], part: 'key' },
  { name: 'after a date', text: 'a = 1979-05-27 07:32:00Z # noon\n«c = 2', path: ['c'], part: 'key' },
  { name: 'after a comment with a pair', text: '# c = 1\n«c = 2', path: ['c'], part: 'key' },
  { name: 'Windows line ends', text: '[t]\r\na = 1\r\nb = «2\r\n', path: ['t', 'b'], part: 'value' },
  { name: 'a comment at the end of a header', text: '[t] # [u]\n«a = 1', path: ['t', 'a'], part: 'key' },
  {
    name: 'a section written before its parent',
    text: '[a.b]\nx = 1\n[a]\n«y = 2',
    path: ['a', 'y'],
    part: 'key',
  },
  { name: 'a missing member', text: 'b = 1\n[«t]\na = 1', path: ['t', 'nothing', 'below'], part: 'value' },
]

describe('places in odd TOML', () => {
  for (const { name, text, path, part } of odd)
    test(name, () => {
      const plain = text.replace('«', '')
      parse(plain)
      expect(offsetOf(tomlPlaces(plain), path, part)).toBe(text.indexOf('«'))
    })
})

type Data = number | Data[] | { [key: string]: Data }

/** Trees whose leaves are numbered, so that a value is known by its text. */
const numbered = fc.letrec<{ tree: Data }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.integer({ min: 100_000, max: 999_999 }),
    fc.dictionary(
      fc.oneof(fc.string({ minLength: 1, maxLength: 6 }), fc.constantFrom('a.b', '"', "'", ']', '#', '=')),
      tie('tree'),
      { maxKeys: 4 },
    ),
    fc.array(tie('tree'), { maxLength: 3 }),
  ),
})).tree

function eachLeaf(data: Data, visit: (path: Path, value: number) => void, path: Path = []): void {
  if (typeof data === 'number') visit(path, data)
  else
    for (const [key, member] of Object.entries(data))
      eachLeaf(member, visit, [...path, Array.isArray(data) ? Number(key) : key])
}

test('every value of a written document is found where it stands', () => {
  let leaves = 0
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), numbered, { maxKeys: 4 }),
      (data) => {
        const text = stringify(data)
        const places: Place = tomlPlaces(text)
        eachLeaf(data, (path, value) => {
          leaves += 1
          expect(text.slice(offsetOf(places, path, 'value')).startsWith(String(value))).toBe(true)
        })
      },
    ),
    { numRuns: 300, seed: 7 },
  )
  expect(leaves).toBeGreaterThan(300)
})

test('a text that is not TOML ends the scan all the same', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), (text) => {
      expect(tomlPlaces(text).children).toBeInstanceOf(Map)
    }),
    { numRuns: 500, seed: 8 },
  )
})
