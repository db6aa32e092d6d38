import type { Path } from './place.ts'
import { copyTree, removeAt, type Tree, treeAt } from './tree.ts'

/** A copy of a tree that parts are taken out of; it remembers which items of a list are left. */
export class Pruned {
  readonly tree: Tree
  readonly #left = new WeakMap<Tree[], number[]>()

  constructor(original: Tree) {
    this.tree = copyTree(original)
  }

  /** Takes the values at these paths out; gives their paths in the original tree. */
  remove(paths: readonly Path[]): Path[] {
    const originals = paths.map((path) => this.#originalOf(path))
    // From the end, so that an item taken out of a list does not move the ones still to come.
    for (const path of [...paths].sort(lastFirst)) {
      const parent = treeAt(this.tree, path.slice(0, -1))
      const last = path.at(-1)
      if (Array.isArray(parent) && typeof last === 'number') this.#indexes(parent).splice(last, 1)
      removeAt(this.tree, path)
    }
    return originals
  }

  #indexes(list: Tree[]): number[] {
    const known = this.#left.get(list)
    if (known !== undefined) return known
    const all = [...list.keys()]
    this.#left.set(list, all)
    return all
  }

  #originalOf(path: Path): Path {
    return path.map((segment, depth) => {
      const parent = treeAt(this.tree, path.slice(0, depth))
      return Array.isArray(parent) && typeof segment === 'number'
        ? (this.#indexes(parent)[segment] ?? segment)
        : segment
    })
  }
}

function lastFirst(a: Path, b: Path): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const [left, right] = [a[index], b[index]]
    if (left === right) continue
    return typeof left === 'number' && typeof right === 'number' ? right - left : 0
  }
  return b.length - a.length
}

/** Indexes, in the original list at `path`, of the `count` items that were left. */
export function indexesLeft(removed: readonly Path[], path: Path, count: number): number[] {
  const gone = new Set(
    removed
      .filter((other) => other.length === path.length + 1 && path.every((part, at) => part === other[at]))
      .map((other) => other.at(-1)),
  )
  const left: number[] = []
  for (let index = 0; left.length < count; index++) if (!gone.has(index)) left.push(index)
  return left
}
