import type { ModelEntry, Snapshot } from '../config/snapshot.ts'
import type { Identity, Policy } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { capabilitiesOf } from '../providers/capabilities.ts'
import { findProvider } from '../providers/list.ts'
import { mayUse } from './authorise.ts'

/** Names are looked up once a configuration; a flood of invented names cannot grow this. */
const MAXIMUM_CACHED = 10_000
const cache = new WeakMap<Snapshot, Map<string, Routed>>()

interface Routed {
  targets: readonly Target[]
  defaults: ModelEntry['defaults']
}

/** Adds the call's targets: the routes of the model it asked for, in order of preference. */
export const route: Policy = (next) => (call) => {
  const { targets, defaults } = routed(call.snapshot, call.request.model, call.identity)
  call.targets = targets
  call.request = withDefaults(call.request, defaults)
  return next(call)
}

/** The configuration's values for what the request leaves out. */
function withDefaults(request: ChatRequest, defaults: ModelEntry['defaults']): ChatRequest {
  const { temperature, maxOutputTokens } = defaults
  const warms = temperature !== undefined && request.temperature === undefined
  const bounds = maxOutputTokens !== undefined && request.maxOutputTokens === undefined
  if (!warms && !bounds) return request
  return { ...request, ...(warms ? { temperature } : {}), ...(bounds ? { maxOutputTokens } : {}) }
}

/** The targets of a public name; throws `model_not_found` with the nearest names that the caller may use. */
export function targetsOf(snapshot: Snapshot, model: string, identity: Identity): readonly Target[] {
  return routed(snapshot, model, identity).targets
}

function routed(snapshot: Snapshot, model: string, identity: Identity): Routed {
  let known = cache.get(snapshot)
  if (!known) cache.set(snapshot, (known = new Map()))
  const found = known.get(model)
  if (found) return found
  const entry = snapshot.resolve(model)
  if (!entry) throw unknownModel(snapshot, model, identity)
  const made = build(snapshot, model, entry)
  if (known.size < MAXIMUM_CACHED) known.set(model, made)
  return made
}

function build(snapshot: Snapshot, model: string, entry: ModelEntry): Routed {
  const targets = entry.routes.map((wanted): Target => {
    const settings = snapshot.providers[wanted.provider]
    const provider = settings && findProvider(settings.type)
    if (!settings || !provider)
      throw new GatewayError(
        'internal',
        `The route of ${model} names the provider ${wanted.provider}, which is not configured`,
      )
    const merged = {
      ...settings,
      project: wanted.project ?? settings.project,
      region: wanted.region ?? settings.region,
    }
    const dialect = provider.kind === 'http' ? provider.dialect(wanted.model, merged) : undefined
    return {
      provider,
      settings: merged,
      model: wanted.model,
      label: `${settings.name}/${wanted.model}`,
      dialect,
      capabilities: capabilitiesOf(
        provider.id,
        dialect ?? 'chat-completions',
        wanted.model,
        wanted.capabilities,
      ),
      timeouts: wanted.timeouts,
      retry: wanted.retry,
      route: `${entry.name} → ${settings.name}/${wanted.model}${wanted.region === undefined ? '' : `@${wanted.region}`}`,
      publicModel: entry.name,
      weight: wanted.weight ?? 1,
      ...(wanted.circuit === undefined ? {} : { circuit: wanted.circuit }),
      ...(wanted.when === undefined ? {} : { when: wanted.when }),
    }
  })
  return { targets, defaults: entry.defaults }
}

function unknownModel(snapshot: Snapshot, model: string, identity: Identity): GatewayError {
  const near = snapshot.nearest(model).filter((name) => mayUse(identity, name))
  const hint = near.length > 0 ? ` Did you mean ${near.map((name) => `"${name}"`).join(' or ')}?` : ''
  return new GatewayError(
    'model_not_found',
    `model: "${model}" is not served here.${hint} GET /v1/models lists what is.`,
    {
      param: 'model',
      code: 'model_not_found',
    },
  )
}
