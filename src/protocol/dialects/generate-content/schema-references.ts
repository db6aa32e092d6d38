import { isObject, type Json, type JsonObject } from '../../model/json.ts'

/** Follows `$ref` and merges `allOf`, so that what is left has neither (protocol.md §2.6, steps 1 and 3). */
export interface Resolver {
  root: JsonObject
  /** How many sub-schemas may still be visited. */
  left: number
}

export interface Flat {
  node: JsonObject
  references: readonly string[]
  /** A cycle or an unknown reference was cut to a plain object. */
  cut: boolean
}

/** A reference inside itself is followed this often, then cut. */
const DEEPEST_CYCLE = 3
/** References inside one another, cyclic or not. */
const DEEPEST_CHAIN = 64

const CUT: JsonObject = { type: 'object' }

export function flatten(schema: JsonObject, references: readonly string[], resolver: Resolver): Flat {
  let node = schema
  let followed = references
  while (typeof node['$ref'] === 'string') {
    const { $ref: reference, ...siblings } = node
    resolver.left -= 1
    const target = resolve(String(reference), resolver.root)
    const depth = followed.filter((earlier) => earlier === reference).length
    const tooDeep = depth >= DEEPEST_CYCLE || followed.length >= DEEPEST_CHAIN
    if (!target || tooDeep || resolver.left <= 0)
      return { node: { ...siblings, ...CUT }, references: followed, cut: true }
    followed = [...followed, String(reference)]
    node = { ...target, ...siblings }
  }
  resolver.left -= 1
  return mergeAll(node, followed, resolver)
}

/** `#/$defs/name`, `#/definitions/a~1b`, `#`. */
function resolve(reference: string, root: JsonObject): JsonObject | undefined {
  if (!reference.startsWith('#')) return undefined
  let value: Json | undefined = root
  for (const step of reference.slice(1).split('/').slice(1)) {
    const key = decodeStep(step)
    if (Array.isArray(value)) value = value[Number(key)]
    else value = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  }
  return isObject(value) ? value : undefined
}

function decodeStep(step: string): string {
  const plain = step.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(plain)
  } catch {
    return plain
  }
}

function mergeAll(node: JsonObject, references: readonly string[], resolver: Resolver): Flat {
  const { allOf, ...own } = node
  if (!Array.isArray(allOf)) return { node, references, cut: false }
  let merged = own
  let followed = references
  let cut = false
  for (const branch of allOf) {
    if (!isObject(branch) || resolver.left <= 0) continue
    const flat = flatten(branch, references, resolver)
    merged = merge(merged, flat.node)
    followed = [...followed, ...flat.references.slice(references.length)]
    cut ||= flat.cut
  }
  return { node: merged, references: followed, cut }
}

/** Properties and required names are joined; of other members the first one stays. */
function merge(first: JsonObject, second: JsonObject): JsonObject {
  const merged: JsonObject = { ...second, ...first }
  const properties = [first['properties'], second['properties']].filter(isObject)
  if (properties.length === 2) merged['properties'] = { ...properties[1], ...properties[0] }
  const required = [first['required'], second['required']].filter(Array.isArray)
  if (required.length === 2) merged['required'] = [...new Set(required.flat())]
  return merged
}
