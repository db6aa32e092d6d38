import type { Snapshot } from '../config/snapshot.ts'

const METHODS = 'GET, POST, OPTIONS'
const EXPOSED =
  'x-request-id, request-id, retry-after, x-should-retry, x-xjp-provider, x-xjp-target, x-xjp-attempts, x-xjp-dropped, ' +
  'x-xjp-cost, x-xjp-estimated, x-xjp-limit, idempotency-replayed, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, ' +
  'x-ratelimit-limit-requests, x-ratelimit-remaining-requests, x-ratelimit-reset-requests, ' +
  'x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens'
const MAX_AGE_SECONDS = '600'

/** A page served from this machine. */
const loopback = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/**
 * The value for `access-control-allow-origin`, or undefined when the origin may not call. Without a configured list
 * every page may where keys are always asked for, because no page knows one; elsewhere only pages of this machine, for
 * no web site shall spend the owner's money through the owner's browser.
 */
export function allowedOrigin(snapshot: Snapshot, origin: string): string | undefined {
  const { origins } = snapshot.server.cors
  if (origins === undefined && snapshot.auth.mode === 'keys') return '*'
  if (origins === undefined) return loopback.test(origin) ? origin : undefined
  if (origins.includes('*')) return '*'
  return origins.includes(origin) ? origin : undefined
}

export function corsHeaders(snapshot: Snapshot, origin: string): [string, string][] {
  const allowed = allowedOrigin(snapshot, origin)
  if (allowed === undefined) return []
  return [
    ['access-control-allow-origin', allowed],
    ['access-control-expose-headers', EXPOSED],
    ['vary', 'origin'],
  ]
}

export function preflight(snapshot: Snapshot, origin: string, headers: Headers): Response {
  const allowed = corsHeaders(snapshot, origin)
  if (allowed.length === 0) return new Response(null, { status: 403 })
  return new Response(null, {
    status: 204,
    headers: [
      ...allowed,
      ['access-control-allow-methods', METHODS],
      // Clients send a dozen headers of their own; none of them is a secret between page and gateway.
      ['access-control-allow-headers', headers.get('access-control-request-headers') ?? '*'],
      ['access-control-max-age', MAX_AGE_SECONDS],
    ],
  })
}
