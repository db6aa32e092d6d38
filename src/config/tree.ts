import type { Path } from './place.ts'

/** A value as a parser gives it. Objects have no prototype, so no key of a file can reach one. */
export type Tree = null | boolean | number | string | Date | Tree[] | TreeObject
export interface TreeObject {
  [key: string]: Tree | undefined
}

export function isTable(value: Tree | undefined): value is TreeObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

export function newTable(): TreeObject {
  return Object.create(null) as TreeObject
}

export function copyTree(value: Tree): Tree {
  if (Array.isArray(value)) return value.map(copyTree)
  if (!isTable(value)) return value
  const copy = newTable()
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member !== undefined) copy[key] = copyTree(member)
  }
  return copy
}

/** The value at a path, or undefined. */
export function treeAt(tree: Tree, path: Path): Tree | undefined {
  let value: Tree | undefined = tree
  for (const segment of path) {
    if (Array.isArray(value) && typeof segment === 'number') value = value[segment]
    else if (isTable(value)) value = value[segment]
    else return undefined
  }
  return value
}

/** Takes the value at a path out of the tree, in place: a key is deleted, a list item removed. */
export function removeAt(tree: Tree, path: Path): void {
  const parent = treeAt(tree, path.slice(0, -1))
  const last = path.at(-1)
  if (Array.isArray(parent) && typeof last === 'number') parent.splice(last, 1)
  else if (isTable(parent) && last !== undefined) delete parent[last]
}

/** Calls `visit` for every member, parents first. Items of lists have their index as segment. */
export function walkTree(tree: Tree, visit: (path: Path, value: Tree) => void, path: Path = []): void {
  visit(path, tree)
  const members = Array.isArray(tree) ? tree.entries() : isTable(tree) ? Object.entries(tree) : []
  for (const [segment, value] of members) if (value !== undefined) walkTree(value, visit, [...path, segment])
}
