import type Anthropic from '@anthropic-ai/sdk'
import type OpenAI from 'openai'

/** What a user of any SDK gets out of an answer: the common ground on which two readings are compared. */
export interface Reading {
  text: string
  calls: { name: string; arguments: unknown }[]
  finish: string
  inputTokens: number
  outputTokens: number
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text === '' ? '{}' : text)
  } catch {
    return text
  }
}

/** Finish reasons in one vocabulary. */
const finishes: Readonly<Record<string, string>> = {
  stop: 'stop',
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  compaction: 'stop',
  STOP: 'stop',
  tool_calls: 'calls',
  function_call: 'calls',
  tool_use: 'calls',
  length: 'length',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  MAX_TOKENS: 'length',
  content_filter: 'filter',
  refusal: 'filter',
  SAFETY: 'filter',
  PROHIBITED_CONTENT: 'filter',
  RECITATION: 'filter',
  IMAGE_SAFETY: 'filter',
  BLOCKLIST: 'filter',
  UNEXPECTED_TOOL_CALL: 'stop',
}

export function finishWord(raw: string | null | undefined, hasCalls: boolean): string {
  const word = finishes[raw ?? ''] ?? `unknown:${raw}`
  return word === 'stop' && hasCalls ? 'calls' : word
}

export function readChat(completion: OpenAI.ChatCompletion): Reading {
  const choice = completion.choices[0]
  const content: unknown = choice?.message.content
  const calls = (choice?.message.tool_calls ?? []).map((call) =>
    call.type === 'custom'
      ? { name: call.custom.name, arguments: call.custom.input }
      : { name: call.function.name, arguments: parsed(call.function.arguments ?? '') },
  )
  return {
    text: textOf(content) + (choice?.message.refusal || ''),
    calls,
    finish: finishWord(choice?.finish_reason, calls.length > 0),
    inputTokens: completion.usage?.prompt_tokens ?? 0,
    outputTokens: completion.usage?.completion_tokens ?? 0,
  }
}

/** Some servers give content as a list of parts, thinking among them. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part: { type?: string; text?: string }) => (part.type === 'text' ? (part.text ?? '') : ''))
    .join('')
}

export function readMessage(message: Anthropic.Message): Reading {
  const calls = message.content.flatMap((block) =>
    block.type === 'tool_use' ? [{ name: block.name, arguments: block.input }] : [],
  )
  const { usage } = message
  return {
    text:
      message.content.map((block) => (block.type === 'text' ? block.text : '')).join('') +
      (message.stop_details?.explanation ?? ''),
    calls,
    finish: finishWord(message.stop_reason, calls.length > 0),
    inputTokens:
      usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    outputTokens: usage.output_tokens,
  }
}

interface GeminiAnswer {
  candidates?: {
    content?: {
      parts?: { text?: string; thought?: boolean; functionCall?: { name?: string; args?: unknown } }[]
    }
    finishReason?: string
  }[]
  promptFeedback?: { blockReason?: string; blockReasonMessage?: string }
  usageMetadata?: Record<string, number | undefined>
}

/** The generate-content wire read by hand: whole, or all chunks of a stream in order. */
export function readGenerateContent(chunks: readonly GeminiAnswer[]): Reading {
  const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? [])
  const calls = parts.flatMap(({ functionCall }) =>
    functionCall?.name === undefined ? [] : [{ name: functionCall.name, arguments: functionCall.args ?? {} }],
  )
  const finish = chunks
    .map((chunk) => chunk.candidates?.[0]?.finishReason)
    .findLast((reason) => reason !== undefined)
  const blocked = chunks.some((chunk) => chunk.promptFeedback?.blockReason !== undefined)
  const usage =
    chunks.map((chunk) => chunk.usageMetadata).findLast((each) => each?.['promptTokenCount'] !== undefined) ??
    {}
  return {
    text:
      parts.map((part) => (part.thought === true ? '' : (part.text ?? ''))).join('') +
      chunks.map((chunk) => chunk.promptFeedback?.blockReasonMessage ?? '').join(''),
    calls,
    finish: blocked && finish === undefined ? 'filter' : finishWord(finish, calls.length > 0),
    inputTokens: (usage['promptTokenCount'] ?? 0) + (usage['toolUsePromptTokenCount'] ?? 0),
    outputTokens: (usage['candidatesTokenCount'] ?? 0) + (usage['thoughtsTokenCount'] ?? 0),
  }
}
