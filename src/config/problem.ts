import type { Path, Position } from './place.ts'

/** One thing that is wrong with a configuration. No member ever holds a secret. */
export interface Problem {
  /** The file as the operator named it, or `environment`, or `command line`. */
  file: string
  /** Absent when the place is not in a file. */
  position?: Position
  /** `models."claude-sonnet-4.5".primary.provider`; empty for the document itself. */
  path: string
  /** What stands there, in short; absent when it is hidden or there is nothing to show. */
  value?: string
  /** What was expected there: a noun phrase. */
  expected: string
  /** The nearest name that would be right. */
  nearest?: string
}

const PLAIN_KEY = /^[A-Za-z0-9_-]+$/

/** A path as people write it: keys with dots are quoted, indexes stand in brackets. */
export function pathText(path: Path): string {
  return path
    .map((segment) => {
      if (typeof segment === 'number') return `[${segment}]`
      return PLAIN_KEY.test(segment) ? `.${segment}` : `.${JSON.stringify(segment)}`
    })
    .join('')
    .replace(/^\./, '')
}

/** `xjp.toml:12:8`. */
export function placeText(problem: Problem): string {
  const { file, position } = problem
  return position ? `${file}:${position.line}:${position.column}` : file
}

/** One line: place, path, what was expected, what was found, and the nearest name. */
export function formatProblem(problem: Problem): string {
  const path = problem.path === '' ? '' : ` ${problem.path}:`
  const found = problem.value === undefined ? '' : `, found ${problem.value}`
  const hint = problem.nearest === undefined ? '' : ` (did you mean ${JSON.stringify(problem.nearest)}?)`
  return `${placeText(problem)}:${path} expected ${problem.expected}${found}${hint}`
}

/** Sorted as a reader meets them: by file, line and column. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return [...problems].sort(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      (a.position?.line ?? 0) - (b.position?.line ?? 0) ||
      (a.position?.column ?? 0) - (b.position?.column ?? 0),
  )
}

/** All problems for a person to read, a paragraph each; ends with a newline. */
export function problemReport(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  const paragraphs = problems.map((problem) =>
    [
      `  ${placeText(problem)}${problem.path === '' ? '' : `  ${problem.path}`}`,
      ...(problem.value === undefined ? [] : [`    found     ${problem.value}`]),
      `    expected  ${problem.expected}`,
      ...(problem.nearest === undefined ? [] : [`    did you mean ${JSON.stringify(problem.nearest)}?`]),
    ].join('\n'),
  )
  return `The configuration has ${count}:\n\n${paragraphs.join('\n\n')}\n`
}
