import type { Gateway } from './gateway.ts'

function json(status: number, body: Record<string, unknown>): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}

/** Alive: the loop turns. Waits for nothing. */
export function health(gateway: Gateway): Response {
  return json(200, {
    status: 'ok',
    uptime_seconds: Math.floor((performance.now() - gateway.startedAt) / 1000),
  })
}

/**
 * Ready: a configuration is live and no drain has begun. A store that is down, and a journal of usage that fills
 * meanwhile, is told, but is no reason to send calls elsewhere: known keys, journal and the policies for its loss keep
 * this gateway answering.
 */
export function ready(gateway: Gateway): Response {
  if (gateway.draining) return json(503, { status: 'draining', active: gateway.active.count })
  const accounting = gateway.operations.accounting()
  return json(200, {
    status: 'ready',
    config_version: gateway.snapshot().version,
    stores: gateway.stores().map(({ store, up, since, reason }) => ({
      store,
      up,
      since: new Date(since).toISOString(),
      reason,
    })),
    ...(accounting === undefined ? {} : { accounting }),
  })
}
