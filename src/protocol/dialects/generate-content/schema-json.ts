import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { CleanedSchema } from './schema.ts'

/**
 * JSON Schema → the part of it that `parametersJsonSchema` and `responseJsonSchema` take (protocol.md §2.6). Constraints
 * they do not know are told in the description; keywords without meaning for a model go silently.
 */
const MAXIMUM_DEPTH = 128

const silent: ReadonlySet<string> = new Set([
  '$schema',
  '$comment',
  'default',
  'examples',
  'readOnly',
  'writeOnly',
  'deprecated',
  'contentEncoding',
  'contentMediaType',
])

type Keyword = (value: Json, depth: number, lost: Set<string>) => JsonObject | undefined

const copied =
  (key: string): Keyword =>
  (value) => ({ [key]: value })
const one =
  (key: string): Keyword =>
  (value, depth, lost) => ({ [key]: node(value, depth, lost) })
const list =
  (key: string): Keyword =>
  (value, depth, lost) =>
    Array.isArray(value) ? { [key]: value.map((entry) => node(entry, depth, lost)) } : undefined
const members =
  (key: string): Keyword =>
  (value, depth, lost) => {
    if (!isObject(value)) return undefined
    return {
      [key]: Object.fromEntries(
        Object.entries(value).map(([name, entry]) => [name, node(entry ?? {}, depth, lost)]),
      ),
    }
  }

/** Keyword → how it is written; a keyword that is not here is not understood by the wire. */
const keywords: Readonly<Record<string, Keyword>> = {
  ...Object.fromEntries(
    [
      '$id',
      '$anchor',
      'type',
      'format',
      'title',
      'description',
      'minItems',
      'maxItems',
      'minimum',
      'maximum',
      'required',
      'propertyOrdering',
    ].map((key) => [key, copied(key)]),
  ),
  enum: (value) => (Array.isArray(value) && value.length > 0 ? { enum: value } : undefined),
  const: (value) => (typeof value === 'string' || typeof value === 'number' ? { enum: [value] } : undefined),
  $ref: (value) => ({
    $ref: typeof value === 'string' ? value.replace(/^#\/definitions\//, '#/$defs/') : value,
  }),
  $defs: members('$defs'),
  definitions: members('$defs'),
  properties: members('properties'),
  items: (value, depth, lost) =>
    Array.isArray(value) ? list('prefixItems')(value, depth, lost) : one('items')(value, depth, lost),
  prefixItems: list('prefixItems'),
  anyOf: list('anyOf'),
  oneOf: list('oneOf'),
  additionalProperties: one('additionalProperties'),
}

export function supportedSchema(schema: JsonObject): CleanedSchema {
  const lost = new Set<string>()
  const cleaned = node(schema, 0, lost)
  return { schema: isObject(cleaned) ? cleaned : {}, lost: [...lost] }
}

function node(value: Json, depth: number, lost: Set<string>): Json {
  if (!isObject(value)) return value
  if (depth >= MAXIMUM_DEPTH) return {}
  const merged = withoutAllOf(value)
  const clean: JsonObject = {}
  const words: string[] = []
  for (const [key, given] of Object.entries(merged)) {
    if (given === undefined || silent.has(key)) continue
    // Beside a reference the wire takes only its own kind of key.
    const keyword =
      '$ref' in merged && !key.startsWith('$')
        ? undefined
        : Object.hasOwn(keywords, key)
          ? keywords[key]
          : undefined
    const written = keyword?.(given, depth + 1, lost)
    if (written) Object.assign(clean, written)
    else if (!('$ref' in merged)) {
      lost.add(key)
      words.push(`${key}: ${JSON.stringify(given)}`)
    }
  }
  if (words.length > 0)
    clean['description'] = [clean['description'], `(${words.join(', ')})`]
      .filter((text) => typeof text === 'string')
      .join(' ')
  return clean
}

/** `allOf` is not known: its branches become one schema, later ones winning; properties and required names add up. */
function withoutAllOf(schema: JsonObject): JsonObject {
  const { allOf, ...siblings } = schema
  if (!Array.isArray(allOf)) return schema
  const merged: JsonObject = {}
  for (const branch of [...allOf, siblings]) {
    if (!isObject(branch)) continue
    const { properties, required, ...others } = withoutAllOf(branch)
    Object.assign(merged, others)
    if (isObject(properties))
      merged['properties'] = {
        ...(isObject(merged['properties']) ? merged['properties'] : {}),
        ...properties,
      }
    if (Array.isArray(required))
      merged['required'] = [
        ...new Set([...(Array.isArray(merged['required']) ? merged['required'] : []), ...required]),
      ]
  }
  return merged
}
