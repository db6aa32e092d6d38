import type { Address } from '../../platform/connect.ts'

/** A URL as the client uses it. */
export interface Place {
  address: Address
  /** Connections to the same origin are shared. */
  origin: string
  /** The URL without its query: what answers in a time of its own. */
  path: string
  /** Path and query, as in the request line. */
  target: string
  hostHeader: string
}

export function placeOf(url: URL): Place {
  const tls = url.protocol === 'https:'
  return {
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (tls ? 443 : 80)),
      tls,
    },
    origin: url.origin,
    path: url.origin + url.pathname,
    target: url.pathname + url.search,
    hostHeader: url.host,
  }
}
