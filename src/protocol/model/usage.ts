import type { JsonObject } from './json.ts'
import type { DialectName } from './origin.ts'

/**
 * Tokens of one answer (protocol.md §2.13). A later report replaces an earlier one member by member; nothing
 * is ever added up. Zero is a value; an absent member was not reported.
 */
export interface Usage {
  /** All prompt tokens, cache reads and writes included. */
  inputTokens?: number
  cacheReadTokens?: number
  cacheWriteTokens?: number
  /** Part of `cacheWriteTokens` kept for five minutes / one hour (Anthropic). */
  cacheWrite5mTokens?: number
  cacheWrite1hTokens?: number
  /** All produced tokens, thinking included. */
  outputTokens?: number
  /** Part of `outputTokens` spent on thinking. */
  reasoningTokens?: number
  inputAudioTokens?: number
  outputAudioTokens?: number
  /** Requests to a provider-run web search. */
  webSearches?: number
  /** True when we counted because the provider did not. */
  estimated?: boolean
  /** What the wire said, untouched. */
  raw?: { dialect: DialectName; value: JsonObject }
}

/** `later` over `earlier`: members that `later` reports replace those of `earlier`. */
export function mergeUsage(earlier: Usage | undefined, later: Usage): Usage {
  if (earlier === undefined) return later
  const merged: Usage = { ...earlier }
  for (const [key, value] of Object.entries(later)) {
    if (value !== undefined) (merged as Record<string, unknown>)[key] = value
  }
  if (earlier.raw && later.raw && earlier.raw.dialect === later.raw.dialect)
    merged.raw = { dialect: later.raw.dialect, value: { ...earlier.raw.value, ...later.raw.value } }
  return merged
}
