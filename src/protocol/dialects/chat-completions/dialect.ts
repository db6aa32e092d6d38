import type { Dialect } from '../dialect.ts'
import { decodeAnswer, encodeAnswer } from './answer.ts'
import { decodeError, encodeError, encodeStreamError } from './error.ts'
import { wireToolName } from './names.ts'
import { decodeRequest, encodeRequest } from './request.ts'
import { decodeStream, encodeStream } from './stream.ts'
import { decodeUsage } from './usage.ts'
import { DIALECT } from './wire.ts'

/** Members of a request whose name here is another; the rest are called alike. */
const fieldNames: Record<string, string> = {
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  maxOutputTokens: 'max_completion_tokens',
  topP: 'top_p',
  topK: 'top_k',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  logitBias: 'logit_bias',
  topLogprobs: 'top_logprobs',
  candidates: 'n',
  reasoning: 'reasoning_effort',
  'reasoning.effort': 'reasoning_effort',
  'reasoning.budgetTokens': 'reasoning.max_tokens',
  format: 'response_format',
  webSearch: 'web_search_options',
  cache: 'cache_control',
  cacheKey: 'prompt_cache_key',
  endUser: 'user',
  serviceTier: 'service_tier',
  includeUsage: 'stream_options.include_usage',
}

/** OpenAI Chat Completions and all who imitate it. */
export const chatCompletions: Dialect = {
  name: DIALECT,
  client: {
    decodeRequest,
    encodeAnswer,
    encodeStream,
    encodeError,
    encodeStreamError,
    keepAlive: ': ping\n\n',
    modelInEveryEvent: true,
    olderNames: new Map([
      ['max_completion_tokens', 'max_tokens'],
      ['tools', 'functions'],
      ['tool_choice', 'function_call'],
    ]),
    fieldName: (member) => (Object.hasOwn(fieldNames, member) ? (fieldNames[member] ?? member) : member),
  },
  upstream: { encodeRequest, decodeAnswer, decodeStream, decodeError, wireToolName },
  decodeUsage,
}
