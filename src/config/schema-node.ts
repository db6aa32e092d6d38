import { z } from 'zod'
import type { Path } from './place.ts'

/** The parts of JSON Schema (2020-12) that our schemas use, and two words of our own. */
export interface SchemaNode {
  type?: string
  description?: string
  default?: unknown
  enum?: readonly unknown[]
  const?: unknown
  properties?: Readonly<Record<string, SchemaNode>>
  required?: readonly string[]
  additionalProperties?: boolean | SchemaNode
  propertyNames?: SchemaNode
  items?: SchemaNode
  anyOf?: readonly SchemaNode[]
  minimum?: number
  maximum?: number
  minLength?: number
  pattern?: string
  /** A secret: never shown, in no message and no print-out. */
  writeOnly?: boolean
  /** References to the environment (`ENV:NAME`, `${NAME}`) are resolved here. */
  'x-environment'?: boolean
  /** What is expected, where the other words cannot say it. */
  'x-expected'?: string
}

/** Making one takes tens of milliseconds, in which a gateway that reloads answers nobody. */
const nodes = new WeakMap<z.ZodType, SchemaNode>()

/** The input side of a schema as JSON Schema: what may be written, defaults left out. */
export function schemaNode(schema: z.ZodType): SchemaNode {
  let node = nodes.get(schema)
  if (!node) nodes.set(schema, (node = z.toJSONSchema(schema, { io: 'input' }) as SchemaNode))
  return node
}

function member(node: SchemaNode, segment: string | number): SchemaNode | undefined {
  if (node.anyOf !== undefined) {
    for (const option of node.anyOf) {
      const found = member(option, segment)
      if (found !== undefined) return found
    }
    return undefined
  }
  if (typeof segment === 'number') return node.items
  if (node.properties && Object.hasOwn(node.properties, segment)) return node.properties[segment]
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined
}

/** The schema of the value at a path; undefined where nothing is allowed. */
export function nodeAt(root: SchemaNode, path: Path): SchemaNode | undefined {
  let node: SchemaNode | undefined = root
  for (const segment of path) node = node === undefined ? undefined : member(node, segment)
  return node
}

/** Whether a value at this path, or anything around it, is a secret. */
export function isSecretPath(root: SchemaNode, path: Path): boolean {
  for (let length = path.length; length > 0; length--)
    if (nodeAt(root, path.slice(0, length))?.writeOnly === true) return true
  return false
}

/** The keys a section may have; empty when it has none of its own or takes any. */
export function keysOf(node: SchemaNode | undefined): string[] {
  if (node === undefined) return []
  if (node.anyOf !== undefined) return node.anyOf.flatMap(keysOf)
  return Object.keys(node.properties ?? {})
}

/** The words a value may be, when it is one of a list. */
export function choicesOf(node: SchemaNode | undefined): string[] {
  if (node === undefined) return []
  if (node.anyOf !== undefined) return node.anyOf.flatMap(choicesOf)
  return (node.enum ?? []).filter((value): value is string => typeof value === 'string')
}

export function listed(words: readonly string[], last: string): string {
  if (words.length < 2) return words.join('')
  return `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

function range(node: SchemaNode): string {
  const { minimum, maximum } = node
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  return maximum === undefined ? '' : ` of at most ${maximum}`
}

const typeTexts: Readonly<Record<string, (node: SchemaNode) => string>> = {
  string: (node) => (node.minLength ? 'a text that is not empty' : 'a text'),
  integer: (node) => `a whole number${range(node)}`,
  number: (node) => `a number${range(node)}`,
  boolean: () => 'true or false',
  null: () => 'null',
  array: (node) => (node.items ? `a list; each item ${expectation(node.items)}` : 'a list'),
  object: (node) => {
    const keys = keysOf(node)
    if (keys.length === 0) return 'a section of named entries'
    return `a section with ${keys.length > 8 ? `keys such as ${listed(keys.slice(0, 6), 'and')}` : listed(keys, 'and')}`
  },
}

/** What may stand here, as a noun phrase: `a whole number from 0 to 65535`, `"keys" or "open"`. */
export function expectation(node: SchemaNode | undefined): string {
  if (node === undefined) return 'nothing'
  if (node['x-expected'] !== undefined) return node['x-expected']
  if (node.anyOf !== undefined) return listed(node.anyOf.map(expectation), 'or')
  if (node.enum !== undefined)
    return listed(
      node.enum.map((value) => JSON.stringify(value)),
      'or',
    )
  if (node.const !== undefined) return JSON.stringify(node.const)
  return typeTexts[node.type ?? '']?.(node) ?? 'a value'
}
