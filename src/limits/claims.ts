import type { Call } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import type { Block } from '../protocol/model/block.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { estimateTokens } from '../protocol/model/estimate.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import type { Claim } from '../store/ports/shared-state.ts'
import { type Price, priceOf, reservationOf } from '../usage/prices.ts'
import { periodOf } from './period.ts'
import { type Plan, planFor } from './plan.ts'
import type { Planned, Rule } from './rule.ts'
import { thinkingOnTop } from './thinking.ts'

/** What is reserved for an answer whose length the request does not bound. */
const USUAL_OUTPUT_TOKENS = 4_096
const MOST_TOKENS = 1e15

const fixed = new WeakMap<Plan, Planned>()

/**
 * The limits a call is under and what it asks of each: one request, one slot, the tokens and the money it may come to.
 * Undefined when it is under none. Throws 403 `model_without_price` when a budget cannot be kept for want of a price.
 */
export function claimsFor(call: Call, now: number): Planned | undefined {
  const plan = planFor(call.snapshot, call.tenant, call.identity.key)
  if (!plan) return undefined
  return plan.fixed ? fixedClaims(plan) : variableClaims(plan, call, now)
}

const requestsOf = new WeakMap<Plan, Planned>()

/** As `claimsFor`, but only what counts requests: for calls that make no answer. */
export function requestClaimsFor(call: Call): Planned | undefined {
  const plan = planFor(call.snapshot, call.tenant, call.identity.key)
  if (!plan) return undefined
  let planned = requestsOf.get(plan)
  if (!planned) requestsOf.set(plan, (planned = claimsOfFixed(plan.rules.filter(isRequests))))
  return planned.rules.length > 0 ? planned : undefined
}

function isRequests({ category }: Rule): boolean {
  return category === 'requests'
}

function claimsOfFixed(rules: readonly Rule[]): Planned {
  return { rules, claims: rules.flatMap(({ measure }) => (measure.type === 'fixed' ? [measure.claim] : [])) }
}

function fixedClaims(plan: Plan): Planned {
  let planned = fixed.get(plan)
  if (!planned) fixed.set(plan, (planned = claimsOfFixed(plan.rules)))
  return planned
}

function variableClaims({ rules }: Plan, call: Call, now: number): Planned {
  const size = new RequestSize(call)
  return { rules, claims: rules.map((rule) => claimOf(rule, call, size, now)) }
}

function claimOf({ measure }: Rule, call: Call, size: RequestSize, now: number): Claim {
  switch (measure.type) {
    case 'fixed':
      return measure.claim
    case 'tokens': {
      const { name, limit, windowMs } = measure
      return { kind: 'window', name, limit, windowMs, amount: size.input + size.output(limit) }
    }
    case 'money': {
      const { name, limit, scope } = measure
      const { from, until } = periodOf(measure.period, now)
      return {
        kind: 'money',
        name: `${name}:${from}`,
        limit,
        scope,
        from,
        until,
        amount: dearest(call, size),
      }
    }
  }
}

/** The most a call can come to, counted once when it is asked for. */
class RequestSize {
  readonly #request: ChatRequest
  readonly #targets: readonly Target[]
  #input: number | undefined
  #images: number | undefined

  constructor({ request, targets }: Call) {
    this.#request = request
    this.#targets = targets
  }

  get input(): number {
    return (this.#input ??= estimateTokens(this.#request))
  }

  get images(): number {
    return (this.#images ??= this.#request.messages.reduce(
      (sum, message) => sum + imagesOf(message.content),
      0,
    ))
  }

  /** Without a bound of its own a request reserves the usual, and no more than the limit leaves beside its prompt. */
  output(limit = Number.POSITIVE_INFINITY): number {
    const { maxOutputTokens, candidates = 1 } = this.#request
    if (maxOutputTokens !== undefined) {
      const each = maxOutputTokens + thinkingOnTop(this.#request, this.#targets)
      // Beyond it numbers are no whole ones any more; every limit is far below.
      return Math.min(each * candidates, MOST_TOKENS)
    }
    return Math.min(USUAL_OUTPUT_TOKENS * candidates, Math.max(1, limit - this.input))
  }
}

function imagesOf(blocks: readonly Block[]): number {
  let images = 0
  for (const block of blocks) {
    if (block.type === 'media' && block.kind === 'image') images += 1
    else if (block.type === 'tool-result') images += imagesOf(block.content)
  }
  return images
}

/** The call may fall back to any of its targets: the dearest counts. */
function dearest(call: Call, size: RequestSize): bigint {
  const tokens = { input: size.input, output: size.output() }
  let most = 0n
  for (const target of call.targets) {
    const amount = reservationOf(pricedOr403(call, target), tokens, { images: size.images })
    if (amount > most) most = amount
  }
  return most
}

function pricedOr403(call: Call, target: Target): Price {
  const price = priceOf(call.snapshot, target.settings.name, target.model)
  if (price) return price
  throw new GatewayError(
    'forbidden',
    `model: "${call.request.model}" has no price here, so a budget cannot be kept; ask the operator to add [prices."${target.label}"]`,
    { param: 'model', code: 'model_without_price' },
  )
}
