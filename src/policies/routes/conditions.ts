import { matches } from '../../config/resolve.ts'
import type { RouteCondition } from '../../config/snapshot.ts'
import type { Call } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import { type Barrier, barrierTo, isConfined } from '../authorise.ts'

/** What a call has to be for its conditions; `stream` is left out where it makes no difference. */
export type Asking = Pick<Call, 'identity' | 'snapshot' | 'record'> & { stream?: boolean }

/** Each part of a condition: who it lets through, and in words who that is. */
const parts: readonly {
  fits(when: RouteCondition, asking: Asking): boolean
  words(when: RouteCondition): string
}[] = [
  {
    fits: ({ tenants }, { identity }) => tenants === undefined || matches(identity.tenant, tenants),
    words: () => 'other tenants',
  },
  {
    fits: ({ tags = {} }, { identity }) => {
      const own = identity.key?.tags ?? {}
      return Object.entries(tags).every(
        ([name, pattern]) => Object.hasOwn(own, name) && matches(own[name] ?? '', [pattern]),
      )
    },
    words: () => 'keys with other tags',
  },
  {
    fits: ({ stream }, asking) =>
      stream === undefined || asking.stream === undefined || stream === asking.stream,
    words: ({ stream }) => (stream ? 'streamed calls' : 'calls that are not streamed'),
  },
]

/** How many refused targets an error names. */
const MAXIMUM_NAMED = 10

export interface Permitted {
  targets: readonly Target[]
  /** Targets that the caller's key keeps it from, by name. */
  refused: readonly string[]
}

/**
 * The targets this call may be sent to: those whose conditions it meets, and of these the ones its key allows. The
 * others are noted in its record. Throws 403 when nothing is left, with the names of what the key may not use (B9).
 */
export function permitted(asking: Asking, model: string, targets: readonly Target[]): Permitted {
  const fitting = meeting(asking, model, targets)
  if (!isConfined(asking.identity)) return { targets: fitting, refused: [] }
  const refusals = new Map<Target, Barrier>()
  for (const target of fitting) {
    const barrier = barrierTo(asking.identity, target, asking.snapshot)
    if (barrier !== undefined) refusals.set(target, barrier)
  }
  if (refusals.size === 0) return { targets: fitting, refused: [] }
  const refused = [...refusals.keys()].map(({ label }) => label)
  passOver(asking, refused, 'not_permitted')
  if (refusals.size === fitting.length) throw notPermitted(model, refusals)
  return { targets: fitting.filter((target) => !refusals.has(target)), refused }
}

function meeting(asking: Asking, model: string, targets: readonly Target[]): readonly Target[] {
  if (targets.every(({ when }) => when === undefined)) return targets
  const unmet = new Map<Target, string[]>()
  for (const target of targets) {
    const { when } = target
    const words = when ? parts.filter((part) => !part.fits(when, asking)).map((part) => part.words(when)) : []
    if (words.length > 0) unmet.set(target, words)
  }
  if (unmet.size === 0) return targets
  passOver(
    asking,
    [...unmet.keys()].map(({ label }) => label),
    'condition',
  )
  if (unmet.size === targets.length) throw noneForThis(model, [...unmet.values()].flat())
  return targets.filter((target) => !unmet.has(target))
}

function passOver({ record }: Asking, labels: readonly string[], reason: string): void {
  ;(record.passedOver ??= []).push(...labels.map((target) => ({ target, reason })))
}

function noneForThis(model: string, words: readonly string[]): GatewayError {
  return new GatewayError(
    'forbidden',
    `model: none of the routes of "${model}" is for this call; they are for ${[...new Set(words)].join(', or ')}`,
    { param: 'model', code: 'route_not_allowed' },
  )
}

function notPermitted(model: string, refusals: ReadonlyMap<Target, Barrier>): GatewayError {
  const named = [...refusals].map(([{ label }, barrier]) => `${label} (by its ${barrier})`)
  return new GatewayError(
    'forbidden',
    `model: this API key may not use what "${model}" stands for: ${listed(named)}`,
    { param: 'model', code: 'target_not_allowed' },
  )
}

export function listed(names: readonly string[]): string {
  const more = names.length > MAXIMUM_NAMED ? ` and ${names.length - MAXIMUM_NAMED} more` : ''
  return names.slice(0, MAXIMUM_NAMED).join(', ') + more
}
