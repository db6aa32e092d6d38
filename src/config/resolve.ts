import { deepFreeze } from './freeze.ts'
import { nearest } from './nearest.ts'
import type { ModelEntry, ModelList, Route } from './snapshot.ts'

/** Whether a name is one of the patterns; `*` stands for any characters. Linear in both lengths. */
export function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => matchesOne(name, pattern))
}

function matchesOne(name: string, pattern: string): boolean {
  const [head = '', ...parts] = pattern.split('*')
  if (parts.length === 0) return name === pattern
  if (!name.startsWith(head)) return false
  const tail = parts.pop() ?? ''
  let from = head.length
  for (const part of parts) {
    const found = name.indexOf(part, from)
    if (found === -1) return false
    from = found + part.length
  }
  return name.length - tail.length >= from && name.endsWith(tail)
}

export interface Names {
  models: ReadonlyMap<string, ModelEntry>
  list: ModelList
  /** The settings' name for the first part of `provider/model`. */
  findProvider(name: string): string | undefined
  /** Model names a local provider is limited to; undefined: any. */
  offered(provider: string): readonly string[] | undefined
  defaults: Pick<Route, 'timeouts' | 'retry' | 'circuit'>
}

/** Whether the allow- and blocklist let a name through. */
export function isAllowed(name: string, list: Pick<ModelList, 'allow' | 'block'>): boolean {
  return (list.allow.length === 0 || matches(name, list.allow)) && !matches(name, list.block)
}

/** See `Snapshot.resolve`. Made afresh for names that are not in the file: clients choose them. */
export function resolveModel(model: string, names: Names): ModelEntry | undefined {
  if (model === '' || !isAllowed(model, names.list)) return undefined
  const known = names.models.get(model)
  if (known !== undefined) return known
  const { defaultProvider } = names.list
  if (defaultProvider !== undefined) return passing(model, defaultProvider, model, names)
  const slash = model.indexOf('/')
  if (slash <= 0 || slash === model.length - 1) return undefined
  const provider = names.findProvider(model.slice(0, slash))
  if (provider === undefined || !names.list.passthrough.includes(provider)) return undefined
  const name = model.slice(slash + 1)
  const offered = names.offered(provider)
  return offered === undefined || offered.includes(name) ? passing(model, provider, name, names) : undefined
}

function passing(name: string, provider: string, model: string, names: Names): ModelEntry {
  const displayName = names.list.displayNames[name]
  return deepFreeze({
    name,
    ...(displayName === undefined ? {} : { displayName }),
    routes: [{ provider, model, ...names.defaults }],
    defaults: {},
  })
}

/** See `Snapshot.nearest`. A wrong provider in `provider/model` is corrected in place. */
export function nearestModels(model: string, names: Names): string[] {
  const known = [...names.models.keys()].filter((name) => isAllowed(name, names.list))
  const slash = model.indexOf('/')
  const providers = names.list.passthrough
  const corrected =
    slash <= 0
      ? []
      : nearest(model.slice(0, slash), providers, 3).map((provider) => `${provider}${model.slice(slash)}`)
  // A bare name where `provider/model` is served: say how it is spelled here.
  const prefixed = slash === -1 ? providers.map((provider) => `${provider}/${model}`) : []
  const found = [...nearest(model, known, 3), ...corrected]
  return [...new Set([...found, ...prefixed])].filter((name) => name !== model).slice(0, 3)
}
