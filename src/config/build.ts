import { createHash } from 'node:crypto'
import { buildModels, routeDefaults } from './build-models.ts'
import { type BuildContext, ProviderSet } from './build-providers.ts'
import { camel } from './camel.ts'
import { deepFreeze, frozenMap } from './freeze.ts'
import { isLoopback } from './loopback.ts'
import { aliasesOf, byExactness, isPattern } from './model-names.ts'
import { type Printable, printable } from './print.ts'
import { isAllowed, type Names, nearestModels, resolveModel } from './resolve.ts'
import type { Config } from './schema.ts'
import type {
  ListedModel,
  ModelEntry,
  ModelList,
  Origin,
  PriceSettings,
  Snapshot,
  Translation,
} from './snapshot.ts'

export interface Built {
  snapshot: Snapshot
  /** The effective configuration in our own terms, without secrets. */
  printable: Printable
}

export interface BuildSource {
  origin: Origin
  file?: string
}

/** Makes the snapshot. What is wrong goes to `context.problems`; with any there, the result must not be used. */
export function buildSnapshot(context: BuildContext, source: BuildSource): Built {
  const { config } = context
  const providers = new ProviderSet(context)
  const entries = buildModels(context, providers)
  const models = new Map(entries.filter(({ name }) => !isPattern(name)).map((entry) => [entry.name, entry]))
  const wildcards = entries.filter(({ name }) => isPattern(name)).sort(byExactness)
  const list = modelList(context, providers)
  const offered = (name: string): readonly string[] | undefined => {
    const kind = providers.kindOf(name)
    return kind?.kind === 'local' ? kind.models : undefined
  }
  const defaults = routeDefaults(config)
  for (const provider of list.passthrough)
    for (const model of offered(provider) ?? [])
      models.set(`${provider}/${model}`, demonstrationEntry(provider, model, defaults))
  const effective = effectiveConfig(config, providers)
  const shown = printable(effective, context.labels)
  const names: Names = {
    models: frozenMap(models),
    wildcards,
    aliases: frozenMap(aliasesOf(context)),
    list,
    findProvider: (name) => providers.find(name),
    offered,
    defaults,
  }
  const snapshot: Snapshot = {
    version: versionOf({ ...shown, origin: source.origin, server: withoutAddress(shown) }),
    ...(source.file === undefined ? {} : { file: source.file }),
    origin: source.origin,
    server: camel(config.server),
    auth: { mode: authMode(config) },
    limits: camel(config.limits),
    timeouts: defaults.timeouts,
    retry: camel(config.retry),
    providers: providers.settings,
    models: names.models,
    wildcards,
    aliases: names.aliases,
    translation: translation(config),
    modelList: list,
    ...(config.rate_limiting === undefined ? {} : { rateLimiting: camel(config.rate_limiting) }),
    tenants: byName(config.tenants, camel),
    prices: byName(config.prices, priceSettings),
    idempotency: camel(config.idempotency),
    usage: camel(config.usage),
    database: camel(config.database),
    redis: camel(config.redis),
    observability: camel(config.observability),
    notices: [...context.notices, ...entries.flatMap(stickyNotice), ...emptyNotice(models, wildcards, list)],
    resolve: (model) => resolveModel(model, names),
    nearest: (model) => nearestModels(model, names),
  }
  return { snapshot: deepFreeze(snapshot), printable: shown }
}

/** Without a word about it, keys are asked for where others can call, and elsewhere as soon as there is one. */
function authMode({ auth, server }: Config): Snapshot['auth']['mode'] {
  return auth.mode ?? (isLoopback(server.host) ? 'first-key' : 'keys')
}

function priceSettings({ tiers, ...flat }: Config['prices'][string]): PriceSettings {
  if (tiers === undefined) return camel(flat)
  const rising = tiers.toSorted((a, b) => a.above_input_tokens - b.above_input_tokens)
  return { ...camel(flat), tiers: rising.map((tier) => camel(tier)) }
}

/** Names are the operator's and are looked up with clients' words: without a prototype, `constructor` finds nothing. */
function byName<Section, Settings>(
  sections: Record<string, Section>,
  settings: (section: Section) => Settings,
): Record<string, Settings> {
  const named = Object.create(null) as Record<string, Settings>
  for (const [name, section] of Object.entries(sections)) named[name] = settings(section)
  return named
}

function demonstrationEntry(provider: string, model: string, defaults: Names['defaults']): ModelEntry {
  return { name: `${provider}/${model}`, routes: [{ provider, model, ...defaults }], defaults: {} }
}

/** Whether `provider/model` names are served when the file does not say: only when nothing else would be. */
function isPassthrough({ models, model_list }: Config): boolean {
  if (model_list.passthrough !== undefined) return model_list.passthrough
  return Object.keys(models).length === 0 && model_list.default_provider === undefined
}

function modelList(context: BuildContext, providers: ProviderSet): ModelList {
  const { config, problems, report } = context
  const { model_list } = config
  const chosen = model_list.default_provider
  const defaultProvider =
    chosen === undefined ? undefined : providers.require(chosen, ['model_list', 'default_provider'])
  if (model_list.source === 'downstream' && chosen === undefined)
    problems.push(
      report(['model_list', 'source'], '"configured", or a default_provider whose list is to be shown'),
    )
  if (model_list.passthrough === true && chosen !== undefined)
    problems.push(
      report(['model_list', 'passthrough'], 'false: default_provider already gets every other name'),
    )
  if (isPassthrough(config)) providers.addPassthrough()
  return {
    allow: model_list.allow,
    block: model_list.block,
    ...(model_list.override === null ? {} : { override: model_list.override.map(listed) }),
    // Names come from clients: without a prototype, `constructor` finds nothing.
    displayNames: Object.assign(Object.create(null), model_list.display_names) as Record<string, string>,
    source: model_list.source,
    ...(defaultProvider === undefined ? {} : { defaultProvider }),
    passthrough: providers.passthrough,
  }
}

function listed(model: NonNullable<Config['model_list']['override']>[number]): ListedModel {
  const { type: _, ...shown } = model
  return camel(shown)
}

function translation({ translation }: Config): Translation {
  return {
    strict: translation.strict,
    outputStrict: translation.output_strict,
    allowImages: translation.allow_images,
    documentPolicy: translation.document_policy,
    thinkingMap: Object.entries(translation.thinking_map)
      .map(([budget, effort]) => ({ budget: Number(budget), effort }))
      .sort((a, b) => a.budget - b.budget),
  }
}

/** The configuration as it is in force: with the environment's providers and the address that was asked for. */
function effectiveConfig(config: Config, providers: ProviderSet): Config {
  return {
    ...config,
    providers: providers.sections,
    model_list: { ...config.model_list, passthrough: providers.passthrough.length > 0 },
  }
}

/** Harmless, but not what whoever wrote it had in mind. */
function stickyNotice({ name, sticky, balance = 'order', routes }: ModelEntry): string[] {
  const isMoot = sticky !== undefined && (routes.length === 1 || balance === 'order' || balance === 'price')
  const why =
    routes.length === 1 ? 'it has one route' : `balance "${balance}" gives every call the same first route`
  return isMoot ? [`models.${JSON.stringify(name)}: sticky changes nothing: ${why}`] : []
}

function emptyNotice(
  models: ReadonlyMap<string, ModelEntry>,
  wildcards: readonly ModelEntry[],
  list: ModelList,
): string[] {
  const isServed =
    wildcards.length > 0 ||
    [...models.keys()].some((name) => isAllowed(name, list)) ||
    list.defaultProvider !== undefined ||
    list.passthrough.length > 0
  return isServed
    ? []
    : ['no model is served: add [models."name".primary], or set model_list.passthrough = true']
}

/** Replicas with one file listen on different addresses, and still run the same configuration. */
function withoutAddress(shown: Printable): object {
  const { host: _, port: __, ...server } = shown['server'] as Record<string, unknown>
  return server
}

function versionOf(content: object): string {
  return createHash('sha256').update(canonical(content)).digest('hex').slice(0, 12)
}

/** JSON with sorted keys: the same content gives the same text whatever the order in the file. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )
}
