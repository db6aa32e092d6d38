import type { AnswerContext, DecodeContext } from '../../src/protocol/dialects/dialect.ts'
import type { Frame } from '../../src/protocol/model/machine.ts'
import type { ChatRequest } from '../../src/protocol/model/request.ts'
import { targets } from './targets.ts'

/** What the tests of this dialect share: targets, contexts, frames of a stream. */
export const MAKER = 'vendor/model'

export const targetWith = targets(
  {
    defaultMaxOutputTokens: 32_000,
    maxOutputTokens: 64_000,
    maxTemperature: 1,
    seed: false,
    penalties: false,
    logitBias: false,
    logprobs: false,
    candidates: false,
    verbosity: false,
    maxStop: 100,
    reasoningStyle: 'budget',
    efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
    customTools: false,
    audio: false,
    video: false,
    betas: 'all',
    metadata: false,
    opaqueDialect: 'messages',
  },
  { maker: MAKER, documentPolicy: 'passthrough' },
)

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
