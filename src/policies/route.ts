import type { Snapshot } from '../config/snapshot.ts'
import type { Policy } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { capabilitiesOf } from '../providers/capabilities.ts'
import { findProvider } from '../providers/list.ts'

/** Names are looked up once a configuration; a flood of invented names cannot grow this. */
const MAXIMUM_CACHED = 10_000
const cache = new WeakMap<Snapshot, Map<string, readonly Target[]>>()

/** Adds the call's targets: the routes of the model it asked for, in order of preference. */
export const route: Policy = (next) => (call) => {
  call.targets = targetsOf(call.snapshot, call.request.model)
  applyDefaults(call)
  return next(call)
}

function applyDefaults(call: Parameters<ReturnType<Policy>>[0]): void {
  const defaults = call.snapshot.resolve(call.request.model)?.defaults
  if (!defaults) return
  const { temperature, maxOutputTokens } = call.request
  call.request = {
    ...call.request,
    ...(temperature === undefined && defaults.temperature !== undefined
      ? { temperature: defaults.temperature }
      : {}),
    ...(maxOutputTokens === undefined && defaults.maxOutputTokens !== undefined
      ? { maxOutputTokens: defaults.maxOutputTokens }
      : {}),
  }
}

/** The targets of a public name; throws `model_not_found` with the nearest names. */
export function targetsOf(snapshot: Snapshot, model: string): readonly Target[] {
  let known = cache.get(snapshot)
  if (!known) cache.set(snapshot, (known = new Map()))
  const found = known.get(model)
  if (found) return found
  const targets = build(snapshot, model)
  if (known.size < MAXIMUM_CACHED) known.set(model, targets)
  return targets
}

function build(snapshot: Snapshot, model: string): readonly Target[] {
  const entry = snapshot.resolve(model)
  if (!entry) throw unknownModel(snapshot, model)
  return entry.routes.map((wanted): Target => {
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
    }
  })
}

function unknownModel(snapshot: Snapshot, model: string): GatewayError {
  const near = snapshot.nearest(model)
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
