import { isObject, type Json, type JsonObject } from '../../model/json.ts'

/**
 * JSON Schema as constrained decoding takes it here (protocol.md §2.6): what it cannot enforce becomes words in
 * the description, every object is closed.
 */
export interface CleanSchema {
  schema: JsonObject
  /** True when a constraint is no longer enforced. */
  weakened: boolean
}

export function cleanSchema(schema: JsonObject): CleanSchema {
  const cleaner = new Cleaner()
  const clean = cleaner.node(schema, 0)
  return { schema: isObject(clean) ? clean : {}, weakened: cleaner.weakened }
}

const MAX_DEPTH = 64
const silent: ReadonlySet<string> = new Set(['$schema', '$id', '$comment', '$anchor', 'additionalProperties'])
const copied: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'const',
  'enum',
  'type',
  'required',
])
const formats: ReadonlySet<Json | undefined> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'uri',
  'ipv4',
  'ipv6',
  'uuid',
])

type Keyword = (value: Json, depth: number) => { key: string; value: Json } | undefined

class Cleaner {
  weakened = false

  readonly #keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
    ['properties', (value, depth) => this.#members('properties', value, depth)],
    ['$defs', (value, depth) => this.#members('$defs', value, depth)],
    ['definitions', (value, depth) => this.#members('$defs', value, depth)],
    [
      'items',
      (value, depth) => (isObject(value) ? { key: 'items', value: this.node(value, depth) } : undefined),
    ],
    ['anyOf', (value, depth) => this.#branches('anyOf', value, depth)],
    ['oneOf', (value, depth) => this.#branches('anyOf', value, depth)],
    ['allOf', (value, depth) => this.#branches('allOf', value, depth)],
    ['format', (value) => (formats.has(value) ? { key: 'format', value } : undefined)],
    [
      '$ref',
      (value) => ({
        key: '$ref',
        value: typeof value === 'string' ? value.replace('#/definitions/', '#/$defs/') : value,
      }),
    ],
  ])

  node(value: Json, depth: number): Json {
    if (!isObject(value) || depth > MAX_DEPTH) return {}
    const members: [string, Json][] = []
    const notes: string[] = []
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined || silent.has(key)) continue
      const keyword = this.#keywords.get(key)
      const kept = keyword ? keyword(member, depth + 1) : copied.has(key) ? { key, value: member } : undefined
      if (kept) members.push([kept.key, kept.value])
      else notes.push(`${key}: ${JSON.stringify(member)}`)
    }
    const clean: JsonObject = Object.fromEntries(members)
    if (notes.length > 0) this.#describe(clean, notes)
    if (isObjectSchema(clean)) this.#close(clean, value.additionalProperties)
    return clean
  }

  #describe(clean: JsonObject, notes: readonly string[]): void {
    this.weakened = true
    const words = notes.join(', ')
    clean.description = typeof clean.description === 'string' ? `${clean.description} (${words})` : words
  }

  #close(clean: JsonObject, open: Json | undefined): void {
    if (open === true || isObject(open)) this.weakened = true
    clean.additionalProperties = false
  }

  #members(key: string, value: Json, depth: number): { key: string; value: Json } | undefined {
    if (!isObject(value)) return undefined
    const entries = Object.entries(value).map(([name, schema]) => [name, this.node(schema ?? {}, depth)])
    return { key, value: Object.fromEntries(entries) }
  }

  #branches(key: string, value: Json, depth: number): { key: string; value: Json } | undefined {
    if (!Array.isArray(value)) return undefined
    return { key, value: value.map((branch) => this.node(branch, depth)) }
  }
}

function isObjectSchema(schema: JsonObject): boolean {
  const { type } = schema
  return (
    type === 'object' || schema.properties !== undefined || (Array.isArray(type) && type.includes('object'))
  )
}
