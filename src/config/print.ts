import { stringify } from 'smol-toml'
import type { Path } from './place.ts'
import { type Config, configSchema } from './schema.ts'
import { isSecretPath, nodeAt, schemaNode } from './schema-node.ts'
import { looksSecret } from './secrets.ts'

/** A configuration that may be shown: plain data without secrets. */
export type Printable = { readonly [key: string]: unknown }

const schema = schemaNode(configSchema)
const HIDDEN = '***'

/** The configuration without secrets: references by name where there were any, `***` for the rest. */
export function printable(config: Config, labels: ReadonlyMap<string, string>): Printable {
  return masked(config, [], labels) as Printable
}

function masked(value: unknown, path: Path, labels: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item, index) => masked(item, [...path, index], labels))
  if (typeof value === 'object' && value !== null) {
    const shown: Record<string, unknown> = {}
    for (const [key, member] of Object.entries(value))
      if (member !== undefined && member !== null) shown[key] = masked(member, [...path, key], labels)
    return shown
  }
  if (typeof value !== 'string') return value
  if (isSecretPath(schema, path)) return labels.get(value) ?? HIDDEN
  if (nodeAt(schema, path)?.['x-environment'] === true) return labels.get(value) ?? shownText(value)
  return shownText(value)
}

/** Arguments of commands and the like: a key that was put there in the clear is not shown either. */
function shownText(value: string): string {
  return looksSecret(value) ? HIDDEN : value
}

/** As a file of our own; what it hides would have to be filled in again. */
export function printToml(shown: Printable): string {
  return stringify(shown)
}
