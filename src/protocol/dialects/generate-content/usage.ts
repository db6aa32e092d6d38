import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { countOf } from '../../model/loose.ts'
import type { Usage } from '../../model/usage.ts'
import { DIALECT } from './wire.ts'

/**
 * `usageMetadata` → tokens (protocol.md §2.13): the prompt counts tool-use prompts too, output is candidates and
 * thoughts. Early chunks of a stream may hold only `trafficType`; int64 members may come as strings.
 */
export function decodeUsage(wire: JsonObject): Usage {
  const usage: Usage = { raw: { dialect: DIALECT, value: wire } }
  const prompt = countOf(wire['promptTokenCount'])
  const toolUse = countOf(wire['toolUsePromptTokenCount'])
  const thoughts = countOf(wire['thoughtsTokenCount'])
  const input = sum(prompt, toolUse)
  const output =
    sum(countOf(wire['candidatesTokenCount']), thoughts) ??
    difference(countOf(wire['totalTokenCount']), input)
  const members = {
    inputTokens: input,
    cacheReadTokens: countOf(wire['cachedContentTokenCount']),
    outputTokens: output,
    reasoningTokens: thoughts,
    inputAudioTokens: audioTokens(wire['promptTokensDetails']),
    outputAudioTokens: audioTokens(wire['candidatesTokensDetails']),
  }
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) usage[name as keyof typeof members] = value
  return usage
}

function sum(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined && second === undefined ? undefined : (first ?? 0) + (second ?? 0)
}

/** Proto3 leaves zeros out: a total without output members says the output by subtraction. */
function difference(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined ? undefined : Math.max(0, total - part)
}

function audioTokens(details: Json | undefined): number | undefined {
  if (!Array.isArray(details)) return undefined
  const audio = details.find((entry) => isObject(entry) && entry['modality'] === 'AUDIO')
  return isObject(audio) ? countOf(audio['tokenCount']) : undefined
}
