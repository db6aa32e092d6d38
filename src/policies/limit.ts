import { claimsFor, requestClaimsFor } from '../limits/claims.ts'
import { addLimitHeaders } from '../limits/headers.ts'
import type { Limits, Verdict } from '../limits/limits.ts'
import { refusal } from '../limits/refusal.ts'
import type { Planned, Rule } from '../limits/rule.ts'
import { actualAmounts } from '../limits/usage.ts'
import type { Call, Policy } from '../pipeline/call.ts'
import type { AdmissionLease, MaybePromise } from '../store/ports/shared-state.ts'

/**
 * Lets a call pass when all limits of its key and tenant have room, and takes that room at once: a request, a slot,
 * and the tokens and money it may come to. At the end the slot is freed first, then what was reserved gives way to
 * what was used. A caller without limits costs one look.
 */
export const limit =
  (limits: Limits): Policy =>
  (next) =>
  (call) => {
    const planned = claimsFor(call, limits.now())
    if (!planned) return next(call)
    const admitted = admit(limits, call, planned)
    return admitted ? admitted.then(() => next(call)) : next(call)
  }

/** The limits of requests alone, for endpoints that make no answer (`count_tokens`). Throws what `limit` throws. */
export function limitRequests(limits: Limits, call: Call): MaybePromise<void> {
  const planned = requestClaimsFor(call)
  if (planned) return admit(limits, call, planned)
}

function admit(limits: Limits, call: Call, planned: Planned): Promise<void> | undefined {
  // It stands among the ends before anything is awaited: a call that ends meanwhile gives back what comes then.
  const holding = planned.rules.some(holds) ? new Holding(call) : undefined
  const verdict = limits.admit(planned, call.snapshot.redis)
  if (verdict instanceof Promise) return verdict.then((settled) => accept(call, settled, holding))
  accept(call, verdict, holding)
  return undefined
}

/** Whether there is anything to give back at the end. */
function holds({ measure }: Rule): boolean {
  return measure.type !== 'fixed' || measure.claim.kind === 'slot'
}

function accept(call: Call, { decision, rules }: Verdict, holding: Holding | undefined): void {
  if (decision.admitted) {
    addLimitHeaders(call.replyHeaders, rules, decision.states)
    holding?.take(decision.lease, rules)
    return
  }
  const { states, refused, retryMs } = decision
  addLimitHeaders(call.replyHeaders, rules, states, retryMs)
  const rule = rules[refused] as Rule
  call.replyHeaders['x-xjp-limit'] = rule.code
  throw refusal(rule, retryMs)
}

/** What a call holds until its end. */
class Holding {
  readonly #call: Call
  #lease: AdmissionLease | undefined
  #rules: readonly Rule[] = []
  #ended = false

  constructor(call: Call) {
    this.#call = call
    call.ends.push(() => this.#end())
  }

  take(lease: AdmissionLease, rules: readonly Rule[]): void {
    this.#lease = lease
    this.#rules = rules
    // Nobody waits for the answer any more: the call never goes on to an upstream.
    if (this.#ended) this.#settle()
  }

  #end(): void {
    this.#ended = true
    this.#lease?.release()
    // Other policies complete the record at the end too, before or after this one: it is read when all have.
    queueMicrotask(() => this.#settle())
  }

  #settle(): void {
    this.#lease?.settle(actualAmounts(this.#call, this.#rules))
  }
}
