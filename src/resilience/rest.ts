import type { Target } from '../pipeline/target.ts'
import type { ErrorKind, GatewayError } from '../protocol/model/error.ts'

/** With these an upstream may say how long it wants to be left alone (429, 503, 529). */
const asksForRest: ReadonlySet<ErrorKind> = new Set(['rate_limited', 'overloaded', 'quota_exhausted'])

/** Another credential may do better; this one is looked at again after a while. */
const CREDENTIAL_REST_MILLISECONDS = 60_000
/** Whether such an error speaks of the credential for all models, or for this one. */
const ofTheCredential: ReadonlyMap<ErrorKind, boolean> = new Map<ErrorKind, boolean>([
  ['upstream_unauthenticated', true],
  ['quota_exhausted', false],
])

/** How long something is left alone: the credential as a whole, or for the target's model only. */
interface Rest {
  isWhole: boolean
  milliseconds: number
}

/** The rest an error asks for. Without another credential a refused one is tried on: the next call may be right. */
export function restOf({ kind, details }: GatewayError, target: Target): Rest | undefined {
  // Places inside the machine keep their own queue.
  if (target.provider.kind === 'local' || details.final) return undefined
  const asked = (details.retryAfterSeconds ?? 0) * 1_000
  if (asksForRest.has(kind) && asked > 0) return { isWhole: false, milliseconds: asked }
  const isWhole = ofTheCredential.get(kind)
  const hasOthers = target.siblings !== undefined && target.siblings.length > 1
  return isWhole === undefined || !hasOthers
    ? undefined
    : { isWhole, milliseconds: CREDENTIAL_REST_MILLISECONDS }
}
