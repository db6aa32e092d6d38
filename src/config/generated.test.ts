import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { generated, root } from '../../scripts/generate.ts'
import { publishedSchema, referenceText } from './reference.ts'
import type { SchemaNode } from './schema-node.ts'

describe('generated files are fresh (run `npm run generate`)', () => {
  for (const { file, text } of generated)
    test(file, () => {
      const path = join(root, file)
      expect(existsSync(path)).toBe(true)
      expect(readFileSync(path, 'utf8')).toBe(text())
    })
})

test('every setting is described', () => {
  const without: string[] = []
  const visit = (node: SchemaNode, path: string): void => {
    for (const [key, member] of Object.entries(node.properties ?? {})) {
      if (!member.description) without.push(`${path}.${key}`)
      visit(member, `${path}.${key}`)
    }
    if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, `${path}.*`)
    if (node.items) visit(node.items, `${path}.*`)
  }
  const schema = publishedSchema() as SchemaNode
  visit(schema, '')
  expect(without).toEqual([])
  expect(JSON.stringify(schema)).not.toContain('"x-')
})

test('the reference has a row for settings of every section', () => {
  const page = referenceText()
  for (const setting of [
    'server.port',
    'providers."NAME".api_key',
    'models."NAME".primary.provider',
    'models."NAME".capabilities.images',
    'model_list.override."NAME".id',
    'observability.logging.level',
  ])
    expect(page).toContain(`| \`${setting}\` |`)
})
