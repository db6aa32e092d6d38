import { matches } from '../config/resolve.ts'
import type { Identity, Policy } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'

/**
 * Refuses models that the caller's key is not for. It stands before everything that says whether a model exists, so
 * that a key learns nothing about what it may not use.
 */
export const authorise: Policy = (next) => (call) => {
  checkScope(call.identity, call.request.model)
  return next(call)
}

/** Throws 403 when the key is not for this model. */
export function checkScope(identity: Identity, model: string): void {
  if (mayUse(identity, model)) return
  throw new GatewayError('forbidden', `model: this API key may not use "${model}"`, {
    param: 'model',
    code: 'model_not_allowed',
  })
}

/**
 * Whether a key is for a model. `model` is the public name exactly as the client spelled it: scopes only ever allow, so
 * another spelling of a name (case, a path, an alias) is another name, and can only be refused (promise D12). Without
 * scopes a key is for every model.
 */
export function mayUse({ key }: Identity, model: string): boolean {
  return key === undefined || key.scopes.length === 0 || matches(model, key.scopes)
}
