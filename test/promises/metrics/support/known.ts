import { catalogue } from '../../../../src/telemetry/metrics/catalogue.ts'
import type { Definition } from '../../../../src/telemetry/metrics/family.ts'

const definitions: readonly Definition[] = Object.values(catalogue)

/** What every scraped sample has besides our labels, and what Prometheus adds. */
const common = ['instance', 'job', 'worker', 'le', 'alertname']

/** What is wrong with the metrics and labels an expression speaks of; empty when the catalogue has them all. */
export function faultsIn(expression: string): string[] {
  const faults: string[] = []
  const used = new Set<Definition>()
  for (const [name] of expression.matchAll(/\bxjp_[a-z_]+/g)) {
    const definition = definitionOf(name)
    if (definition === undefined) faults.push(`${name} is not in the catalogue`)
    else used.add(definition)
  }
  if (used.size === 0) faults.push(`${expression} speaks of no metric`)
  const known = new Set([...common, ...[...used].flatMap(({ labels }) => labels)])
  for (const label of labelsIn(expression)) if (!known.has(label)) faults.push(`${label} is no label of it`)
  return faults
}

/** A histogram is asked for by its parts only, anything else by its name only. */
function definitionOf(name: string): Definition | undefined {
  const plain = definitions.find((definition) => definition.name === name)
  if (plain !== undefined) return plain.type === 'histogram' ? undefined : plain
  const whole = name.replace(/_(bucket|sum|count)$/, '')
  return definitions.find((definition) => definition.name === whole && definition.type === 'histogram')
}

function labelsIn(expression: string): string[] {
  const selectors = [...expression.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = '']) =>
    [...inside.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  )
  const groups = [...expression.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(
    ([, inside = '']) => inside.split(',').map((label) => label.trim()),
  )
  return [...selectors, ...groups].filter((label) => label !== '')
}
