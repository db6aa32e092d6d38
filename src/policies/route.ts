import type { ModelEntry, Snapshot } from '../config/snapshot.ts'
import type { Call, Identity, Policy, Reply } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import type { Pass, Resilience } from '../resilience/resilience.ts'
import { barrierTo, isConfined, mayUse } from './authorise.ts'
import { listed, permitted } from './routes/conditions.ts'
import { type OrderOutside, ordered } from './routes/order.ts'
import { targetsFor } from './routes/targets.ts'

/** Names are looked up once a configuration; a flood of invented names cannot grow this. */
const MAXIMUM_CACHED = 10_000
/** Nor can a few that are as long as a body may be. */
const MAXIMUM_CACHED_CHARACTERS = 256
const cache = new WeakMap<Snapshot, Map<string, Routed>>()

interface Routed {
  entry: ModelEntry
  /** One a route, in the order of the configuration. */
  targets: readonly Target[]
  /** One route for everybody: there is nothing to choose. */
  isPlain: boolean
}

/** Names the targets that the caller's key kept the call from, on every answer (promise B9). */
const REFUSED_HEADER = 'x-xjp-not-permitted'

/**
 * Adds the call's targets: the routes of the model it asked for that are for this call, in the order in which they are
 * to be tried. Routes that are closed for a while stay among them: whoever tries them passes over them.
 */
export const route =
  (outside: OrderOutside): Policy =>
  (next) =>
  (call) => {
    const routed = routedFor(call)
    const { entry, targets } = routed
    call.request = withDefaults(call.request, entry.defaults)
    // What is kept of a call speaks of the model, whatever name it was asked for by.
    if (call.record.model !== entry.name) call.record.model = entry.name
    const isFree = !isConfined(call.identity)
    if (routed.isPlain && isFree) {
      call.targets = targets
      return next(call)
    }
    const { refused } = choose(call, routed, outside)
    if (refused.length === 0) return next(call)
    call.replyHeaders[REFUSED_HEADER] = listed(refused)
    return next(call).catch((thrown: unknown) => throwNaming(refused, thrown))
  }

/** Fills in the targets that are for this call, ordered; gives the names of those that its key is not for. */
function choose(
  call: Call,
  { entry, targets }: Routed,
  outside: OrderOutside,
): { refused: readonly string[] } {
  const { identity, snapshot, record, request } = call
  const asking = { identity, snapshot, record, stream: request.stream }
  const found = permitted(asking, request.model, targets)
  call.targets = found.targets
  if (found.targets.length > 1) {
    const { targets: inOrder, by } = ordered(call, entry, found.targets, outside)
    call.targets = inOrder
    record.balance = by
  }
  if (targets.length > 1) record.considered = call.targets
  return found
}

/** The error, with what was not tried for want of a right to it; an upstream's own words stay as they are. */
function throwNaming(refused: readonly string[], thrown: unknown): Promise<Reply> {
  if (!(thrown instanceof GatewayError) || thrown.kind === 'client_closed') throw thrown
  const { kind, message, details } = thrown
  throw new GatewayError(
    kind,
    `${message} (not tried, this API key may not use it: ${listed(refused)})`,
    details,
  )
}

/** The configuration's values for what the request leaves out. */
function withDefaults(request: ChatRequest, defaults: ModelEntry['defaults']): ChatRequest {
  const { temperature, maxOutputTokens } = defaults
  const warms = temperature !== undefined && request.temperature === undefined
  const bounds = maxOutputTokens !== undefined && request.maxOutputTokens === undefined
  if (!warms && !bounds) return request
  return { ...request, ...(warms ? { temperature } : {}), ...(bounds ? { maxOutputTokens } : {}) }
}

type Asked = Pick<Call, 'snapshot' | 'request' | 'identity'>

/**
 * All targets of the model a call asked for, whether or not they are for this call; throws `model_not_found` with the
 * nearest names that the caller may use.
 */
export function targetsOf(call: Asked): readonly Target[] {
  return routedFor(call).targets
}

/**
 * Where a call that makes no answer goes: the first open one of its targets, in the order of the configuration.
 * Undefined when none is open, or only to a probe; throws what the policy throws.
 */
export function countingTarget(call: Call, resilience: Pick<Resilience, 'enter'>): Pass | undefined {
  const { entry, targets } = routedFor(call)
  const { identity, snapshot, record, request } = call
  if (record.model !== entry.name) record.model = entry.name
  for (const target of permitted({ identity, snapshot, record }, request.model, targets).targets) {
    const found = resilience.enter(target)
    if ('open' in found) continue
    if (!found.probe) return found
    // A count says nothing of how the upstream does: the place is for a call that does.
    found.release()
  }
  return undefined
}

/** Whether a caller may use a model by its name, and at least one of the targets it stands for. */
export function isOpenTo(snapshot: Snapshot, identity: Identity, model: string): boolean {
  if (!mayUse(identity, model, snapshot)) return false
  if (!isConfined(identity)) return true
  const routed = lookUp(snapshot, model)
  return (
    routed === undefined ||
    routed.targets.some((target) => barrierTo(identity, target, snapshot) === undefined)
  )
}

function routedFor({ snapshot, request, identity }: Asked): Routed {
  const found = lookUp(snapshot, request.model)
  if (!found) throw unknownModel(snapshot, request.model, identity)
  return found
}

function lookUp(snapshot: Snapshot, model: string): Routed | undefined {
  let known = cache.get(snapshot)
  if (!known) cache.set(snapshot, (known = new Map()))
  const found = known.get(model)
  if (found) return found
  const entry = snapshot.resolve(model)
  if (!entry) return undefined
  const targets = targetsFor(snapshot, entry)
  const made = { entry, targets, isPlain: targets.length === 1 && targets[0]?.when === undefined }
  if (known.size < MAXIMUM_CACHED && model.length <= MAXIMUM_CACHED_CHARACTERS) known.set(model, made)
  return made
}

function unknownModel(snapshot: Snapshot, model: string, identity: Identity): GatewayError {
  const near = snapshot.nearest(model).filter((name) => mayUse(identity, name, snapshot))
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
