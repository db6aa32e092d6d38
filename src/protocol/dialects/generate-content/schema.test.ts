import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { schemaFaults } from '../../../../test/support/generate-content.ts'
import type { JsonObject } from '../../model/json.ts'
import { cleanSchema } from './schema.ts'

const rows: { rule: string; from: JsonObject; to: JsonObject; lost?: string[] }[] = [
  { rule: 'types are upper case', from: { type: 'string' }, to: { type: 'STRING' } },
  {
    rule: 'references are inlined, escapes decoded, definitions dropped',
    from: {
      type: 'object',
      properties: { a: { $ref: '#/$defs/x~1y' } },
      $defs: { 'x/y': { type: 'integer' } },
    },
    to: { type: 'OBJECT', properties: { a: { type: 'INTEGER' } } },
  },
  {
    rule: 'an unknown reference is cut',
    from: { $ref: 'https://example.com/schema', description: 'far' },
    to: { type: 'OBJECT', description: 'far' },
    lost: ['$ref'],
  },
  { rule: 'const is an enum of one', from: { const: 'x' }, to: { type: 'STRING', enum: ['x'] } },
  {
    rule: 'a number constant goes to the description',
    from: { const: 3 },
    to: { type: 'INTEGER', description: 'allowed values: 3' },
  },
  {
    rule: 'a null type is nullable',
    from: { type: ['string', 'null'] },
    to: { type: 'STRING', nullable: true },
  },
  {
    rule: 'several types are a union',
    from: { type: ['string', 'integer'], description: 'id' },
    to: { description: 'id', anyOf: [{ type: 'STRING' }, { type: 'INTEGER' }] },
  },
  {
    rule: 'a null branch is nullable and a single branch inlined',
    from: { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }], description: 'n' },
    to: { type: 'INTEGER', description: 'n', minimum: 1, nullable: true },
  },
  {
    rule: 'oneOf is anyOf',
    from: { oneOf: [{ type: 'string' }, { type: 'number' }] },
    to: { anyOf: [{ type: 'STRING' }, { type: 'NUMBER' }] },
  },
  {
    rule: 'allOf is merged',
    from: {
      allOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { properties: { b: { type: 'boolean' } }, required: ['b'] },
      ],
    },
    to: {
      type: 'OBJECT',
      properties: { b: { type: 'BOOLEAN' }, a: { type: 'STRING' } },
      required: ['a', 'b'],
    },
  },
  {
    rule: 'exclusive bounds of integers move by one',
    from: { type: 'integer', exclusiveMinimum: 0, exclusiveMaximum: 10 },
    to: { type: 'INTEGER', minimum: 1, maximum: 9 },
  },
  {
    rule: 'exclusive bounds of numbers become words',
    from: { type: 'number', exclusiveMinimum: 0 },
    to: { type: 'NUMBER', description: 'exclusiveMinimum: 0' },
    lost: ['exclusiveMinimum'],
  },
  {
    rule: 'what the subset lacks becomes words',
    from: { type: 'array', items: { type: 'string' }, uniqueItems: true, description: 'tags' },
    to: { type: 'ARRAY', description: 'tags\nuniqueItems: true', items: { type: 'STRING' } },
    lost: ['uniqueItems'],
  },
  {
    rule: 'additionalProperties is dropped',
    from: { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: false },
    to: { type: 'OBJECT', properties: { a: { type: 'STRING' } } },
  },
  { rule: 'unknown formats go', from: { type: 'string', format: 'email' }, to: { type: 'STRING' } },
  {
    rule: 'known formats stay',
    from: { type: 'string', format: 'date-time' },
    to: { type: 'STRING', format: 'date-time' },
  },
  {
    rule: 'empty enum members go',
    from: { type: 'string', enum: ['', 'a'] },
    to: { type: 'STRING', enum: ['a'] },
  },
  { rule: 'an empty enum goes', from: { type: 'string', enum: [] }, to: { type: 'STRING' } },
  {
    rule: 'enums of numbers become words',
    from: { type: 'integer', enum: [1, 2] },
    to: { type: 'INTEGER', description: 'allowed values: 1, 2' },
  },
  {
    rule: 'required names exist',
    from: { type: 'object', properties: { a: {} }, required: ['a', 'b'] },
    to: { type: 'OBJECT', properties: { a: { type: 'STRING' } }, required: ['a'] },
  },
  { rule: 'lists have items', from: { type: 'array' }, to: { type: 'ARRAY', items: { type: 'STRING' } } },
  {
    rule: 'a tuple is a list of its members',
    from: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] },
    to: { type: 'ARRAY', items: { anyOf: [{ type: 'STRING' }, { type: 'NUMBER' }] } },
    lost: ['prefixItems'],
  },
  {
    rule: 'nested empty objects stay, impossible properties go',
    from: { type: 'object', properties: { a: { type: 'object', properties: {} }, b: false, c: true } },
    to: { type: 'OBJECT', properties: { a: { type: 'OBJECT', properties: {} }, c: { type: 'STRING' } } },
  },
  {
    rule: 'a union beside a type becomes words',
    from: { type: 'object', properties: { a: {} }, anyOf: [{ required: ['a'] }] },
    to: {
      type: 'OBJECT',
      description: 'any of: [{"required":["a"]}]',
      properties: { a: { type: 'STRING' } },
    },
    lost: ['anyOf'],
  },
]

describe('JSON Schema → the OpenAPI subset', () => {
  for (const { rule, from, to, lost = [] } of rows) {
    test(rule, () => {
      const cleaned = cleanSchema(from)
      expect(cleaned.schema).toEqual(to)
      expect(cleaned.lost).toEqual(lost)
    })
  }

  test('a cycle is unrolled a few times, then cut', () => {
    const tree = { type: 'object', properties: { child: { $ref: '#' } } }
    const { schema, lost } = cleanSchema(tree)
    expect(JSON.stringify(schema).split('child').length - 1).toBe(4)
    expect(lost).toEqual(['$ref'])
    expect(schemaFaults(schema)).toEqual([])
  })

  test('cycles that multiply are bounded', () => {
    const names = Array.from({ length: 12 }, (_, index) => `d${index}`)
    const properties = Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${name}` }]))
    const $defs = Object.fromEntries(names.map((name) => [name, { type: 'object', properties }]))
    const { schema } = cleanSchema({ $ref: '#/$defs/d0', $defs })
    expect(schemaFaults(schema)).toEqual([])
    expect(JSON.stringify(schema).length).toBeLessThan(2_000_000)
  })

  test('a chain of references to itself alone is cut', () => {
    const { schema } = cleanSchema({
      $ref: '#/$defs/a',
      $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
    })
    expect(schema).toEqual({ type: 'OBJECT' })
  })

  test('the input is left as it was', () => {
    const schema = { type: 'object', properties: { a: { anyOf: [{ type: 'string' }, { type: 'null' }] } } }
    const before = structuredClone(schema)
    cleanSchema(schema)
    expect(schema).toEqual(before)
  })

  test('property: any schema, cyclic or broken, ends in one the subset allows', () => {
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { depthSize: 'small' },
        fc.boolean(),
        fc.constantFrom<JsonObject>(
          {},
          { $ref: '#' },
          { $ref: '#/$defs/a' },
          { $ref: '#/nowhere' },
          { type: 'null' },
        ),
        fc.record(
          {
            type: fc.constantFrom(
              'string',
              'integer',
              'number',
              'array',
              'object',
              'boolean',
              ['string', 'null'],
              'odd',
            ),
            description: fc.string(),
            enum: fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 3 }),
            const: fc.oneof(fc.string(), fc.integer(), fc.boolean()),
            default: fc.jsonValue({ maxDepth: 1 }),
            format: fc.constantFrom('email', 'date-time', 'int32'),
            items: tie('schema'),
            prefixItems: fc.array(tie('schema'), { maxLength: 2 }),
            properties: fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'constructor'), tie('schema')),
            required: fc.array(fc.constantFrom('a', 'b', 'z')),
            additionalProperties: fc.boolean(),
            anyOf: fc.array(tie('schema'), { maxLength: 3 }),
            oneOf: fc.array(tie('schema'), { maxLength: 2 }),
            allOf: fc.array(tie('schema'), { maxLength: 2 }),
            not: tie('schema'),
            minimum: fc.integer(),
            exclusiveMinimum: fc.integer(),
          },
          { requiredKeys: [] },
        ),
      ),
    }))
    fc.assert(
      fc.property(schema, schema, (root, definition) => {
        if (typeof root !== 'object' || root === null) return
        const input = { ...root, $defs: { a: definition } } as JsonObject
        expect(schemaFaults(cleanSchema(input).schema)).toEqual([])
      }),
      { seed: 20261120, numRuns: 400 },
    )
  })
})
