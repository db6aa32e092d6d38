import { type JsonObject, rest } from '../../model/json.ts'
import { countOf } from '../../model/loose.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { EncodedRequest, UpstreamTarget } from '../dialect.ts'
import { decodeRequest } from './request.ts'
import { encodeRequest } from './request-encode.ts'

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
export function encodeCount(request: ChatRequest, target: UpstreamTarget): EncodedRequest {
  const { body, dropped } = encodeRequest(request, target)
  return { body: rest(body, notCounted) ?? {}, dropped }
}

/** The number in an upstream's answer; undefined when it is not such an answer. */
export function decodeCount(body: JsonObject): number | undefined {
  return countOf(body.input_tokens)
}
