import { describe, expect, test } from 'bun:test'
import { type Format, formatOf, MAX_FILE_BYTES, parseDocument } from './document.ts'

describe('the format of a file', () => {
  const table: readonly [string, string, Format][] = [
    ['xjp.toml', '', 'toml'],
    ['config.yaml', '', 'yaml'],
    ['config.YML', '', 'yaml'],
    ['models.json', '', 'json'],
    ['a file without extension', '\n  {"models": []}', 'json'],
    ['a file without extension', '# settings\n[server]\nport = 1\n', 'toml'],
    ['a file without extension', '[models."a.b".primary] # route\n', 'toml'],
    ['a file without extension', 'port = 1\n', 'toml'],
    ['a file without extension', '# settings\nserver: { port: 1 }\n', 'yaml'],
    ['a file without extension', 'server:\n  host: "a=b"\n', 'yaml'],
    ['config.conf', 'server:\n  port: 1\n', 'yaml'],
  ]
  for (const [file, text, wanted] of table)
    test(`${file}: ${JSON.stringify(text.slice(0, 24))} is ${wanted}`, () =>
      expect(formatOf(file, text)).toBe(wanted))
})

test('a mark of byte order is not part of the text', () => {
  const { tree, problems } = parseDocument('a.json', '\uFEFF{"a": 1}')
  expect(problems).toEqual([])
  expect(tree).toEqual(Object.assign(Object.create(null), { a: 1 }))
})

test('a text that is too long is not parsed', () => {
  const { problems, readable } = parseDocument('a.json', `{"a": "${'x'.repeat(MAX_FILE_BYTES)}"}`)
  expect(readable).toBe(false)
  expect(problems[0]?.expected).toBe('at most 1048576 bytes')
})
