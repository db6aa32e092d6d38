import type { Call, CallRecord } from '../pipeline/call.ts'
import { costOf, priceOf } from '../usage/prices.ts'
import type { Rule } from './rule.ts'

/** What a call really used, in the order of its rules; undefined where the reservation stands. */
export function actualAmounts(call: Call, rules: readonly Rule[]): (number | bigint | undefined)[] {
  return rules.map(({ measure }) => {
    if (measure.type === 'fixed') return undefined
    return measure.type === 'tokens' ? tokensOf(call.record) : moneyOf(call)
  })
}

function tokensOf(record: CallRecord): number | undefined {
  const { usage } = record
  if (usage?.inputTokens === undefined && usage?.outputTokens === undefined) return unlessUsed(record, 0)
  return (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0)
}

function moneyOf(call: Call): bigint | undefined {
  const { record } = call
  if (record.cost !== undefined) return record.cost
  const [target] = call.targets
  const price = target && priceOf(call.snapshot, target.settings.name, target.model)
  return record.usage && price ? costOf(price, record.usage) : unlessUsed(record, 0n)
}

/** A call that failed before its answer began used nothing; of another nobody knows, so that it pays what it reserved. */
function unlessUsed<Nothing>(record: CallRecord, nothing: Nothing): Nothing | undefined {
  return record.endedBy === 'complete' || record.firstByteMs !== undefined ? undefined : nothing
}
