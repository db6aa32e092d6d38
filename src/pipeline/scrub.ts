import { GatewayError } from '../protocol/model/error.ts'
import type { Call } from './call.ts'

/** The error without the secrets its upstream may have echoed; the same error when there are none. */
export function scrubbed(error: GatewayError, call: Pick<Call, 'scrub'>): GatewayError {
  const { upstream } = error.details
  const message = call.scrub(error.message)
  const body = upstream && call.scrub(upstream.body)
  if (message === error.message && body === upstream?.body) return error
  return new GatewayError(error.kind, message, {
    ...error.details,
    ...(upstream && body !== undefined ? { upstream: { ...upstream, body } } : {}),
  })
}
