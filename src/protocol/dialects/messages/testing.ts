import type { Capabilities } from '../../model/capabilities.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import type { Frame } from '../../model/machine.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { AnswerContext, DecodeContext, UpstreamTarget } from '../dialect.ts'

/** What the tests of this dialect share: a target that takes everything, contexts, and a judge of streams. */
export const permissive: Capabilities = {
  systemRole: 'system',
  systemAnywhere: true,
  maxTokensField: 'max_tokens',
  defaultMaxOutputTokens: 32_000,
  maxOutputTokens: 64_000,
  sampling: 'all',
  maxTemperature: 1,
  topK: true,
  seed: false,
  penalties: false,
  logitBias: false,
  logprobs: false,
  candidates: false,
  verbosity: false,
  maxStop: 100,
  reasoningStyle: 'budget',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  reasoningOff: true,
  reasoningByDefault: false,
  reasoningField: 'none',
  reasoningReplay: 'signed',
  forcedToolChoice: true,
  parallelToggle: true,
  customTools: false,
  toolResultMedia: true,
  imageUrl: true,
  images: true,
  documents: true,
  documentUrl: true,
  audio: false,
  video: false,
  jsonSchema: 'native',
  schemaForm: 'json-schema',
  jsonWithTools: true,
  prefill: true,
  functionCallIds: true,
  webSearch: true,
  cacheMarks: 'cache-control',
  streamUsage: true,
  strictTools: true,
  thoughtSignatures: false,
  betas: 'all',
  serviceTier: true,
  metadata: false,
  endUser: true,
  opaqueDialect: 'messages',
}

export const MAKER = 'vendor/model'

export function targetWith(
  changes: Partial<Capabilities> = {},
  more: Partial<UpstreamTarget> = {},
): UpstreamTarget {
  return {
    model: 'upstream-model',
    maker: MAKER,
    capabilities: { ...permissive, ...changes },
    documentPolicy: 'passthrough',
    thinkingMap: [],
    ...more,
  }
}

export function requestWith(changes: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: 'public-model',
    stream: false,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    ...changes,
  }
}

export function answerContext(changes: Partial<AnswerContext> = {}): AnswerContext {
  return {
    model: 'public-model',
    created: 1_700_000_000,
    id: 'abcdefghijklmnopqrstuvwx',
    request: requestWith(),
    maker: MAKER,
    estimatedInputTokens: 7,
    requestId: 'req_1',
    strict: false,
    ...changes,
  }
}

/** Ids are counted, so that runs agree. */
export function decodeContext(): DecodeContext {
  let next = 0
  return { newId: () => String(next++).padStart(24, '0'), maker: MAKER }
}

/** The frames of a stream that is well formed: `event:` and `data:` on one line each, a blank line after. */
export function framesOf(stream: string): Frame[] {
  if (stream !== '' && !stream.endsWith('\n\n')) throw new Error('the last event has no blank line after it')
  return stream
    .split('\n\n')
    .slice(0, -1)
    .map((chunk) => {
      const lines = /^event: (\S+)\ndata: (.+)$/.exec(chunk)
      if (!lines) throw new Error(`not one event line and one data line: ${chunk}`)
      return { event: lines[1] as string, data: lines[2] as string }
    })
}

const deltaKinds: Record<string, string> = {
  text_delta: 'text',
  citations_delta: 'text',
  thinking_delta: 'thinking',
  signature_delta: 'thinking',
}

/** The first rule of the stream grammar that these frames break (protocol.md §1.3), or undefined. */
export function grammarFault(frames: readonly Frame[]): string | undefined {
  let state: 'new' | 'open' | 'closing' | 'over' = 'new'
  let block: { index: number; type: unknown; input: string; signatures: number } | undefined
  let next = 0
  for (const { event, data } of frames) {
    const wire = JSON.parse(data) as JsonObject
    if (wire.type !== event) return `event ${event} carries ${String(wire.type)}`
    if (state === 'over') return `${event} after the end`
    if (event === 'ping') continue
    if (event === 'error') state = 'over'
    else if (event === 'message_start') {
      if (state !== 'new') return 'two message_start'
      const message = isObject(wire.message) ? wire.message : {}
      if (!isObject(message.usage) || typeof message.usage.input_tokens !== 'number')
        return 'message_start without usage'
      if (message.usage.output_tokens !== 0) return 'message_start counts output'
      state = 'open'
    } else if (event === 'content_block_start') {
      if (state !== 'open' || block) return 'a block starts inside another or outside the message'
      if (wire.index !== next) return `block ${String(wire.index)} instead of ${next}`
      const content = isObject(wire.content_block) ? wire.content_block : {}
      if (content.type === 'text' && content.text !== '') return 'a text block starts with text'
      block = { index: next, type: content.type, input: '', signatures: 0 }
      next += 1
    } else if (event === 'content_block_delta') {
      if (!block || wire.index !== block.index) return 'a delta outside its block'
      const delta = isObject(wire.delta) ? wire.delta : {}
      const kind = deltaKinds[String(delta.type)]
      if (kind !== undefined && kind !== block.type)
        return `${String(delta.type)} in a ${String(block.type)} block`
      if (block.signatures > 0) return 'a delta after the signature'
      if (delta.type === 'signature_delta') {
        if (delta.signature === '') return 'an empty signature'
        block.signatures += 1
      }
      if (delta.type === 'input_json_delta') block.input += String(delta.partial_json)
    } else if (event === 'content_block_stop') {
      if (!block || wire.index !== block.index) return 'a stop outside its block'
      if (block.type === 'thinking' && block.signatures !== 1) return 'thinking without exactly one signature'
      if (block.type === 'tool_use' && !isObject(JSON.parse(block.input || '{}'))) return 'input is no object'
      block = undefined
    } else if (event === 'message_delta') {
      if (state !== 'open' || block) return 'message_delta before the blocks are closed'
      const delta = isObject(wire.delta) ? wire.delta : {}
      if (typeof delta.stop_reason !== 'string') return 'no stop_reason'
      if (!isObject(wire.usage) || typeof wire.usage.output_tokens !== 'number')
        return 'message_delta without usage'
      state = 'closing'
    } else if (event === 'message_stop') {
      if (state !== 'closing') return 'message_stop without message_delta'
      state = 'over'
    }
  }
  return state === 'over' ? undefined : 'the stream does not end'
}
