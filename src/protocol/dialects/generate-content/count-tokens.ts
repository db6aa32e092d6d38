import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { EncodedRequest, UpstreamTarget } from '../dialect.ts'
import { encodeRequest } from './request.ts'

/** Members of a request that make up its prompt. */
const counted = ['contents', 'systemInstruction', 'tools'] as const

/** The body of `:countTokens`; the Gemini API wants it wrapped, which is its provider's matter. */
export function encodeCount(request: ChatRequest, target: UpstreamTarget): EncodedRequest {
  const { body, dropped } = encodeRequest(request, target)
  const prompt: JsonObject = {}
  for (const member of counted) if (body[member] !== undefined) prompt[member] = body[member]
  return { body: prompt, dropped }
}

/** `totalTokens`; proto3 leaves a zero out, but no prompt has none. Undefined when it is not such an answer. */
export function decodeCount(body: JsonObject): number | undefined {
  const { totalTokens } = body
  return typeof totalTokens === 'number' && Number.isFinite(totalTokens) ? totalTokens : undefined
}
