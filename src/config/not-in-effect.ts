import type { Path } from './place.ts'
import { type Tree, walkTree } from './tree.ts'

/**
 * Settings that are read and checked although no part of the gateway acts on them yet. Each one that a file has is
 * named in the log at start, and marked in the reference. Whoever makes one effective takes its row out.
 * `*` in a path stands for any name or index.
 */
export const notInEffect: readonly { paths: readonly string[]; notice: string }[] = [
  {
    paths: ['rate_limiting'],
    notice: 'rate_limiting is read but not enforced yet: calls are not limited by the minute',
  },
  {
    paths: ['models.*.fallback', 'models.*.routes.1', 'models.*.routes.*.weight'],
    notice: 'further routes of a model are read but not taken yet: calls use its first route only',
  },
  {
    paths: ['retry', 'models.*.*.retry', 'models.*.routes.*.retry'],
    notice: 'retry is read but not in effect yet: a failed call is not repeated',
  },
  {
    paths: ['models.*.*.circuit', 'models.*.routes.*.circuit'],
    notice: 'circuit is read but not in effect yet: a failing route is not given a rest',
  },
  {
    paths: [
      'observability.otlp_grpc',
      'observability.otlp_http',
      'observability.exporters',
      'observability.dump_downstream',
      'observability.trace_body_max_bytes',
    ],
    notice: 'observability exporters are read but not in effect yet: no traces and metrics are sent out',
  },
  {
    paths: ['downstream.pool_max_idle_per_host'],
    notice:
      'downstream.pool_max_idle_per_host is read but has no effect: the runtime keeps its own pool of connections',
  },
]

function matches(pattern: readonly string[], path: Path): boolean {
  return (
    pattern.length === path.length &&
    pattern.every((part, index) => part === '*' || part === String(path[index]))
  )
}

/** One sentence for each group of settings in the file that nothing acts on yet. */
export function noticesFor(tree: Tree): string[] {
  const patterns = notInEffect.flatMap(({ paths, notice }) =>
    paths.map((path) => ({ pattern: path.split('.'), notice })),
  )
  const found = new Set<string>()
  walkTree(tree, (path) => {
    for (const { pattern, notice } of patterns) if (matches(pattern, path)) found.add(notice)
  })
  return notInEffect.map(({ notice }) => notice).filter((notice) => found.has(notice))
}

/** Whether a setting of our own schema, by its path with `*` for names, is acted on. */
export function isInEffect(path: string): boolean {
  const parts = path.split('.')
  return !notInEffect.some(({ paths }) =>
    paths.some((text) => {
      const pattern = text.split('.')
      return matches(pattern, parts.slice(0, pattern.length))
    }),
  )
}
