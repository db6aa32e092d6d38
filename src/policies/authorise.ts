import { matches } from '../config/resolve.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { type Rights, rightsOf } from '../keys/scopes.ts'
import type { Identity, Policy } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import { parseDollars } from '../usage/money.ts'
import { priceOf, reservationOf } from '../usage/prices.ts'

type Names = Pick<Snapshot, 'aliases'>

/**
 * Refuses models that the caller's key is not for. It stands before everything that says whether a model exists, so
 * that a key learns nothing about what it may not use.
 */
export const authorise: Policy = (next) => (call) => {
  checkScope(call.identity, call.request.model, call.snapshot)
  return next(call)
}

/** Throws 403 when the key is not for this model. */
export function checkScope(identity: Identity, model: string, names: Names): void {
  if (mayUse(identity, model, names)) return
  throw new GatewayError('forbidden', `model: this API key may not use "${model}"`, {
    param: 'model',
    code: 'model_not_allowed',
  })
}

/**
 * Whether a key is for a model. `model` is the public name exactly as the client spelled it; an alias is the model it
 * stands for and nothing by itself. Scopes only ever allow, so another spelling of a name (case, a path) is another
 * name, and can only be refused (promise D12). Without scopes for models a key is for every model.
 */
export function mayUse({ key }: Identity, model: string, names: Names): boolean {
  if (key === undefined || key.scopes.length === 0) return true
  const { models } = rights(key)
  return models === undefined || matches(names.aliases.get(model) ?? model, models)
}

/** Which of a key's scopes keeps it from a target. */
export type Barrier = 'target' | 'region' | 'price'

/** Whether a key says where its calls may be sent; nearly none does. */
export function isConfined({ key }: Identity): boolean {
  if (key === undefined || key.scopes.length === 0) return false
  const { targets, regions, price } = rights(key)
  return targets !== undefined || regions !== undefined || price !== undefined
}

/** What keeps a key from a target; undefined when nothing does. What cannot be known is outside. */
export function barrierTo({ key }: Identity, target: Target, snapshot: Snapshot): Barrier | undefined {
  if (key === undefined) return undefined
  const { targets, regions, price } = rights(key)
  if (targets !== undefined && !matches(target.label, targets)) return 'target'
  if (regions !== undefined && !matches(target.settings.region ?? '', regions)) return 'region'
  if (price !== undefined && !costsAtMost(parseDollars(price), target, snapshot)) return 'price'
  return undefined
}

const A_MILLION = 1_000_000

/** Whether a million tokens of any kind cost no more. */
function costsAtMost(amount: bigint, { settings, model }: Target, snapshot: Snapshot): boolean {
  const price = priceOf(snapshot, settings.name, model)
  if (price === undefined) return false
  const input = reservationOf(price, { input: A_MILLION, output: 0 })
  const output = reservationOf(price, { input: 0, output: A_MILLION })
  return input <= amount && output <= amount
}

const known = new WeakMap<KeyRecord, Rights>()

/** Worked out once for a key as long as nothing of it changes. */
function rights(key: KeyRecord): Rights {
  let found = known.get(key)
  if (!found) known.set(key, (found = rightsOf(key.scopes)))
  return found
}
