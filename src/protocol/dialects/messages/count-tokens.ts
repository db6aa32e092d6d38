import { type JsonObject, rest } from '../../model/json.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import { decodeRequest } from './request.ts'
import { encodeRequest } from './request-encode.ts'
import { count } from './wire.ts'

/** `POST /v1/messages/count_tokens`: the same body as a message, of which only the prompt matters. */
export function decodeCountRequest(body: JsonObject): ChatRequest {
  return { ...decodeRequest(body), stream: false }
}

/** Members of a message request that say nothing of the prompt; the counting endpoint refuses them. */
const notCounted: ReadonlySet<string> = new Set([
  'max_tokens',
  'stream',
  'stop_sequences',
  'temperature',
  'top_p',
  'top_k',
  'metadata',
  'service_tier',
])

/** The body for an upstream's own counting endpoint. */
export function encodeCountTokens(request: ChatRequest, target: UpstreamTarget): JsonObject {
  return rest(encodeRequest(request, target).body, notCounted) ?? {}
}

/** The number in an upstream's answer; undefined when it is not such an answer. */
export function decodeTokenCount(body: JsonObject): number | undefined {
  return count(body.input_tokens)
}

export function encodeTokenCount(tokens: number): JsonObject {
  return { input_tokens: tokens }
}
