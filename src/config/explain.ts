import { GatewayError } from '../protocol/model/error.ts'
import type { Provider, ProviderSettings } from '../providers/provider.ts'
import { withCredential } from './provider-credentials.ts'
import { isAllowed, matches } from './resolve.ts'
import type { Circuit, ModelEntry, Route, RouteCondition, Snapshot } from './snapshot.ts'

/** US dollars for a million tokens, as decimal texts. */
export interface ExplainedPrice {
  input: string
  output: string
}

/** One route as a request would take it. */
export interface ExplainedRoute {
  provider: string
  type: string
  model: string
  /** The protocol spoken there; absent for providers inside the machine. */
  dialect?: string
  /** Where it is called, without a query; absent for providers inside the machine. */
  url?: string
  /** Why it could not be called as it is configured. */
  fault?: string
  region?: string
  project?: string
  /** Share of the calls in relation to the others; present where weights count. */
  weight?: number
  /** Whom it is for; absent: everybody. */
  when?: RouteCondition
  /** What its calls are spread over, without secrets; absent when the provider has one. */
  credentials?: { name: string; concurrency?: number }[]
  /** When it is given a rest; absent: never. */
  circuit?: Circuit
  retry: Route['retry']
  timeouts: Route['timeouts']
  price?: ExplainedPrice
}

export interface Explanation {
  model: string
  served: boolean
  /** One sentence: which rule decided. */
  reason: string
  /** The model's own name, where it was asked for by an alias. */
  name?: string
  /** The pattern that it fits, where no model has this name. */
  pattern?: string
  aliases?: readonly string[]
  /** How the first of several routes is chosen. */
  balance?: ModelEntry['balance']
  sticky?: ModelEntry['sticky']
  hedge?: ModelEntry['hedge']
  deadlineMs?: number
  /** In the order of the file. */
  routes: ExplainedRoute[]
  /** Served names close to one that is not. */
  nearest: string[]
  defaults: { temperature?: number; maxOutputTokens?: number }
}

/** What an explanation is made with, besides the configuration. */
export interface Explaining {
  providers: readonly Provider[]
  /** The price of a provider's model; undefined when nobody knows one. */
  price(provider: string, model: string): ExplainedPrice | undefined
}

/** Which routes a request for this model could take, which it would, and why. */
export function explain(snapshot: Snapshot, model: string, explaining: Explaining): Explanation {
  const entry = snapshot.resolve(model)
  const explanation: Explanation = {
    model,
    served: entry !== undefined,
    reason: reasonOf(snapshot, model, entry),
    routes: [],
    nearest: entry === undefined ? snapshot.nearest(model) : [],
    defaults: { ...entry?.defaults },
  }
  if (entry === undefined) return explanation
  const { name, pattern, aliases, deadlineMs } = entry
  return {
    ...explanation,
    ...(name === model ? {} : { name }),
    ...(pattern === undefined ? {} : { pattern }),
    ...(aliases === undefined ? {} : { aliases }),
    ...choiceOf(entry),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    routes: entry.routes.map((route) => explainRoute(snapshot, entry, route, explaining)),
  }
}

/** What there is to say where a model has several routes. */
function choiceOf({ routes, balance, sticky, hedge }: ModelEntry): Partial<Explanation> {
  if (routes.length === 1) return {}
  return {
    ...(balance === undefined ? {} : { balance }),
    ...(sticky === undefined ? {} : { sticky }),
    ...(hedge === undefined ? {} : { hedge }),
  }
}

function reasonOf(snapshot: Snapshot, asked: string, entry: ModelEntry | undefined): string {
  const { allow, block, defaultProvider, passthrough } = snapshot.modelList
  const where = snapshot.file ?? 'the environment'
  const model = snapshot.aliases.get(asked) ?? asked
  const it = model === asked ? 'it' : `${model}, which it is an alias of`
  if (matches(asked, block)) return `the blocklist of ${where} has it`
  if (!isAllowed(model, { allow: [], block })) return `the blocklist of ${where} has ${it}`
  if (!isAllowed(model, { allow, block: [] })) return `the allowlist of ${where} does not have ${it}`
  if (model !== asked) return `${where} has it as an alias of ${model}`
  if (snapshot.models.has(model)) return `${where} names it`
  const pattern = entry?.pattern
  if (pattern !== undefined && snapshot.wildcards.some(({ name }) => name === pattern))
    return `${where} has the pattern ${pattern}, and no model of this name`
  if (defaultProvider !== undefined)
    return `${where} does not name it, so it goes to ${defaultProvider} under its own name`
  if (entry !== undefined)
    return `${model.slice(0, model.indexOf('/'))} is a provider of ${where}, so the rest is its model`
  if (passthrough.length === 0) return `${where} does not name it, and provider/model names are not served`
  return `${where} does not name it; provider/model names are served for ${passthrough.join(', ')}`
}

function explainRoute(
  snapshot: Snapshot,
  entry: ModelEntry,
  route: Route,
  { providers, price: priceOf }: Explaining,
): ExplainedRoute {
  const configured = snapshot.providers[route.provider]
  const { provider, model, region, project, timeouts, retry, when, circuit, weight = 1 } = route
  const price = priceOf(provider, model)
  const [first] = configured?.credentials ?? []
  const settings = configured && first ? withCredential(configured, first) : configured
  return {
    provider,
    type: configured?.type ?? 'unknown',
    model,
    ...placeOf(route, settings, providers),
    ...(region === undefined ? {} : { region }),
    ...(project === undefined ? {} : { project }),
    ...(entry.routes.length > 1 && entry.balance === 'weight' ? { weight } : {}),
    ...(when === undefined ? {} : { when }),
    ...(configured?.credentials === undefined ? {} : { credentials: configured.credentials.map(named) }),
    ...(circuit === undefined ? {} : { circuit }),
    retry,
    timeouts,
    ...(price === undefined ? {} : { price }),
  }
}

/** A credential without what it holds. */
function named({ name, concurrency }: { name: string; concurrency?: number }): {
  name: string
  concurrency?: number
} {
  return { name, ...(concurrency === undefined ? {} : { concurrency }) }
}

/** Where a route is called, and in which protocol; nothing for providers inside the machine. */
function placeOf(
  { model, region, project }: Route,
  settings: (ProviderSettings & { type: string }) | undefined,
  providers: readonly Provider[],
): Pick<ExplainedRoute, 'dialect' | 'url' | 'fault'> {
  const kind = providers.find(({ id }) => id === settings?.type)
  if (settings === undefined || kind?.kind !== 'http') return {}
  const merged = { ...settings, region: region ?? settings.region, project: project ?? settings.project }
  const place: Pick<ExplainedRoute, 'dialect' | 'url' | 'fault'> = {}
  try {
    place.dialect = kind.dialect(model, merged)
    const url = kind.place('generate', model, merged)?.url
    if (url !== undefined) place.url = url.replace(/\?.*$/, '')
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    place.fault = error.message
  }
  return place
}
