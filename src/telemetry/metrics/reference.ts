import { nameLimits } from './call-names.ts'
import { catalogue, labelMeanings } from './catalogue.ts'
import type { Definition } from './family.ts'
import { registryLimits } from './registry.ts'

const [models, found, tenants, providers, targets, series, histograms] = [
  nameLimits.models,
  nameLimits.foundModels,
  nameLimits.tenants,
  nameLimits.providers,
  nameLimits.targets,
  registryLimits.counterSeries,
  registryLimits.histogramSeries,
].map((count) => count.toLocaleString('en'))

const INTRODUCTION = `# Metrics

This page is generated from the catalogue in the code (\`npm run generate\`).

\`GET /metrics\` answers in the Prometheus text format, and in OpenMetrics when \`accept\` asks for it. Who may read it says
\`observability.access\` ([watching](../guide/watching.md#who-may-look)). With \`--workers\` the answer is that of all workers:
counters and histograms are added, gauges as the last column says; \`worker\`: each stays apart, with a label \`worker\`.

Calls are counted when they are over, from the same record as the log line and the row of usage.

**Labels are bounded.** A model has a place when the configuration knows it, or when an upstream has answered under it; names that
clients invent are \`other\`. There is room for ${models} configured models and ${found}
others, ${tenants} tenants, ${providers} providers, ${targets} targets, ${series} combinations a counter and ${histograms} a histogram; what comes later is counted under \`other\`, and \`xjp_metrics_folded_total\` says how often. Keys of
callers are in no label, and secrets are taken out of names before they become one.
`

/** The reference page. */
export function metricsReference(): string {
  const definitions: readonly Definition[] = Object.values(catalogue)
  const used = new Set(definitions.flatMap(({ labels }) => labels))
  const meanings = Object.entries(labelMeanings).filter(([label]) => used.has(label) || label === 'worker')
  return [
    INTRODUCTION,
    `## Metrics\n\n${table(['metric', 'type', 'labels', 'meaning', 'workers'], definitions.map(row))}`,
    `## Labels\n\n${table(
      ['label', 'values'],
      meanings.map(([label, meaning]) => [`\`${label}\``, meaning]),
    )}`,
    `## Buckets\n\nIn seconds; above the last one there is \`+Inf\`.\n\n${table(
      ['histogram', 'upper bounds'],
      definitions.flatMap(({ name, bounds }) => (bounds ? [[`\`${name}\``, bounds.join(', ')]] : [])),
    )}`,
  ].join('\n')
}

function row({ name, type, labels, help, gather }: Definition): string[] {
  return [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(', '),
    help,
    gather === 'sum' ? 'added' : gather,
  ]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return `${[line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')}\n`
}
