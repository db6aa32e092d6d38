import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { flatten, type Resolver } from './schema-references.ts'
import { inferred, isNull, nullBranch, type TypeName, typesOf, unionOf } from './schema-types.ts'

/**
 * JSON Schema → the OpenAPI subset of `parameters` and `responseSchema` (protocol.md §2.6). Only for models that do
 * not take JSON Schema itself. What the subset cannot say is put into the description in words.
 */

export interface CleanedSchema {
  schema: JsonObject
  /** Keywords whose constraint the upstream will not enforce. */
  lost: string[]
}

/** Beyond this many sub-schemas (cyclic references multiply) the rest is cut to plain objects. */
const MOST_NODES = 5000

const DEEPEST = 128

interface Cleaning extends Resolver {
  lost: Set<string>
  depth: number
}

interface Place {
  node: JsonObject
  /** References followed to get here. */
  references: readonly string[]
}

export function cleanSchema(schema: JsonObject): CleanedSchema {
  const cleaning: Cleaning = { root: schema, left: MOST_NODES, lost: new Set(), depth: 0 }
  const cleaned = clean(schema, [], cleaning)
  return { schema: cleaned, lost: [...cleaning.lost] }
}

function clean(schema: Json | undefined, references: readonly string[], cleaning: Cleaning): JsonObject {
  // `true` and `{}` allow anything: the wire has no such type.
  if (!isObject(schema)) return { type: 'STRING' }
  if (cleaning.left <= 0 || cleaning.depth >= DEEPEST) {
    cleaning.lost.add('$ref')
    return { type: 'OBJECT' }
  }
  cleaning.depth += 1
  const place = flatten(schema, references, cleaning)
  if (place.cut) cleaning.lost.add('$ref')
  const converted = convert(place, cleaning)
  cleaning.depth -= 1
  return converted
}

function convert(place: Place, cleaning: Cleaning): JsonObject {
  const { types, nullable } = typesOf(place.node)
  const union = types.length === 0 && !('properties' in place.node) ? unionOf(place.node) : undefined
  if (union) return withNull(convertUnion(place, union, cleaning), nullable)
  const [only, ...others] = types
  if (others.length > 0) {
    const branches = types.map((type) => {
      const node = { ...place.node, type, title: undefined, description: undefined }
      return convertTyped({ ...place, node }, type, cleaning)
    })
    return withNull({ ...annotations(place.node, []), anyOf: branches }, nullable)
  }
  return withNull(
    convertTyped(place, only ?? inferred(place.node), cleaning),
    nullable || nullBranch(place.node),
  )
}

function withNull(schema: JsonObject, nullable: boolean): JsonObject {
  return nullable ? { ...schema, nullable: true } : schema
}

/** A union beside a type only narrows it, which the subset cannot say; alone it stays, without its null branch. */
function convertUnion(place: Place, union: Json[], cleaning: Cleaning): JsonObject {
  const branches = union.filter((branch) => !isNull(branch))
  const nullable = branches.length < union.length
  const { anyOf: _, oneOf: __, ...siblings } = place.node
  const [only] = branches
  if (branches.length === 1 && isObject(only))
    return withNull(
      clean({ ...siblings, ...only, ...described(siblings, only) }, place.references, cleaning),
      nullable,
    )
  if (branches.length === 0) return { ...annotations(place.node, []), type: 'STRING', nullable: true }
  const cleaned = branches.map((branch) => clean(branch, place.references, cleaning))
  return withNull({ ...annotations(siblings, []), anyOf: cleaned }, nullable)
}

function described(outer: JsonObject, inner: JsonObject): JsonObject {
  const description = outer['description'] ?? inner['description']
  return description === undefined ? {} : { description }
}

type Fields = (place: Place, cleaning: Cleaning, notes: string[]) => JsonObject

const fieldsOf: Readonly<Record<TypeName, Fields>> = {
  STRING: stringFields,
  NUMBER: numberFields,
  INTEGER: numberFields,
  BOOLEAN: (place, _, notes) => valuesAsNotes(place.node, notes),
  ARRAY: arrayFields,
  OBJECT: objectFields,
}

function convertTyped(place: Place, type: TypeName, cleaning: Cleaning): JsonObject {
  const notes: string[] = []
  const fields = fieldsOf[type](place, cleaning, notes)
  noteConstraints(place.node, cleaning, notes)
  return { type, ...annotations(place.node, notes), ...formatOf(place.node, type), ...fields }
}

const formats: Readonly<Partial<Record<TypeName, readonly string[]>>> = {
  STRING: ['enum', 'date-time'],
  NUMBER: ['float', 'double'],
  INTEGER: ['int32', 'int64'],
}

function formatOf(node: JsonObject, type: TypeName): JsonObject {
  const format = node['format']
  return typeof format === 'string' && formats[type]?.includes(format) ? { format } : {}
}

function annotations(node: JsonObject, notes: readonly string[]): JsonObject {
  const { title, description } = node
  const words = [...(typeof description === 'string' && description !== '' ? [description] : []), ...notes]
  return {
    ...(typeof title === 'string' ? { title } : {}),
    ...(words.length > 0 ? { description: words.join('\n') } : {}),
  }
}

/** Keywords the subset lacks; each is told to the model in words. */
const constraints = [
  'multipleOf',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'patternProperties',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
  'contains',
  'uniqueItems',
] as const

function noteConstraints(node: JsonObject, cleaning: Cleaning, notes: string[]): void {
  for (const keyword of constraints) {
    if (node[keyword] === undefined || node[keyword] === false) continue
    cleaning.lost.add(keyword)
    notes.push(note(keyword, node[keyword]))
  }
  const union = unionOf(node)?.filter((branch) => !isNull(branch))
  if (union && union.length > 0) {
    cleaning.lost.add('anyOf')
    notes.push(note('any of', union))
  }
  if (node['default'] !== undefined) notes.push(note('default', node['default']))
}

function note(keyword: string, value: Json | undefined): string {
  const text = JSON.stringify(value)
  return `${keyword}: ${text.length > 300 ? `${text.slice(0, 300)}…` : text}`
}

function valuesOf(node: JsonObject): Json[] | undefined {
  if (Array.isArray(node['enum'])) return node['enum']
  return node['const'] === undefined ? undefined : [node['const']]
}

function valuesAsNotes(node: JsonObject, notes: string[]): JsonObject {
  const values = valuesOf(node)?.filter((value) => value !== null)
  if (values && values.length > 0)
    notes.push(`allowed values: ${values.map((value) => JSON.stringify(value)).join(', ')}`)
  return {}
}

function stringFields({ node }: Place): JsonObject {
  const values = valuesOf(node)?.filter((value) => value !== null && value !== '')
  const strings = [
    ...new Set(values?.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))),
  ]
  return {
    ...(strings.length > 0 ? { enum: strings } : {}),
    ...numbers(node, ['minLength', 'maxLength']),
    ...(typeof node['pattern'] === 'string' ? { pattern: node['pattern'] } : {}),
  }
}

function numbers(node: JsonObject, keywords: readonly string[]): JsonObject {
  const found: JsonObject = {}
  for (const keyword of keywords) if (typeof node[keyword] === 'number') found[keyword] = node[keyword]
  return found
}

/** Exclusive bounds of integers move by one; of other numbers they become words. */
function numberFields({ node }: Place, cleaning: Cleaning, notes: string[]): JsonObject {
  const fields: JsonObject = { ...valuesAsNotes(node, notes), ...numbers(node, ['minimum', 'maximum']) }
  const integer = typesOf(node).types[0] === 'INTEGER'
  for (const [exclusive, inclusive, step] of [
    ['exclusiveMinimum', 'minimum', 1],
    ['exclusiveMaximum', 'maximum', -1],
  ] as const) {
    const bound = node[exclusive]
    if (typeof bound !== 'number') continue
    if (integer && Number.isInteger(bound)) fields[inclusive] = bound + step
    else {
      cleaning.lost.add(exclusive)
      notes.push(note(exclusive, bound))
    }
  }
  return fields
}

function arrayFields({ node, references }: Place, cleaning: Cleaning): JsonObject {
  return { items: itemsOf(node, references, cleaning), ...numbers(node, ['minItems', 'maxItems']) }
}

/** `items` is mandatory; a tuple becomes a list of any of its members. */
function itemsOf(node: JsonObject, references: readonly string[], cleaning: Cleaning): JsonObject {
  const tuple = Array.isArray(node['items']) ? node['items'] : node['prefixItems']
  if (!Array.isArray(tuple)) return clean(node['items'], references, cleaning)
  cleaning.lost.add('prefixItems')
  const members = tuple.map((member) => clean(member, references, cleaning))
  const [only] = members
  return members.length > 1 ? { anyOf: members } : (only ?? { type: 'STRING' })
}

function objectFields({ node, references }: Place, cleaning: Cleaning): JsonObject {
  const properties: JsonObject = {}
  if (isObject(node['properties']))
    for (const [name, schema] of Object.entries(node['properties']))
      if (schema !== false) define(properties, name, clean(schema, references, cleaning))
  const names = Object.keys(properties)
  const listed = (keyword: string): JsonObject => {
    const list = node[keyword]
    if (!Array.isArray(list)) return {}
    const known = [...new Set(list)].filter((name) => typeof name === 'string' && names.includes(name))
    return known.length > 0 ? { [keyword]: known } : {}
  }
  return {
    ...(names.length > 0 || isObject(node['properties']) ? { properties } : {}),
    ...listed('required'),
    ...listed('propertyOrdering'),
    ...numbers(node, ['minProperties', 'maxProperties']),
  }
}

/** A property may be called `__proto__`. */
function define(object: JsonObject, name: string, value: JsonObject): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}
