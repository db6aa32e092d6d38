import type { Call } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { Closed, Standing } from '../../resilience/resilience.ts'

/** A target that could not be tried, and why. */
export interface ClosedTarget {
  target: Target
  standing: Extract<Standing, { open: false }>
}

const sentences: Record<Closed, string> = {
  circuit_open: 'failed too often lately',
  cooling: 'asked to be left alone',
  busy: 'has as many calls open as it may',
}

const LEAST_WAIT_MILLISECONDS = 1_000

/**
 * What the client hears when nothing could be tried: the upstream's own words when all of them are limiting us, else
 * 503. Both say when it may go better.
 */
export function nothingToTry(call: Call, closed: readonly ClosedTarget[]): GatewayError {
  if (closed.length === 0) return new GatewayError('internal', 'The model has no route')
  const waits = closed.map(({ standing }) => standing.retryMs ?? LEAST_WAIT_MILLISECONDS)
  const retryAfterSeconds = Math.min(...waits) / 1000
  const remembered = rememberedLimit(closed)
  if (remembered)
    return new GatewayError(remembered.kind, remembered.message, { ...remembered.details, retryAfterSeconds })
  const why = closed.map(({ target, standing }) => `${target.label} ${sentences[standing.reason]}`)
  return new GatewayError('unavailable', `No route of ${call.request.model} is open: ${why.join('; ')}`, {
    code: closed[0]?.standing.reason ?? 'unavailable',
    retryAfterSeconds,
  })
}

/** The first limit that an upstream named, when there is nothing but limits. */
function rememberedLimit(closed: readonly ClosedTarget[]): GatewayError | undefined {
  const errors = closed.map(({ standing }) => (standing.reason === 'cooling' ? standing.error : undefined))
  const isLimited = (error: GatewayError | undefined): boolean =>
    error?.kind === 'rate_limited' || error?.kind === 'quota_exhausted'
  return errors.every(isLimited) ? errors[0] : undefined
}
