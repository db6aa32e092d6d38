import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { Usage } from '../../model/usage.ts'

/**
 * `usageMetadata` → tokens (protocol.md §2.13): the prompt counts tool-use prompts too, output is candidates and
 * thoughts. Early chunks of a stream may hold only `trafficType`; int64 members may come as strings.
 */
export function decodeUsage(wire: JsonObject): Usage {
  const usage: Usage = { raw: { dialect: 'generate-content', value: wire } }
  const prompt = count(wire['promptTokenCount'])
  const toolUse = count(wire['toolUsePromptTokenCount'])
  const thoughts = count(wire['thoughtsTokenCount'])
  const input = sum(prompt, toolUse)
  const output =
    sum(count(wire['candidatesTokenCount']), thoughts) ?? difference(count(wire['totalTokenCount']), input)
  const members = {
    inputTokens: input,
    cacheReadTokens: count(wire['cachedContentTokenCount']),
    outputTokens: output,
    reasoningTokens: thoughts,
    inputAudioTokens: audioTokens(wire['promptTokensDetails']),
    outputAudioTokens: audioTokens(wire['candidatesTokensDetails']),
  }
  for (const [name, value] of Object.entries(members))
    if (value !== undefined) usage[name as keyof typeof members] = value
  return usage
}

function count(value: Json | undefined): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
  return Number.isFinite(number) ? Math.max(0, number) : undefined
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
  return isObject(audio) ? count(audio['tokenCount']) : undefined
}
