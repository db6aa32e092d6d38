import type { JsonObject } from '../../model/json.ts'
import { countOf, defined, objectOf } from '../../model/loose.ts'
import type { Usage } from '../../model/usage.ts'
import { DIALECT } from './wire.ts'

/**
 * How this wire counts (protocol.md §2.13): prompt tokens include the cached ones, completion tokens the reasoning.
 * Members that are missing stay missing; zero is a value.
 */
export function decodeUsage(wire: JsonObject): Usage {
  const prompt = objectOf(wire['prompt_tokens_details']) ?? {}
  const completion = objectOf(wire['completion_tokens_details']) ?? {}
  const searches = objectOf(wire['server_tool_use']) ?? {}
  return defined({
    inputTokens: countOf(wire['prompt_tokens']),
    cacheReadTokens: firstCount(prompt['cached_tokens'], ...cacheReads.map((key) => wire[key])),
    cacheWriteTokens: firstCount(prompt['cache_write_tokens'], wire['cache_creation_input_tokens']),
    ...produced(wire, firstCount(completion['reasoning_tokens'], wire['reasoning_tokens'])),
    inputAudioTokens: countOf(prompt['audio_tokens']),
    outputAudioTokens: countOf(completion['audio_tokens']),
    webSearches: countOf(searches['web_search_requests']),
    raw: { dialect: DIALECT, value: wire },
  } satisfies Usage)
}

/** Other names for the cached part of the prompt, of servers that do not nest it (§1.5). */
const cacheReads = ['cached_tokens', 'prompt_cache_hit_tokens', 'num_cached_tokens']

function firstCount(...values: Parameters<typeof countOf>[0][]): number | undefined {
  for (const value of values) {
    const count = countOf(value)
    if (count !== undefined) return count
  }
  return undefined
}

/**
 * Some servers leave reasoning out of the completion tokens; the total gives it away (§3, 86). Without a reported
 * figure the surplus itself is the reasoning.
 */
function produced(
  wire: JsonObject,
  reasoning: number | undefined,
): Pick<Usage, 'outputTokens' | 'reasoningTokens'> {
  const prompt = countOf(wire['prompt_tokens'])
  const completion = countOf(wire['completion_tokens'])
  const total = countOf(wire['total_tokens'])
  const told = { outputTokens: completion, reasoningTokens: reasoning }
  if (prompt === undefined || completion === undefined || total === undefined) return told
  const surplus = total - prompt - completion
  if (surplus <= 0 || (reasoning !== undefined && reasoning !== surplus)) return told
  return { outputTokens: completion + surplus, reasoningTokens: surplus }
}

/** Usage as a client of this dialect expects it; what an upstream of this dialect said besides is given back. */
export function encodeUsage(usage: Usage): JsonObject {
  const raw = usage.raw?.dialect === DIALECT ? usage.raw.value : {}
  const input = usage.inputTokens ?? 0
  const output = usage.outputTokens ?? 0
  const wire: JsonObject = {
    ...raw,
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
  }
  writeDetails(wire, 'prompt_tokens_details', {
    cached_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    audio_tokens: usage.inputAudioTokens,
  })
  writeDetails(wire, 'completion_tokens_details', {
    reasoning_tokens: usage.reasoningTokens,
    audio_tokens: usage.outputAudioTokens,
  })
  return wire
}

function writeDetails(wire: JsonObject, member: string, known: JsonObject): void {
  const details = defined({ ...objectOf(wire[member]), ...defined(known) })
  for (const _ in details) wire[member] = details
}
