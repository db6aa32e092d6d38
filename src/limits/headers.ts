import type { ClaimState } from '../store/ports/shared-state.ts'
import type { Rule } from './rule.ts'

type Headers = Record<string, string>

/**
 * `x-ratelimit-*` for the tightest limit of requests and of tokens: what is left, and when something is given back.
 * A client that waits `reset` when nothing is left gets in, if nobody else comes. After a refusal `retryMs` says when,
 * for all limits together, and `x-ratelimit-reset` is the same as `Retry-After`.
 */
export function addLimitHeaders(
  headers: Headers,
  rules: readonly Rule[],
  states: readonly ClaimState[],
  retryMs?: number,
): void {
  const requests = tightest(rules, states, isRequests)
  const tokens = tightest(rules, states, isTokens)
  if (requests !== undefined) {
    const { remaining, resetMs } = states[requests] as ClaimState
    const limit = String(limitOf(rules[requests] as Rule))
    headers['x-ratelimit-limit'] = limit
    headers['x-ratelimit-remaining'] = String(remaining)
    headers['x-ratelimit-reset'] = String(Math.ceil(resetMs / 1000))
    headers['x-ratelimit-limit-requests'] = limit
    headers['x-ratelimit-remaining-requests'] = String(remaining)
    headers['x-ratelimit-reset-requests'] = duration(resetMs)
  }
  if (tokens !== undefined) {
    const { remaining, resetMs } = states[tokens] as ClaimState
    headers['x-ratelimit-limit-tokens'] = String(limitOf(rules[tokens] as Rule))
    headers['x-ratelimit-remaining-tokens'] = String(remaining)
    headers['x-ratelimit-reset-tokens'] = duration(resetMs)
  }
  if (retryMs !== undefined) headers['x-ratelimit-reset'] = String(Math.ceil(retryMs / 1000))
}

function isRequests({ category, measure }: Rule): boolean {
  return category === 'requests' && measure.type === 'fixed' && measure.claim.kind !== 'slot'
}

function isTokens({ category }: Rule): boolean {
  return category === 'tokens'
}

/** The rule of a kind with the least left; of equals the one that gives back last. */
function tightest(
  rules: readonly Rule[],
  states: readonly ClaimState[],
  of: (rule: Rule) => boolean,
): number | undefined {
  let found: number | undefined
  for (let index = 0; index < rules.length; index += 1) {
    if (!of(rules[index] as Rule)) continue
    if (found === undefined || isTighter(states[index] as ClaimState, states[found] as ClaimState))
      found = index
  }
  return found
}

function isTighter(one: ClaimState, other: ClaimState): boolean {
  return one.remaining === other.remaining ? one.resetMs > other.resetMs : one.remaining < other.remaining
}

function limitOf({ measure }: Rule): number | bigint {
  if (measure.type !== 'fixed') return measure.limit
  return measure.claim.kind === 'burst' ? measure.claim.burst : measure.claim.limit
}

/** `350ms`, `1s`, `12m5s`: as OpenAI writes it. Never less than it is. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.ceil(milliseconds)}ms`
  const seconds = Math.ceil(milliseconds / 1_000)
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 3_600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ]
  return parts.map(([amount, unit]) => (amount > 0 ? `${amount}${unit}` : '')).join('')
}
