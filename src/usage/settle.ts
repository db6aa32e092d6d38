import type { Call } from '../pipeline/call.ts'
import { estimateTokens } from '../protocol/model/estimate.ts'
import { isObject } from '../protocol/model/json.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import type { Usage } from '../protocol/model/usage.ts'
import type { UsageSource } from '../store/ports/usage.ts'
import type { AnswerCounter } from './counter.ts'
import { dollarsFromNumber } from './money.ts'
import { costOf, type Price, priceOf } from './prices.ts'

/** What a call used and what it costs. */
export interface Settlement {
  /** Undefined when nothing was used. */
  usage: Usage | undefined
  source: UsageSource
  /** Picodollars; undefined when there is no price. */
  cost?: bigint
  priceVersion?: string
}

const NOTHING: Settlement = { usage: undefined, source: 'none' }

/** The `priceVersion` of amounts that the upstream named itself. */
export const UPSTREAM_PRICE = 'upstream'

/** The attempt a call ended with. */
export interface LastAttempt {
  provider: string
  model: string
  /** It was still waiting for its answer when the call ended: the prompt is with the upstream. */
  inFlight: boolean
}

/**
 * What a call that is over, or a whole answer that is about to leave, amounts to:
 * - what the upstream reported stands as it is, a zero too;
 * - what it did not report of an answer is counted here, and the row says so;
 * - what came after the last report of an answer that was broken off is counted on top of it, and the row says so;
 * - a client that left before its answer began pays for the prompt, which is with the upstream already;
 * - attempts that failed are free, as are answers from an earlier call.
 */
export function settle(call: Call, last: LastAttempt | undefined, counter: AnswerCounter): Settlement {
  if (last === undefined || call.record.replay === true) return NOTHING
  if (!counter.seen && !last.inFlight) return NOTHING
  const usage = counter.seen ? usageOf(call, counter) : promptOnly(call.request)
  const source = usage.estimated === true ? 'estimated' : 'reported'
  return { usage, source, ...moneyOf(call, last, usage) }
}

function usageOf({ record, request }: Call, counter: AnswerCounter): Usage {
  const reported = record.usage
  const input = reported?.inputTokens
  const output = reported?.outputTokens
  const uncounted = counter.complete && output !== undefined ? 0 : counter.sinceReport
  if (reported !== undefined && input !== undefined && output !== undefined && uncounted === 0)
    return reported
  return {
    ...reported,
    inputTokens: input ?? estimateTokens(request),
    outputTokens: (output ?? 0) + uncounted,
    estimated: true,
  }
}

function promptOnly(request: ChatRequest): Usage {
  return { inputTokens: estimateTokens(request), outputTokens: 0, estimated: true }
}

function moneyOf(
  { snapshot, request }: Call,
  { provider, model }: LastAttempt,
  usage: Usage,
): Pick<Settlement, 'cost' | 'priceVersion'> {
  const price = priceOf(snapshot, provider, model)
  const named = price?.configured === true || usage.estimated === true ? undefined : namedCost(usage)
  if (named !== undefined) return { cost: named, priceVersion: UPSTREAM_PRICE }
  if (price === undefined) return {}
  return { cost: costOf(price, usage, imagesFor(price, request)), priceVersion: price.version }
}

/** Dollars that the upstream itself says it charged, in the member or members that say so. */
function namedCost(usage: Usage): bigint | undefined {
  const cost = usage.raw?.dialect === 'chat-completions' ? usage.raw.value['cost'] : undefined
  return dollarsFromNumber(isObject(cost) ? cost['total_cost'] : cost)
}

function imagesFor(price: Price, request: ChatRequest): { images: number } {
  return { images: price.image === 0n ? 0 : imagesOf(request) }
}

/** Images of a prompt, those in tools' results too. */
export function imagesOf(request: ChatRequest): number {
  let images = 0
  const count = (blocks: ChatRequest['messages'][number]['content']): void => {
    for (const block of blocks) {
      if (block.type === 'media' && block.kind === 'image') images += 1
      else if (block.type === 'tool-result') count(block.content)
    }
  }
  for (const message of request.messages) count(message.content)
  return images
}
