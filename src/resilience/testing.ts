import type { Circuit, ModelEntry, Route, Snapshot } from '../config/snapshot.ts'
import { routeName, type Target } from '../pipeline/target.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { MemoryAnnouncements } from '../store/memory/announcements.ts'
import type { Announcements } from '../store/ports/shared-state.ts'
import { createResilience } from './create.ts'
import type { Pass, Resilience, ResilienceEvent, Standing } from './resilience.ts'

export const circuit: Circuit = {
  failureThreshold: 3,
  failureSpanMs: 0,
  failureRate: 0.5,
  windowMs: 10_000,
  minimumAttempts: 10,
  openMs: 5_000,
  probes: 1,
  successThreshold: 2,
}

/** What of a configuration the memory of upstreams reads. */
export function snapshotOf(models: Readonly<Record<string, readonly Partial<Route>[]>>): Snapshot {
  const entries = Object.entries(models).map(([name, routes]): [string, ModelEntry] => {
    const made = routes.map((route) => ({ provider: 'a', model: 'x', ...route }) as Route)
    return [name, { name, routes: made, defaults: {} }]
  })
  const known: Partial<Snapshot> = {
    models: new Map(entries.filter(([name]) => !name.includes('*'))),
    wildcards: entries.filter(([name]) => name.includes('*')).map(([, entry]) => entry),
    providers: { a: {} as Snapshot['providers'][string], b: {} as Snapshot['providers'][string] },
  }
  return known as Snapshot
}

/** The target of a model's route in a snapshot. */
export function targetIn(snapshot: Snapshot, model: string, place = 0): Target {
  const entry = snapshot.models.get(model) ?? snapshot.wildcards.find(({ name }) => name === model)
  const route = entry?.routes[place]
  if (!entry || !route) throw new Error(`${model} has no such route`)
  return targetOf(route.provider, route.model, {
    route: routeName(entry, route),
    publicModel: entry.name,
    ...(route.circuit === undefined ? {} : { circuit: route.circuit }),
  })
}

export function targetOf(provider: string, model: string, more: Partial<Target> = {}): Target {
  const label = `${provider}/${model}`
  const target: Partial<Target> = {
    provider: { kind: 'http' } as Target['provider'],
    settings: { name: provider, baseUrl: '', headers: {}, options: {} },
    model,
    label,
    route: `m → ${label}`,
    publicModel: 'm',
    ...more,
  }
  return target as Target
}

/** A target with each of some credentials: gives the first. */
export function targetWith(...credentials: readonly { name: string; concurrency?: number }[]): Target {
  const siblings: Target[] = []
  for (const credential of credentials) siblings.push(targetOf('a', 'x', { credential, siblings }))
  return siblings[0] as Target
}

/** What the worlds' upstreams must not say to anybody. */
export const SECRET = 'sk-planted-0123456789'

interface World {
  resilience: Resilience
  /** The clocks: that of people and the one that nobody should set. */
  time: { wall: number; monotonic: number }
  advance(milliseconds: number): void
  /** Replaces the configuration. */
  reload(snapshot: Snapshot): void
  events: ResilienceEvent[]
  /** The changes of circuits: `closed → open`. */
  changes(): string[]
}

export function newWorld(
  snapshot: Snapshot = snapshotOf({}),
  announcements: Announcements = new MemoryAnnouncements(),
): World {
  const time = { wall: 1_790_000_000_000, monotonic: 1_000_000 }
  const events: ResilienceEvent[] = []
  let current = snapshot
  const resilience = createResilience({
    now: () => time.wall,
    monotonic: () => time.monotonic,
    announcements,
    snapshot: () => current,
    clean: (text) => text.replaceAll(SECRET, '***'),
    onEvent: (event) => events.push(event),
  })
  return {
    resilience,
    time,
    events,
    advance(milliseconds) {
      time.wall += milliseconds
      time.monotonic += milliseconds
    },
    reload(next) {
      current = next
    },
    changes: () =>
      events.flatMap((event) => (event.type === 'circuit' ? [`${event.from} → ${event.to}`] : [])),
  }
}

export const failed = new GatewayError('upstream_failed', 'it failed')
export const refused = new GatewayError('invalid_request', 'the request was wrong')

export function isPass(given: Pass | Standing): given is Pass {
  return 'end' in given
}

/** Leave for an attempt that must be given. */
export function entered(resilience: Resilience, target: Target): Pass {
  const given = resilience.enter(target)
  if (!isPass(given)) throw new Error(`not open: ${JSON.stringify(given)}`)
  return given
}

/** One attempt from its beginning to its end. */
export function attempted(
  resilience: Resilience,
  target: Target,
  kind: 'success' | 'failure' | 'neutral',
): void {
  const pass = entered(resilience, target)
  if (kind === 'success') pass.end({ kind, firstContentMs: 100 })
  else pass.end({ kind, error: kind === 'failure' ? failed : refused })
  pass.release()
}

/** A 429 that asks for so many seconds; nothing for none. */
export function limited(retryAfterSeconds?: number): GatewayError {
  return new GatewayError('rate_limited', 'slow down', {
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    upstream: { dialect: 'messages', status: 429, body: '{"error":{"message":"slow down"}}' },
  })
}
