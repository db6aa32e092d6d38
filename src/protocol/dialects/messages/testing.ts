import type { Capabilities } from '../../model/capabilities.ts'
import type { Frame } from '../../model/machine.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { AnswerContext, DecodeContext, UpstreamTarget } from '../dialect.ts'

/** What the tests of this dialect share: a target that takes everything, contexts, frames of a stream. */
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
