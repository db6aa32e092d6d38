import { GatewayError } from '../protocol/model/error.ts'
import { duration } from './headers.ts'
import type { Rule } from './rule.ts'

/** The error of a refused call: which limit, its number, and what to do. Without a wait when no wait would help. */
export function refusal(rule: Rule, retryMs: number | undefined): GatewayError {
  const who = rule.owner === 'key' ? 'This key is' : 'The keys of this tenant together are'
  const advice = retryMs === undefined ? TOO_LARGE[rule.category] : waitFor(rule, retryMs)
  return new GatewayError(
    rule.quota ? 'quota_exhausted' : 'rate_limited',
    `${who} limited to ${rule.text} (${rule.code}): ${advice}`,
    retryMs === undefined ? { final: true } : { retryAfterSeconds: Math.max(1, Math.ceil(retryMs / 1000)) },
  )
}

function waitFor(rule: Rule, retryMs: number): string {
  if (rule.measure.type === 'fixed' && rule.measure.claim.kind === 'slot')
    return 'try again when one of them has ended'
  return `try again in ${duration(Math.max(1_000, retryMs))}`
}

const SMALLER = 'may come to more than that; ask for a shorter answer (max_tokens) or send a shorter prompt'

const TOO_LARGE: Readonly<Record<Rule['category'], string>> = {
  requests: 'try again later',
  tokens: `this request ${SMALLER}`,
  budgets: `this request ${SMALLER}`,
}

/** Our own trouble, as a limit's policy `deny` wants it while its counters cannot be reached. */
export function cannotCount(cause: unknown): GatewayError {
  return new GatewayError(
    'unavailable',
    'The limits of this key cannot be checked at the moment; try again',
    {
      code: 'limits_unavailable',
      retryAfterSeconds: 1,
      cause,
    },
  )
}
