import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { BuildContext, ProviderSet } from './build-providers.ts'
import { camel, overlay } from './camel.ts'
import type { Path } from './place.ts'
import { indexesLeft } from './pruned.ts'
import type { Config } from './schema.ts'
import type { ModelSection, RouteSection } from './schema-model.ts'
import type { ModelEntry, Route } from './snapshot.ts'
import { touches } from './systems/system.ts'

type CapabilitiesSection = NonNullable<RouteSection['capabilities']>

function capabilitiesOf(section: CapabilitiesSection): Partial<Capabilities> {
  return camel(section)
}

/** The parts of a route that do not depend on where it goes, with the file's defaults. */
export function routeDefaults(config: Config): Pick<Route, 'timeouts' | 'retry'> {
  return { timeouts: camel(config.timeouts), retry: camel(config.retry) }
}

/** Every model of the configuration whose routes make sense; the others leave problems. */
export function buildModels(context: BuildContext, providers: ProviderSet): ModelEntry[] {
  return Object.entries(context.config.models).flatMap(([name, section]) => {
    const path = ['models', name]
    const routes = routesOf(section, path, context).flatMap(({ route, path: at }) => {
      const provider = providers.require(route.provider, [...at, 'provider'])
      checkTimeouts(route, at, context)
      return provider === undefined ? [] : [buildRoute(route, provider, section, context.config)]
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

function buildRoute(route: RouteSection, provider: string, model: ModelSection, config: Config): Route {
  const { region, project, weight, circuit, timeouts_ms } = route
  const defaults = routeDefaults(config)
  const capabilities = {
    ...capabilitiesOf(model.capabilities ?? {}),
    ...capabilitiesOf(route.capabilities ?? {}),
  }
  return {
    provider,
    model: route.provider_model_id,
    ...(region === undefined ? {} : { region }),
    ...(project === undefined ? {} : { project }),
    ...(weight === undefined ? {} : { weight }),
    timeouts: overlay(
      defaults.timeouts,
      camel({ ...route.timeouts, ...(timeouts_ms && { total_ms: timeouts_ms }) }),
    ),
    retry: overlay(defaults.retry, camel(route.retry ?? {})),
    ...(circuit === undefined ? {} : { circuit: camel(circuit) }),
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
    routes,
    defaults: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(max_tokens === undefined ? {} : { maxOutputTokens: max_tokens }),
    },
  }
}
