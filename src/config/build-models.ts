import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { BuildContext, ProviderSet } from './build-providers.ts'
import { camel, overlay } from './camel.ts'
import { canBeFilled, isPattern } from './model-names.ts'
import type { Path } from './place.ts'
import { indexesLeft } from './pruned.ts'
import type { Config } from './schema.ts'
import { circuitSchema, type ModelSection, type RouteSection } from './schema-model.ts'
import type { Circuit, ModelEntry, Route, RouteCondition } from './snapshot.ts'
import { touches } from './systems/system.ts'

type CapabilitiesSection = NonNullable<RouteSection['capabilities']>

function capabilitiesOf(section: CapabilitiesSection): Partial<Capabilities> {
  return camel(section)
}

/** The parts of a route that do not depend on where it goes, with the file's defaults. */
export function routeDefaults(config: Config): Pick<Route, 'timeouts' | 'retry' | 'circuit'> {
  const { max_retries, backoff_ms } = config.retry
  const circuit = circuitOf(config, undefined, false)
  return {
    timeouts: camel(config.timeouts),
    retry: { maxRetries: max_retries, backoffMs: backoff_ms },
    ...(circuit === undefined ? {} : { circuit }),
  }
}

/** A circuit nobody asked for opens only when failures last: a few quick ones say little about a route. */
const UNASKED_SPAN_MILLISECONDS = 5_000
const UNASKED_MINIMUM_ATTEMPTS = 100

/** The circuit of a route: asked for by itself or by the file, else for routes that another can stand in for. */
export function circuitOf(
  config: Config,
  section: RouteSection['circuit'],
  hasOthers: boolean,
): Circuit | undefined {
  const isAsked = section !== undefined || config.circuit !== undefined
  const { enabled = isAsked || hasOthers, ...numbers } = {
    ...circuitSchema.parse({}),
    ...config.circuit,
    ...section,
  }
  if (!enabled) return undefined
  return isAsked
    ? { ...camel(numbers), failureSpanMs: 0 }
    : {
        ...camel(numbers),
        failureSpanMs: UNASKED_SPAN_MILLISECONDS,
        minimumAttempts: UNASKED_MINIMUM_ATTEMPTS,
      }
}

/** Every model of the configuration whose routes make sense; the others leave problems. */
export function buildModels(context: BuildContext, providers: ProviderSet): ModelEntry[] {
  return Object.entries(context.config.models).flatMap(([name, section]) => {
    const path = ['models', name]
    const placed = routesOf(section, path, context)
    const routes = placed.flatMap(({ route, path: at }) => {
      const provider = providers.require(route.provider, [...at, 'provider'])
      checkTimeouts(route, at, context)
      checkModelName(route, name, at, context)
      return provider === undefined
        ? []
        : [buildRoute(name, route, provider, section, context.config, placed.length > 1)]
    })
    return routes.length === 0 ? [] : [buildEntry(name, section, routes, context.config)]
  })
}

interface PlacedRoute {
  route: RouteSection
  path: Path
}

function routesOf(section: ModelSection, path: Path, context: BuildContext): PlacedRoute[] {
  const { primary, fallback, routes } = section
  const { problems, report, removed } = context
  const isWhole = !touches(removed, [...path, 'primary']) && !touches(removed, [...path, 'routes'])
  if (routes !== undefined && (primary !== undefined || fallback !== undefined))
    problems.push(
      report([...path, 'routes'], 'either routes, or primary and fallback, not both', {
        part: 'key',
        value: false,
      }),
    )
  else if (routes === undefined && primary === undefined && isWhole)
    problems.push(report([...path, 'primary'], 'a primary route, or a list of routes'))
  const left = indexesLeft(removed, [...path, 'routes'], routes?.length ?? 0)
  return [
    ...(primary ? [{ route: primary, path: [...path, 'primary'] }] : []),
    ...(fallback ? [{ route: fallback, path: [...path, 'fallback'] }] : []),
    ...(routes ?? []).map((route, index) => ({ route, path: [...path, 'routes', left[index] ?? index] })),
  ]
}

function checkTimeouts(route: RouteSection, path: Path, { problems, report }: BuildContext): void {
  if (route.timeouts_ms !== undefined && route.timeouts?.total_ms !== undefined)
    problems.push(
      report([...path, 'timeouts_ms'], 'either timeouts_ms or timeouts.total_ms, not both', {
        part: 'key',
        value: false,
      }),
    )
}

function checkModelName(route: RouteSection, model: string, path: Path, context: BuildContext): void {
  if (canBeFilled(route.provider_model_id, model)) return
  const { problems, report } = context
  const expected = isPattern(model)
    ? 'no more * than the name of the model has, or any number when it has one'
    : 'a name without *: the name of the model has none that it could stand for'
  problems.push(report([...path, 'provider_model_id'], expected))
}

function buildRoute(
  name: string,
  route: RouteSection,
  provider: string,
  model: ModelSection,
  config: Config,
  hasOthers: boolean,
): Route {
  const { region, project, weight, when, timeouts_ms } = route
  const circuit = circuitOf(config, route.circuit, hasOthers)
  const defaults = routeDefaults(config)
  const capabilities = {
    ...capabilitiesOf(model.capabilities ?? {}),
    ...capabilitiesOf(route.capabilities ?? {}),
  }
  return {
    provider,
    model: route.provider_model_id,
    ...(isPattern(name) && isPattern(route.provider_model_id) ? { pattern: route.provider_model_id } : {}),
    ...(region === undefined ? {} : { region }),
    ...(project === undefined ? {} : { project }),
    ...(weight === undefined ? {} : { weight }),
    timeouts: overlay(
      defaults.timeouts,
      camel({ ...route.timeouts, ...(timeouts_ms && { total_ms: timeouts_ms }) }),
    ),
    retry: overlay(defaults.retry, camel(route.retry ?? {})),
    ...(when === undefined ? {} : { when: when as RouteCondition }),
    ...(circuit === undefined ? {} : { circuit }),
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
  }
}

function buildEntry(name: string, section: ModelSection, routes: Route[], config: Config): ModelEntry {
  const { temperature, max_tokens } = section.defaults ?? {}
  const displayName = section.display_name ?? config.model_list.display_names[name]
  return {
    name,
    ...(displayName === undefined ? {} : { displayName }),
    ...(section.owned_by === undefined ? {} : { ownedBy: section.owned_by }),
    ...(section.created === undefined ? {} : { created: section.created }),
    ...(section.aliases?.length ? { aliases: section.aliases } : {}),
    routes,
    ...balanceOf(section, routes),
    defaults: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(max_tokens === undefined ? {} : { maxOutputTokens: max_tokens }),
    },
  }
}

/**
 * How one of several routes is chosen, and what goes with it. Who asks for a list of routes to be sticky wants the
 * conversations shared out over them; a primary route and its fallback stay what they are called.
 */
function balanceOf(
  { balance, sticky, hedge, deadline_ms, routes: list }: ModelSection,
  routes: readonly Route[],
): Pick<ModelEntry, 'balance' | 'sticky' | 'hedge' | 'deadlineMs'> {
  const isSticky = sticky !== undefined && sticky !== false
  const isShared = routes.some(({ weight }) => weight !== undefined) || (isSticky && list !== undefined)
  return {
    balance: balance ?? (isShared ? 'weight' : 'order'),
    ...(isSticky ? { sticky: sticky === true ? 'either' : sticky } : {}),
    ...(hedge === undefined ? {} : { hedge: camel(hedge) }),
    ...(deadline_ms === undefined ? {} : { deadlineMs: deadline_ms }),
  }
}
