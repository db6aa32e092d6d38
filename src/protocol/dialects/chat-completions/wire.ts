import type { DialectName } from '../../model/origin.ts'

/**
 * The chat completions wire (protocol.md §1.1, §1.5): which members we read at each level. Whatever is not listed
 * here is kept in the extension bag of its level and given back to this dialect only.
 */
export const DIALECT = 'chat-completions' satisfies DialectName

const names = (...list: string[]): ReadonlySet<string> => new Set(list)

export const requestFields = names(
  ...['model', 'messages', 'stream', 'stream_options', 'tools', 'tool_choice', 'parallel_tool_calls'],
  ...['functions', 'function_call', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p', 'top_k'],
  ...['stop', 'seed', 'presence_penalty', 'frequency_penalty', 'logit_bias', 'logprobs', 'top_logprobs', 'n'],
  ...['reasoning_effort', 'reasoning', 'thinking', 'response_format', 'verbosity', 'modalities', 'audio'],
  ...['web_search_options', 'cache_control', 'prompt_cache_key', 'user', 'safety_identifier', 'metadata'],
  'service_tier',
)

export const messageFields = names('role', 'content', 'name', 'cache_control')
export const assistantFields = names(
  ...messageFields,
  ...['refusal', 'tool_calls', 'function_call', 'images'],
  ...['reasoning_content', 'reasoning', 'reasoning_details'],
)
/** `name` is left out on purpose: it goes back as it came, since the vendor's own type has no such member. */
export const toolMessageFields = names('role', 'content', 'tool_call_id', 'cache_control')
export const functionMessageFields = names('role', 'content', 'name')

/** Members every content part may carry besides its own. */
export const markFields = ['type', 'cache_control', 'prompt_cache_breakpoint']

export const toolFields = names('type', 'function', 'custom', ...markFields)
export const functionToolFields = names('name', 'description', 'parameters', 'strict', 'cache_control')
export const customToolFields = names('name', 'description', 'format', 'cache_control')

/** `index` only numbers the fragments of a stream; servers that leave it in whole answers get it echoed by clients. */
export const callFields = names('index', 'id', 'type', 'function', 'custom', 'extra_content', 'cache_control')
export const callFunctionFields = names('name', 'arguments')
export const callCustomFields = names('name', 'input')

/** `obfuscation` is random padding of a single chunk and means nothing. */
export const chunkFields = names(
  'id',
  'object',
  'created',
  'model',
  'choices',
  'usage',
  'error',
  'obfuscation',
)
export const choiceFields = names('index', 'delta', 'message', 'finish_reason', 'logprobs', 'error')
export const deltaFields = names(
  ...['role', 'content', 'refusal', 'tool_calls', 'function_call', 'audio', 'images', 'annotations'],
  ...['reasoning_content', 'reasoning', 'reasoning_details'],
)

/** Where a thought signature stands (protocol.md §1.5); clients echo it under exactly this name. */
export const SIGNATURE_PATH = {
  container: 'extra_content',
  vendor: 'google',
  member: 'thought_signature',
} as const

/** Finish reasons a client of this dialect may be shown (protocol.md §1.1): nothing else is legal. */
export const finishReasons = ['stop', 'length', 'tool_calls', 'content_filter', 'function_call'] as const
export type WireFinish = (typeof finishReasons)[number]

/** Names this wire takes for tools, functions and schemas. */
export const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/
