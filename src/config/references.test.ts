import { describe, expect, test } from 'bun:test'
import { z } from 'zod'
import { resolveReferences } from './references.ts'
import { secret, text } from './schema-fields.ts'
import { schemaNode } from './schema-node.ts'

const schema = schemaNode(
  z.strictObject({ key: secret('A key.'), name: text('A name.'), command: z.array(z.string()).optional() }),
)
/** `${NAME}`, written apart so that it does not look like a template that lost its quotes. */
const braced = (name: string): string => `\${${name}}`
const environment = { TOKEN: 'abc', OTHER: 'def', EMPTY: '' }

describe('references', () => {
  const table: readonly [string, string, readonly string[]][] = [
    ['plain', 'plain', []],
    ['ENV:TOKEN', 'abc', []],
    [braced('TOKEN'), 'abc', []],
    [`Bearer ${braced('TOKEN')}-${braced('OTHER')}`, 'Bearer abc-def', []],
    [`$${braced('TOKEN')}`, braced('TOKEN'), []],
    ['x ENV:TOKEN', 'x ENV:TOKEN', []],
    ['$TOKEN', '$TOKEN', []],
    [braced('TOKEN').slice(0, -1), braced('TOKEN').slice(0, -1), []],
    ['ENV:NONE', 'ENV:NONE', ['NONE']],
    [braced('EMPTY'), braced('EMPTY'), ['EMPTY']],
    [`${braced('NONE')}${braced('EMPTY')}`, `${braced('NONE')}${braced('EMPTY')}`, ['NONE', 'EMPTY']],
  ]
  for (const [written, value, missing] of table)
    test(written, () => {
      const { tree, faults } = resolveReferences({ key: written }, schema, environment, new Map())
      expect(tree).toEqual(Object.assign(Object.create(null), { key: value }))
      expect(faults).toEqual(
        missing.map((name) => ({ path: ['key'], expected: `the environment variable ${name} to be set` })),
      )
    })

  test('a value of the environment is not read again', () => {
    const { tree } = resolveReferences({ key: braced('A') }, schema, { A: braced('B'), B: 'x' }, new Map())
    expect((tree as { key: string }).key).toBe(braced('B'))
  })

  test('where none are read, one is a fault; arguments of a command are left alone', () => {
    const { tree, faults } = resolveReferences(
      { name: 'ENV:TOKEN', command: ['ENV:TOKEN'] },
      schema,
      environment,
      new Map(),
    )
    expect(faults.map((fault) => fault.path)).toEqual([['name']])
    expect((tree as { command: string[] }).command).toEqual(['ENV:TOKEN'])
  })

  test('the place a value came from is remembered', () => {
    const labels = new Map<string, string>()
    resolveReferences({ key: 'ENV:TOKEN' }, schema, environment, labels)
    expect([...labels]).toEqual([['abc', 'ENV:TOKEN']])
  })
})
