import type { BuildContext } from './build-providers.ts'
import { deepFreeze } from './freeze.ts'
import { indexesLeft } from './pruned.ts'
import type { ModelEntry } from './snapshot.ts'

/** Whether a model's name stands for every name that fits it. */
export function isPattern(name: string): boolean {
  return name.includes('*')
}

/** What each `*` of a pattern stands for in a name, the shortest first; undefined when the name does not fit. */
export function fitted(pattern: string, name: string): string[] | undefined {
  const [head = '', ...parts] = pattern.split('*')
  const tail = parts.pop()
  if (tail === undefined) return name === pattern ? [] : undefined
  if (!name.startsWith(head)) return undefined
  const stars: string[] = []
  let from = head.length
  for (const part of parts) {
    const found = name.indexOf(part, from)
    if (found === -1) return undefined
    stars.push(name.slice(from, found))
    from = found + part.length
  }
  const until = name.length - tail.length
  if (until < from || !name.endsWith(tail)) return undefined
  return [...stars, name.slice(from, until)]
}

/** A pattern with its `*` filled in, each with its own, all with the same when there is only one. */
function filled(pattern: string, stars: readonly string[]): string {
  let place = 0
  return pattern.replaceAll('*', () => stars[stars.length === 1 ? 0 : place++] ?? '')
}

function starsOf(name: string): number {
  return name.split('*').length - 1
}

/** Whether every `*` of a provider's model name has one in the model's name that says what it stands for. */
export function canBeFilled(pattern: string, name: string): boolean {
  const [wanted, given] = [starsOf(pattern), starsOf(name)]
  return wanted <= given || given === 1
}

/** The most exact pattern first: by characters that are no wildcard, then by the longer beginning, then by name. */
export function byExactness(a: ModelEntry, b: ModelEntry): number {
  const literals = (name: string): number => name.length - starsOf(name)
  const beginning = (name: string): number => name.indexOf('*')
  return (
    literals(b.name) - literals(a.name) ||
    beginning(b.name) - beginning(a.name) ||
    (a.name < b.name ? -1 : Number(a.name > b.name))
  )
}

/** The entry of a name that fits one of the patterns. */
export function fromWildcard(wildcards: readonly ModelEntry[], name: string): ModelEntry | undefined {
  for (const entry of wildcards) {
    const stars = fitted(entry.name, name)
    if (stars !== undefined) return filledIn(entry, name, stars)
  }
  return undefined
}

function filledIn(entry: ModelEntry, name: string, stars: readonly string[]): ModelEntry {
  const routes = entry.routes.map((route) =>
    route.pattern === undefined ? route : { ...route, model: filled(route.pattern, stars) },
  )
  return deepFreeze({ ...entry, name, pattern: entry.name, routes })
}

/** Alias → model; what stands for two things, or for nothing that can be named, leaves a problem. */
export function aliasesOf(context: BuildContext): Map<string, string> {
  const { config, problems, report, removed } = context
  const found = new Map<string, string>()
  for (const [model, { aliases = [] }] of Object.entries(config.models)) {
    const path = ['models', model, 'aliases']
    if (isPattern(model) && aliases.length > 0) {
      const expected = 'no aliases for a name with *: each further name has a section of its own'
      problems.push(report(path, expected, { part: 'key', value: false }))
      continue
    }
    const left = indexesLeft(removed, path, aliases.length)
    aliases.forEach((alias, index) => {
      const owner = found.get(alias)
      const taken = Object.hasOwn(config.models, alias)
        ? `is the model "${alias}"`
        : owner !== undefined && `stands for the model "${owner}"`
      if (taken === false) found.set(alias, model)
      else
        problems.push(
          report(
            [...path, left[index] ?? index],
            `a name that belongs to "${model}" alone: this one ${taken}`,
          ),
        )
    })
  }
  return found
}
