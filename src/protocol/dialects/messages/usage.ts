import { isObject, type JsonObject } from '../../model/json.ts'
import { countOf } from '../../model/loose.ts'
import type { Usage } from '../../model/usage.ts'
import type { AnswerContext } from '../dialect.ts'
import { DIALECT } from './wire.ts'

/**
 * Tokens as this wire counts them (protocol.md §2.13): `input_tokens` leaves out what came from or went to the
 * cache, so the whole prompt is the sum of three; `output_tokens` includes thinking.
 */
export function decodeUsage(wire: JsonObject): Usage {
  const usage: Usage = { raw: { dialect: DIALECT, value: wire } }
  const fresh = countOf(wire.input_tokens)
  const read = countOf(wire.cache_read_input_tokens)
  const write = countOf(wire.cache_creation_input_tokens)
  if (fresh !== undefined || read !== undefined || write !== undefined)
    usage.inputTokens = (fresh ?? 0) + (read ?? 0) + (write ?? 0)
  set(usage, 'cacheReadTokens', read)
  set(usage, 'cacheWriteTokens', write)
  const creation = isObject(wire.cache_creation) ? wire.cache_creation : {}
  set(usage, 'cacheWrite5mTokens', countOf(creation.ephemeral_5m_input_tokens))
  set(usage, 'cacheWrite1hTokens', countOf(creation.ephemeral_1h_input_tokens))
  set(usage, 'outputTokens', countOf(wire.output_tokens))
  const details = isObject(wire.output_tokens_details) ? wire.output_tokens_details : {}
  set(usage, 'reasoningTokens', countOf(details.thinking_tokens))
  const tools = isObject(wire.server_tool_use) ? wire.server_tool_use : {}
  set(usage, 'webSearches', countOf(tools.web_search_requests))
  return usage
}

/**
 * A later report of one stream over an earlier one. Counts are cumulative: they replace, they are never added;
 * null says nothing.
 */
export function laterUsage(earlier: JsonObject | undefined, later: JsonObject): JsonObject {
  const merged: JsonObject = { ...earlier }
  for (const [key, value] of Object.entries(later)) {
    if (value !== null || !(key in merged)) merged[key] = value
  }
  return merged
}

/** Where the estimate of the prompt comes from; asked only when no upstream has counted. */
type Estimate = Pick<AnswerContext, 'estimatedInputTokens'>

/** The usage object of an answer. Without a report the prompt is the caller's estimate and the output zero. */
export function encodeUsage(usage: Usage | undefined, estimate: Estimate): JsonObject {
  const raw = usage?.raw?.dialect === DIALECT ? usage.raw.value : {}
  const read = usage?.cacheReadTokens ?? 0
  const write = usage?.cacheWriteTokens ?? 0
  const prompt = usage?.inputTokens ?? estimate.estimatedInputTokens
  return {
    input_tokens: Math.max(0, prompt - read - write),
    cache_creation_input_tokens: usage?.cacheWriteTokens ?? raw.cache_creation_input_tokens ?? 0,
    cache_read_input_tokens: usage?.cacheReadTokens ?? raw.cache_read_input_tokens ?? 0,
    ...withoutCounts(raw),
    ...creationOf(usage, raw),
    output_tokens: usage?.outputTokens ?? 0,
    ...detailsOf(usage, raw),
  }
}

/** Usage for `message_start`: some clients add its output to the final one, so it says zero (protocol.md §4.6). */
export function encodeStartUsage(usage: Usage | undefined, estimate: Estimate): JsonObject {
  const { output_tokens_details: _, ...wire } = encodeUsage(usage, estimate)
  return { ...wire, output_tokens: 0 }
}

function withoutCounts(raw: JsonObject): JsonObject {
  const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens, ...others } = raw
  return others
}

/** Agents read the split of cache writes, so it is there for every upstream (clients.md §1). */
function creationOf(usage: Usage | undefined, raw: JsonObject): JsonObject {
  if (raw.cache_creation !== undefined) return {}
  const hour = usage?.cacheWrite1hTokens ?? 0
  const minutes = usage?.cacheWrite5mTokens ?? Math.max(0, (usage?.cacheWriteTokens ?? 0) - hour)
  return { cache_creation: { ephemeral_5m_input_tokens: minutes, ephemeral_1h_input_tokens: hour } }
}

function detailsOf(usage: Usage | undefined, raw: JsonObject): JsonObject {
  const out: JsonObject = {}
  if (usage?.reasoningTokens !== undefined && raw.output_tokens_details === undefined)
    out.output_tokens_details = { thinking_tokens: usage.reasoningTokens }
  if (usage?.webSearches !== undefined && raw.server_tool_use === undefined)
    out.server_tool_use = { web_search_requests: usage.webSearches, web_fetch_requests: 0 }
  return out
}

function set<K extends keyof Usage>(usage: Usage, key: K, value: Usage[K] | undefined): void {
  if (value !== undefined) usage[key] = value
}
