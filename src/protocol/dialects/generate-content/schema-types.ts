import { isObject, type Json, type JsonObject } from '../../model/json.ts'

/** What a JSON Schema node says about its type, said or implied. */
export type TypeName = 'STRING' | 'NUMBER' | 'INTEGER' | 'BOOLEAN' | 'ARRAY' | 'OBJECT'

const typeNames: ReadonlyMap<string, TypeName> = new Map<string, TypeName>(
  Object.entries({
    string: 'STRING',
    number: 'NUMBER',
    integer: 'INTEGER',
    boolean: 'BOOLEAN',
    array: 'ARRAY',
    object: 'OBJECT',
  }),
)

export function typesOf(node: JsonObject): { types: TypeName[]; nullable: boolean } {
  const given = Array.isArray(node['type']) ? node['type'] : [node['type']]
  const words = given.map((word) => String(word).toLowerCase())
  const types = [...new Set(words.flatMap((word) => typeNames.get(word) ?? []))]
  return { types, nullable: node['nullable'] === true || words.includes('null') }
}

export function unionOf(node: JsonObject): Json[] | undefined {
  const union = node['anyOf'] ?? node['oneOf']
  return Array.isArray(union) && union.length > 0 ? union : undefined
}

export function isNull(branch: Json): boolean {
  return (
    isObject(branch) && (branch['type'] === 'null' || branch['type'] === 'NULL' || branch['const'] === null)
  )
}

export function nullBranch(node: JsonObject): boolean {
  return unionOf(node)?.some(isNull) ?? false
}

/** The type of a node that names none. */
export function inferred(node: JsonObject): TypeName {
  if ('properties' in node || 'additionalProperties' in node || 'required' in node) return 'OBJECT'
  if ('items' in node || 'prefixItems' in node) return 'ARRAY'
  const sample = Array.isArray(node['enum']) ? node['enum'][0] : node['const']
  if (typeof sample === 'number') return Number.isInteger(sample) ? 'INTEGER' : 'NUMBER'
  if (typeof sample === 'boolean') return 'BOOLEAN'
  if ('minimum' in node || 'maximum' in node || 'multipleOf' in node) return 'NUMBER'
  return 'STRING'
}
