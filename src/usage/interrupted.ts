import type { Snapshot } from '../config/snapshot.ts'
import type { AttemptRow, UsageAmounts, UsageRow } from '../store/ports/usage.ts'
import type { Intent } from './journal-record.ts'
import { costOf, priceOf } from './prices.ts'
import { storable } from './row.ts'

const nothing: UsageAmounts = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  cost: 0n,
}

/**
 * The row of a request whose gateway was killed before it could say how it went: the prompt of its last attempt was
 * with the upstream, so that is charged, by estimate. What came of it nobody knows.
 */
export function interruptedRow(intents: readonly Intent[], snapshot: Snapshot): UsageRow | undefined {
  const attempts = intents.toSorted((a, b) => a.attempt - b.attempt)
  const last = attempts.at(-1)
  if (last === undefined) return undefined
  const price = priceOf(snapshot, last.provider, last.upstreamModel)
  const amounts: UsageAmounts = {
    ...nothing,
    inputTokens: last.inputTokens,
    cost: price ? costOf(price, { inputTokens: last.inputTokens }) : 0n,
  }
  const row: UsageRow = {
    id: last.id,
    requestId: storable(last.requestId),
    tenant: last.tenant,
    endpoint: last.endpoint,
    model: storable(last.model),
    provider: storable(last.provider),
    route: storable(`${last.provider}/${last.upstreamModel}`),
    stream: last.stream,
    status: 0,
    endReason: 'interrupted',
    usageSource: 'estimated',
    ...amounts,
    replay: false,
    startedAt: last.callStartedAt,
    milliseconds: 0,
    bytesSent: 0,
    tags: last.tags,
    attempts: attempts.map((intent) => attemptRow(intent, intent === last ? amounts : undefined)),
  }
  if (last.keyId !== undefined) row.keyId = last.keyId
  if (price) row.priceVersion = price.version
  return row
}

function attemptRow(intent: Intent, amounts: UsageAmounts | undefined): AttemptRow {
  return {
    attempt: intent.attempt,
    provider: storable(intent.provider),
    model: storable(intent.upstreamModel),
    startedAt: intent.startedAt,
    milliseconds: 0,
    status: 0,
    usageSource: amounts ? 'estimated' : 'none',
    ...(amounts ?? nothing),
  }
}
