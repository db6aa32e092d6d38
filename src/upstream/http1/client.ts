import { clientClosed } from '../failure.ts'
import type { UpstreamRequest, UpstreamResponse } from '../request.ts'
import { exchange } from './exchange.ts'
import type { Place } from './place.ts'
import { ConnectionPool } from './pool.ts'

const connections = new ConnectionPool()

/** Sends one request over a kept connection, or a new one. Rejects with `GatewayError`s only. */
export function sendOverHttp1(
  request: UpstreamRequest,
  place: Place,
  pool: ConnectionPool = connections,
): Promise<UpstreamResponse> {
  if (request.signal.aborted) return Promise.reject(clientClosed(request.signal.reason))
  try {
    return exchange(request, place, pool)
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}
