import type { z } from 'zod'
import { type Document, locate } from './document.ts'
import { nearest } from './nearest.ts'
import type { Path } from './place.ts'
import { type Problem, pathText } from './problem.ts'
import { Pruned } from './pruned.ts'
import { type Environment, resolveReferences } from './references.ts'
import { choicesOf, expectation, keysOf, listed, nodeAt, type SchemaNode, schemaNode } from './schema-node.ts'
import { Redactor } from './secrets.ts'
import { copyTree, isTable, removeAt, type Tree, treeAt } from './tree.ts'

/** A document checked against a schema: what is wrong, and what of it could be read all the same. */
export interface Checked<Value> {
  problems: Problem[]
  /** The document without what was wrong; undefined when nothing usable is left. */
  value: Value | undefined
  /** Paths that were left out of `value`, so that later checks do not complain about the gap. */
  removed: Path[]
  reporter: Reporter
}

/** Makes problems that point into one document and show none of its secrets. */
export class Reporter {
  readonly #document: Document
  readonly #schema: SchemaNode
  readonly #redactor: Redactor

  constructor(document: Document, schema: SchemaNode) {
    this.#document = document
    this.#schema = schema
    this.#redactor = new Redactor(document.tree, schema)
  }

  /** `part` says what the position points to; `value: false` leaves the value out. */
  problem(
    path: Path,
    expected: string,
    options: { part?: 'key' | 'value'; value?: boolean; nearest?: string | undefined } = {},
  ): Problem {
    const problem: Problem = {
      file: this.#document.file,
      position: locate(this.#document, path, options.part ?? 'value'),
      path: this.#redactor.path(path),
      expected,
    }
    const value =
      options.value === false
        ? undefined
        : this.#redactor.value(treeAt(this.#document.tree, path), path, this.#schema)
    if (value !== undefined) problem.value = value
    if (options.nearest !== undefined) problem.nearest = options.nearest
    return problem
  }

  /** A value that is one of a list of names, and is not. */
  unknownName(path: Path, names: readonly string[], what: string): Problem {
    const value = treeAt(this.#document.tree, path)
    const near = typeof value === 'string' ? nearest(value, names)[0] : undefined
    return this.problem(path, what, { nearest: near })
  }
}

/** A file with more mistakes than this is no configuration; saying all of them would take longer than it helps. */
const MAX_PROBLEMS = 1000

/** Names that reach into the runtime's own objects; no key of a file may be one (promise J2). */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Checks a document against a schema and finds all that is wrong at once: keys, values, references to the
 * environment, reserved and malformed names. What is wrong is then taken out, so that the checks of meaning
 * (does this provider exist?) still run on the rest.
 */
export function validate<Schema extends z.ZodType>(
  document: Document,
  schema: Schema,
  environment: Environment,
  labels: Map<string, string>,
): Checked<z.output<Schema>> {
  const node = schemaNode(schema)
  const reporter = new Reporter(document, node)
  const problems = [...document.problems]
  const removed: Path[] = []
  const tree = copyTree(document.tree)
  const leaveOut = (path: Path): void => {
    removed.push(path)
    removeAt(tree, path)
  }
  for (const fault of keyFaults(tree, node, reporter)) {
    problems.push(fault.problem)
    leaveOut(fault.path)
  }
  const resolved = resolveReferences(tree, node, environment, labels)
  // What is already said about a place is not said again in other words.
  const told = new Set(document.problems.map((problem) => problem.path))
  for (const fault of resolved.faults.slice(0, MAX_PROBLEMS)) {
    problems.push(reporter.problem(fault.path, fault.expected))
    removed.push(fault.path)
    told.add(pathText(fault.path))
  }
  const { value, issues } = parseWhatIsRight(schema, resolved.tree, removed)
  for (const issue of issues.slice(0, MAX_PROBLEMS))
    if (issue.code === 'unrecognized_keys' || !told.has(pathText(issue.path as Path)))
      problems.push(...problemsOf(issue, resolved.tree, node, reporter))
  return { problems: shortened(problems, reporter), value, removed, reporter }
}

function shortened(problems: Problem[], reporter: Reporter): Problem[] {
  if (problems.length < MAX_PROBLEMS) return problems
  const expected = `fewer than ${MAX_PROBLEMS} problems; the rest of them is not shown`
  return [...problems.slice(0, MAX_PROBLEMS), reporter.problem([], expected, { value: false })]
}

interface KeyFault {
  path: Path
  problem: Problem
}

/** Reserved names anywhere, and names in open sections that do not have the section's form. */
function keyFaults(tree: Tree, root: SchemaNode, reporter: Reporter): KeyFault[] {
  const faults: KeyFault[] = []
  const visit = (value: Tree, path: Path): void => {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) visit(item, [...path, index])
    if (!isTable(value)) return
    const names = nodeAt(root, path)?.propertyNames
    for (const [key, member] of Object.entries(value)) {
      const at = [...path, key]
      const expected = RESERVED.has(key)
        ? 'a name that is not reserved'
        : names?.pattern !== undefined && !new RegExp(names.pattern, 'u').test(key)
          ? expectation(names)
          : undefined
      if (expected !== undefined && faults.length <= MAX_PROBLEMS)
        faults.push({ path: at, problem: reporter.problem(at, expected, { part: 'key', value: false }) })
      if (!RESERVED.has(key) && member !== undefined) visit(member, at)
    }
  }
  visit(tree, [])
  return faults
}

type Issue = z.core.$ZodIssue

/**
 * The value of a tree without what the schema refuses, and the issues of the first look. Each round takes out
 * what the last one found: a value, an unknown key, or the section that lacks something it must have.
 */
function parseWhatIsRight<Schema extends z.ZodType>(
  schema: Schema,
  original: Tree,
  removed: Path[],
): { value: z.output<Schema> | undefined; issues: Issue[] } {
  const pruned = new Pruned(original)
  let first: Issue[] | undefined
  for (;;) {
    const result = schema.safeParse(pruned.tree)
    if (result.success) return { value: result.data, issues: first ?? [] }
    first ??= result.error.issues
    const paths = result.error.issues.flatMap((issue) => faultyPaths(issue, pruned.tree))
    if (paths.length === 0) return { value: undefined, issues: first }
    removed.push(...pruned.remove(paths))
  }
}

function faultyPaths(issue: Issue, tree: Tree): Path[] {
  const path = issue.path as Path
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => [...path, key])
  if (path.length === 0) return []
  return [treeAt(tree, path) === undefined ? path.slice(0, -1) : path].filter((found) => found.length > 0)
}

function problemsOf(issue: Issue, tree: Tree, root: SchemaNode, reporter: Reporter): Problem[] {
  const path = issue.path as Path
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, MAX_PROBLEMS)
      .map((key) => unknownKey([...path, key], nodeAt(root, path), reporter))
  const node = nodeAt(root, path)
  const value = treeAt(tree, path)
  if (value === undefined) return [reporter.problem(path, expectation(node))]
  const near = typeof value === 'string' ? nearest(value, choicesOf(node))[0] : undefined
  return [reporter.problem(path, expectation(node), { nearest: near })]
}

/** The value of an unknown key is not shown: it may be a secret under a misspelt name. */
function unknownKey(path: Path, section: SchemaNode | undefined, reporter: Reporter): Problem {
  const keys = keysOf(section)
  const shown =
    keys.length > 16
      ? 'a known key'
      : keys.length > 1
        ? `one of the keys ${listed(keys, 'and')}`
        : `the key ${keys[0]}`
  const near = nearest(String(path.at(-1)), keys)[0]
  return reporter.problem(path, shown, { part: 'key', value: false, nearest: near })
}
