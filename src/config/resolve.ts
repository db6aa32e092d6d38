import { deepFreeze } from './freeze.ts'
import { fitted, fromWildcard } from './model-names.ts'
import { nearest } from './nearest.ts'
import type { ModelEntry, ModelList, Route } from './snapshot.ts'

/** Whether a name is one of the patterns; `*` stands for any characters. Linear in both lengths. */
export function matches(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => fitted(pattern, name) !== undefined)
}

export interface Names {
  models: ReadonlyMap<string, ModelEntry>
  /** The most exact first. */
  wildcards: readonly ModelEntry[]
  aliases: ReadonlyMap<string, string>
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
export function resolveModel(asked: string, names: Names): ModelEntry | undefined {
  const model = names.aliases.get(asked) ?? asked
  // Lists speak of models; a blocked name is not served whatever it stands for.
  if (model === '' || !isAllowed(model, names.list) || matches(asked, names.list.block)) return undefined
  const known = names.models.get(model) ?? fromWildcard(names.wildcards, model)
  if (known !== undefined) return known
  const { defaultProvider } = names.list
  if (defaultProvider !== undefined) return passing(model, defaultProvider, model, '*', names)
  const slash = model.indexOf('/')
  if (slash <= 0 || slash === model.length - 1) return undefined
  const provider = names.findProvider(model.slice(0, slash))
  if (provider === undefined || !names.list.passthrough.includes(provider)) return undefined
  const name = model.slice(slash + 1)
  const offered = names.offered(provider)
  if (offered !== undefined && !offered.includes(name)) return undefined
  return passing(model, provider, name, `${provider}/*`, names)
}

function passing(name: string, provider: string, model: string, pattern: string, names: Names): ModelEntry {
  const displayName = names.list.displayNames[name]
  return deepFreeze({
    name,
    pattern,
    ...(displayName === undefined ? {} : { displayName }),
    routes: [{ provider, model, pattern: '*', ...names.defaults }],
    defaults: {},
  })
}

/** See `Snapshot.nearest`. A wrong provider in `provider/model` is corrected in place. */
export function nearestModels(model: string, names: Names): string[] {
  const known = [...names.models.keys(), ...names.aliases.keys()].filter((name) =>
    isAllowed(names.aliases.get(name) ?? name, names.list),
  )
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
