import { describe, expect, test } from 'bun:test'
import { argumentsObject, readArguments } from './arguments.ts'
import type { JsonObject } from './json.ts'

describe('arguments of a call', () => {
  const rows: [string, string, JsonObject | undefined][] = [
    ['JSON', '{"a":1}', { a: 1 }],
    ['nothing', '', {}],
    ['white space', ' \n', {}],
    ['null', 'null', {}],
    ['a fence around it', '```json\n{"a":1}\n```', { a: 1 }],
    ['encoded twice', '"{\\"a\\":1}"', { a: 1 }],
    ['a raw line end in a string', '{"a":"x\ny"}', { a: 'x\ny' }],
    ['a comma too many', '{"a":[1,],}', { a: [1] }],
    ['a comma in a string', '{"a":",}",}', { a: ',}' }],
    ['cut off: never completed', '{"a":"rm -rf /tm', undefined],
    ['a list', '[1]', undefined],
    ['prose', 'now', undefined],
  ]
  for (const [name, text, expected] of rows)
    test(name, () => {
      expect(readArguments(text)).toEqual(expected as JsonObject)
      expect(argumentsObject(text)).toEqual(expected ?? { _raw_arguments: text })
    })
})
