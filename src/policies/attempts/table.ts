import type { RetryPolicy } from '../../config/snapshot.ts'
import type { Target } from '../../pipeline/target.ts'
import { type ErrorKind, type GatewayError, isUpstreamFault } from '../../protocol/model/error.ts'
import type { Outcome } from '../../resilience/resilience.ts'

/** What may be tried after a failure. */
interface Consequence {
  /** The same route, after a wait. */
  again?: true
  /** Another credential of the same provider, at once. */
  otherCredential?: true
  /** The next route. */
  onwards?: true
}

/** The published retry table (promise B1). What does not stand here ends the call: the request itself is at fault. */
const table: { readonly [Kind in ErrorKind]?: Consequence } = {
  rate_limited: { again: true, otherCredential: true, onwards: true },
  overloaded: { again: true, onwards: true },
  upstream_failed: { again: true, onwards: true },
  upstream_invalid: { again: true, onwards: true },
  timeout: { again: true, onwards: true },
  upstream_unauthenticated: { otherCredential: true, onwards: true },
  quota_exhausted: { otherCredential: true, onwards: true },
  payment_required: { otherCredential: true, onwards: true },
}

/** Failures that leave open whether the upstream did the work: it is not asked to do it again (promise B15). */
const workMayBeDone = new Set(['connection_lost', 'upstream_ended_early'])
/** An answer that is not HTTP will not be HTTP the next time. */
const LASTING_CODE = 'upstream_not_http'
/** Of all refusals with 4xx these pass: the vendor's own time-out, and too much of everything. */
const passingStatuses = new Set([408, 429])

/** Whether the same route may do better after a while. */
export function mayRetry({ kind, details }: GatewayError, policy: RetryPolicy): boolean {
  if (!table[kind]?.again || details.code === LASTING_CODE) return false
  if (workMayBeDone.has(details.code ?? '')) return policy.retryAfterSent
  const status = details.upstream?.status
  // A clock of ours that ran out: the upstream may be working on it still.
  if (kind === 'timeout' && status === undefined) return false
  return status === undefined || status < 400 || status > 499 || passingStatuses.has(status)
}

/** Whether another credential of the same provider may do better at once. */
export function mayChangeCredential({ kind }: GatewayError): boolean {
  return table[kind]?.otherCredential === true
}

/** Whether the next route may do better. */
export function mayFallBack({ kind }: GatewayError): boolean {
  return table[kind]?.onwards === true
}

const MAXIMUM_BACKOFF_MILLISECONDS = 8_000

/** Full jitter: uniform up to the base that doubles with every retry, and its cap (promise B6). */
export function backoff({ retry }: Target, retries: number, random: number): number {
  return random * Math.min(MAXIMUM_BACKOFF_MILLISECONDS, retry.backoffMs * 2 ** retries)
}

/** What the upstream asked for; never negative. */
export function askedMs({ details }: GatewayError): number {
  return Math.max(0, (details.retryAfterSeconds ?? 0) * 1000)
}

/** How a failure stands against its route. */
export function outcomeOf(error: GatewayError): Outcome {
  return { kind: isUpstreamFault(error) ? 'failure' : 'neutral', error }
}
