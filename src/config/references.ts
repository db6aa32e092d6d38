import type { Path } from './place.ts'
import { nodeAt, type SchemaNode } from './schema-node.ts'
import { isReference } from './secrets.ts'
import { isTable, newTable, type Tree } from './tree.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface ReferenceFault {
  path: Path
  expected: string
}

export interface Resolved {
  tree: Tree
  faults: ReferenceFault[]
}

/**
 * Replaces references to the environment where the schema allows them: `ENV:NAME` as the whole text, `${NAME}`
 * anywhere in it, `$${` for a literal `${`. A variable that is not set, or empty, is a fault that names it, and the
 * text stays as it is.
 * `labels` learns value → reference, so that a print-out can show the name in place of the value.
 */
export function resolveReferences(
  tree: Tree,
  schema: SchemaNode,
  environment: Environment,
  labels: Map<string, string>,
): Resolved {
  const faults: ReferenceFault[] = []
  const visit = (value: Tree, path: Path): Tree => {
    if (Array.isArray(value)) return value.map((item, index) => visit(item, [...path, index]))
    if (isTable(value)) {
      const copy = newTable()
      for (const [key, member] of Object.entries(value))
        if (member !== undefined) copy[key] = visit(member, [...path, key])
      return copy
    }
    return typeof value === 'string' ? resolveText(value, path) : value
  }
  const resolveText = (text: string, path: Path): string => {
    const node = nodeAt(schema, path)
    if (node?.['x-environment'] !== true) {
      if (node !== undefined && isReference(text) && !isArgument(path))
        faults.push({ path, expected: 'a plain text: references to the environment are not read here' })
      return text
    }
    const { value, missing } = substitute(text, environment)
    for (const name of missing) faults.push({ path, expected: `the environment variable ${name} to be set` })
    if (missing.length > 0) return text
    if (value !== text) labels.set(value, text)
    return value
  }
  return { tree: visit(tree, []), faults }
}

/** Arguments of a command are handed over as they are. */
function isArgument(path: Path): boolean {
  return path.includes('command')
}

function substitute(text: string, environment: Environment): { value: string; missing: string[] } {
  const missing: string[] = []
  const read = (name: string): string => {
    const value = environment[name]
    if (value !== undefined && value !== '') return value
    missing.push(name)
    return ''
  }
  const whole = /^ENV:([A-Za-z_]\w*)$/.exec(text)?.[1]
  if (whole !== undefined) return { value: read(whole), missing }
  const value = text.replace(/\$(\$\{)|\$\{([A-Za-z_]\w*)\}/g, (_, escaped, name) => escaped ?? read(name))
  return { value, missing }
}
