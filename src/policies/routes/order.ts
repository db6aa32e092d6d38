import type { Balance, ModelEntry, Snapshot } from '../../config/snapshot.ts'
import type { Call } from '../../pipeline/call.ts'
import type { Target } from '../../pipeline/target.ts'
import type { Resilience } from '../../resilience/resilience.ts'
import { costOf, priceOf } from '../../usage/prices.ts'
import { byConversation, conversationOf } from './sticky.ts'

/** What the order of targets depends on besides the call. */
export interface OrderOutside {
  resilience: Pick<Resilience, 'latencyOf'>
  /** Uniform in [0, 1). */
  random(): number
}

export interface Ordered {
  targets: readonly Target[]
  /** What chose the first. */
  by: Balance | 'sticky'
}

/** Puts several targets of a model into the order in which they are tried. */
export function ordered(
  call: Call,
  { balance = 'order', sticky }: ModelEntry,
  targets: readonly Target[],
  outside: OrderOutside,
): Ordered {
  const { isShared, sort } = balances[balance]
  // Where every call has the same first target, conversations stay there by themselves.
  const conversation = isShared && sticky !== undefined ? conversationOf(call, sticky) : undefined
  if (conversation !== undefined) return { targets: byConversation(conversation, targets), by: 'sticky' }
  return { targets: sort(targets, outside, call.snapshot), by: balance }
}

interface Rule {
  /** Calls of the same model go to several targets at the same time. */
  isShared: boolean
  sort(targets: readonly Target[], outside: OrderOutside, snapshot: Snapshot): readonly Target[]
}

const balances: Readonly<Record<Balance, Rule>> = {
  order: { isShared: false, sort: (targets) => targets },
  weight: { isShared: true, sort: byWeight },
  latency: { isShared: true, sort: byLatency },
  price: { isShared: false, sort: (targets, _, snapshot) => byPrice(targets, snapshot) },
}

/** Drawn one after the other, each with the chance that its weight gives it among those that are left. */
function byWeight(targets: readonly Target[], { random }: OrderOutside): Target[] {
  const left = [...targets]
  let sum = left.reduce((total, { weight }) => total + weight, 0)
  const drawn: Target[] = []
  while (left.length > 1) {
    let point = random() * sum
    let at = 0
    while (at < left.length - 1 && point >= (left[at] as Target).weight) {
      point -= (left[at] as Target).weight
      at += 1
    }
    const [target] = left.splice(at, 1) as [Target]
    sum -= target.weight
    drawn.push(target)
  }
  return [...drawn, ...left]
}

/** Targets whose times differ by less than this share the calls, so that a hair's breadth does not decide for all. */
const NEARLY_AS_FAST = 0.2

/**
 * The soonest first. A target that nothing is known of counts as the soonest that is: it gets its share of the calls
 * until it was measured, and not all of them. What was not measured for a while is forgotten by and by
 * (`Resilience.latencyOf`), so that a slow target is tried again.
 */
function byLatency(targets: readonly Target[], { resilience, random }: OrderOutside): Target[] {
  const times = targets.map((target) => resilience.latencyOf(target))
  const soonest = Math.min(...times.filter((time) => time !== undefined))
  const unknown = Number.isFinite(soonest) ? soonest : 1
  return targets
    .map((target, index) => ({
      target,
      time: (times[index] ?? unknown) * (1 + NEARLY_AS_FAST * random()),
    }))
    .sort((a, b) => a.time - b.time)
    .map(({ target }) => target)
}

/** What prices are compared by: three tokens in for one out is how chats and agents mostly are. */
const USUAL_MIX = { inputTokens: 3_000, outputTokens: 1_000 }

const sorted = new WeakMap<readonly Target[], readonly Target[]>()

/** The cheapest first, those without a price last; of equals the first of the file. */
function byPrice(targets: readonly Target[], snapshot: Snapshot): readonly Target[] {
  let found = sorted.get(targets)
  if (!found) {
    const costs = new Map(targets.map((target) => [target, costOfUsual(target, snapshot)]))
    found = [...targets].sort((a, b) => compared(costs.get(a), costs.get(b)))
    sorted.set(targets, found)
  }
  return found
}

function costOfUsual({ settings, model }: Target, snapshot: Snapshot): bigint | undefined {
  const price = priceOf(snapshot, settings.name, model)
  return price && costOf(price, USUAL_MIX)
}

function compared(a: bigint | undefined, b: bigint | undefined): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  return a < b ? -1 : Number(a > b)
}
