import type { Path } from './place.ts'
import { type Tree, walkTree } from './tree.ts'

interface Pending {
  paths: readonly string[]
  notice: string
}

/**
 * Settings that are read and checked although no part of the gateway acts on them yet. Each one that a file has is
 * named in the log at start, and marked in the reference. Whoever makes one effective takes its row out.
 * `*` in a path stands for any name or index.
 */
export const notInEffect: readonly Pending[] = [
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

/** One sentence for each group of settings of a file that nothing acts on yet. */
export function noticesFor(tree: Tree): string[] {
  const present: Path[] = []
  walkTree(tree, (path) => void present.push(path))
  const isPresent = (text: string): boolean => {
    const pattern = text.split('.')
    return present.some((path) => matches(pattern, path))
  }
  return notInEffect.filter(({ paths }) => paths.some(isPresent)).map(({ notice }) => notice)
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
