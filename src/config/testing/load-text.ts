import { parseDocument } from '../document.ts'
import { type LoadOptions, type LoadResult, loadDocument } from '../load.ts'
import { formatProblem } from '../problem.ts'
import type { Snapshot } from '../snapshot.ts'
import { fakeProviders } from './fake-providers.ts'

type Options = Partial<Pick<LoadOptions, 'environment' | 'overrides' | 'providers'>>

/** Loads a text as if it were that file; undefined: the environment alone. */
export function loadText(file: string, text: string | undefined, options: Options = {}): LoadResult {
  const document = text === undefined ? undefined : parseDocument(file, text)
  return loadDocument(document, { cwd: '/', environment: {}, providers: fakeProviders, ...options })
}

/** The snapshot of a text that must be right. */
export function snapshotOf(file: string, text: string | undefined, options: Options = {}): Snapshot {
  const result = loadText(file, text, options)
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'))
  return result.snapshot
}

/** What is said about a text that must be wrong, a line each. */
export function problemLines(file: string, text: string | undefined, options: Options = {}): string[] {
  const result = loadText(file, text, options)
  return result.ok ? [] : result.problems.map(formatProblem)
}
