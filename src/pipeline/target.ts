import type { Circuit, ModelEntry, Route, RouteCondition } from '../config/snapshot.ts'
import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { Provider, ProviderSettings } from '../providers/provider.ts'
import type { Timeouts } from '../upstream/deadline.ts'

/** One provider and one of its models: where an attempt goes. */
export interface Target {
  provider: Provider
  settings: ProviderSettings
  /** The upstream's own name for the model. */
  model: string
  /** `provider/model`: the maker of opaque values, the label in logs. */
  label: string
  /** Absent for providers inside the machine. */
  dialect: DialectName | undefined
  capabilities: Capabilities
  timeouts: Timeouts
  retry: { maxRetries: number; backoffMs: number }
  /**
   * Names the route for its circuit, its measured times and its retry budget: the public model and where it leads,
   * for a wildcard or `provider/model` name the name as configured, so that clients cannot invent routes.
   */
  route: string
  /** The public model of the route, for `/status`. */
  publicModel: string
  circuit?: Circuit
  weight: number
  when?: RouteCondition
  /** Present when the provider has several: then `settings` holds this one's, and `siblings` all of them. */
  credential?: { name: string; concurrency?: number }
  /** The same target with each of the provider's credentials, this one included; absent when it has one. */
  siblings?: readonly Target[]
}

/** See `Target.route`; the part behind the arrow is the target as `/status` names it. */
export function routeName(
  entry: Pick<ModelEntry, 'name' | 'pattern'>,
  { provider, model, pattern = model, region }: Route,
): string {
  return `${publicName(entry)} → ${provider}/${pattern}${region === undefined ? '' : `@${region}`}`
}

/** See `Target.publicModel`. */
export function publicName({ name, pattern = name }: Pick<ModelEntry, 'name' | 'pattern'>): string {
  return pattern
}
