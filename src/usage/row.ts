import type { Refusal } from '../pipeline/call.ts'
import { errorKinds } from '../protocol/model/error.ts'
import type { AttemptRow, EndReason, UsageAmounts, UsageRow } from '../store/ports/usage.ts'
import type { Entry, NotedAttempt } from './entry.ts'
import type { Settlement } from './settle.ts'

/** Names come from clients and may be any length and hold anything; a database takes neither. */
const MAXIMUM_CHARACTERS = 256
// biome-ignore lint/suspicious/noControlCharactersInRegex: just these are replaced
const UNWANTED = /[\u0000-\u001f\u007f]|\p{Surrogate}/gu

/** Nearly no name has any of it: this look is cheaper, and every row has eight names. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the same as above, and whole pairs too
const SUSPICIOUS = /[\u0000-\u001f\u007f\ud800-\udfff]/

/** A name as it is stored: cut, and without control characters and half characters. */
export function storable(text: string): string {
  const short = text.length > MAXIMUM_CHARACTERS ? text.slice(0, MAXIMUM_CHARACTERS) : text
  return SUSPICIOUS.test(short) ? short.replace(UNWANTED, '\ufffd') : short
}

const nothing: UsageAmounts = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  reasoningTokens: 0,
  cost: 0n,
}

function amountsOf({ usage, cost }: Settlement): UsageAmounts {
  if (usage === undefined) return nothing
  return {
    inputTokens: usage.inputTokens ?? 0,
    outputTokens: usage.outputTokens ?? 0,
    cacheReadTokens: usage.cacheReadTokens ?? 0,
    cacheWriteTokens:
      usage.cacheWriteTokens ?? (usage.cacheWrite5mTokens ?? 0) + (usage.cacheWrite1hTokens ?? 0),
    reasoningTokens: usage.reasoningTokens ?? 0,
    cost: cost ?? 0n,
  }
}

/** The row of a call that is over. `ended` is the moment on the clock that never jumps. */
export function rowOf(entry: Entry, settlement: Settlement, ended: number): UsageRow {
  const { call, attempts } = entry
  const { record, identity } = call
  const last = entry.final
  const row: UsageRow = {
    id: entry.id,
    requestId: storable(call.id),
    tenant: call.tenant,
    endpoint: record.endpoint,
    model: storable(record.model),
    stream: record.stream,
    status: record.status ?? 0,
    endReason: endReasonOf(entry),
    usageSource: settlement.source,
    ...amountsOf(settlement),
    replay: record.replay === true,
    startedAt: entry.startedAt,
    milliseconds: rounded(ended - call.startedAt),
    bytesSent: record.bytesSent,
    tags: identity.key?.tags ?? {},
    attempts: attempts.map((attempt, index) =>
      attemptRow(attempt, index, attempt === last ? settlement : undefined, entry, ended),
    ),
  }
  if (identity.key) row.keyId = identity.key.id
  const provider = last?.provider ?? record.provider
  if (provider !== undefined) row.provider = storable(provider)
  const target = last?.target ?? record.target
  if (target !== undefined) row.route = storable(target)
  if (record.error) row.errorType = record.error.kind
  if (settlement.priceVersion !== undefined) row.priceVersion = settlement.priceVersion
  if (record.firstByteMs !== undefined) row.firstByteMilliseconds = rounded(record.firstByteMs)
  return row
}

/** The row of a request that was refused before its model was known. `now` in milliseconds since 1970. */
export function refusedRow(refusal: Refusal, id: string, now: number, ended: number): UsageRow {
  const { identity, requestId, endpoint, startedAt, error, status, endedBy } = refusal
  const milliseconds = rounded(ended - startedAt)
  return {
    id,
    requestId: storable(requestId),
    tenant: identity.tenant,
    ...(identity.key ? { keyId: identity.key.id } : {}),
    endpoint,
    model: '',
    stream: false,
    status,
    errorType: error.kind,
    endReason: endedBy,
    usageSource: 'none',
    ...nothing,
    replay: false,
    startedAt: now - milliseconds,
    milliseconds,
    bytesSent: 0,
    tags: identity.key?.tags ?? {},
    attempts: [],
  }
}

/** Always known at the end; a call that nobody spoke for was ended by the gateway. */
function endReasonOf({ call: { record } }: Entry): EndReason {
  if (record.endedBy !== undefined) return record.endedBy
  return record.error === undefined && record.status === 200 ? 'complete' : 'gateway'
}

/** What an attempt's row says in place of an error when another one was first: we closed it. */
const LOST = 'lost'

function attemptRow(
  attempt: NotedAttempt,
  index: number,
  settlement: Settlement | undefined,
  { call: { record }, counter }: Entry,
  ended: number,
): AttemptRow {
  const failed = attempt.record?.error
  const isLost = attempt.record?.lost === true
  // After the first content an attempt fails with the call.
  const error = failed ?? (settlement ? record.error : undefined)
  const row: AttemptRow = {
    attempt: index,
    provider: storable(attempt.provider),
    model: storable(attempt.model),
    startedAt: attempt.startedAt,
    milliseconds: rounded(failed || isLost ? (attempt.record?.milliseconds ?? 0) : ended - attempt.begun),
    status: error && !(settlement && counter.seen) ? (error.details.upstream?.status ?? error.status) : 200,
    usageSource: settlement?.source ?? 'none',
    ...(settlement ? amountsOf(settlement) : nothing),
  }
  if (error) row.errorType = error.kind
  else if (settlement && record.endedBy === 'client') row.errorType = 'client_closed'
  else if (isLost) row.errorType = LOST
  if (row.errorType === 'client_closed' || isLost) row.status = errorKinds.client_closed.status
  return row
}

function rounded(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds))
}
