import OpenAI from 'openai'
import type { ChatCompletionStream } from 'openai/lib/ChatCompletionStream'
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionContentPart,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionMessageFunctionToolCall,
  ChatCompletionMessageParam,
} from 'openai/resources/chat/completions'
import { parseJson, text } from '../json.ts'
import type {
  Ask,
  Client,
  Connection,
  Mode,
  PastCall,
  Seen,
  SeenError,
  SeenUsage,
  Session,
  ToolResult,
  UserPart,
} from './ask.ts'

function part(one: UserPart): ChatCompletionContentPart {
  switch (one.type) {
    case 'text':
      return { type: 'text', text: one.text }
    case 'image':
      return { type: 'image_url', image_url: { url: `data:image/png;base64,${one.data}` } }
    case 'image-url':
      return { type: 'image_url', image_url: { url: one.url } }
    case 'pdf':
      return {
        type: 'file',
        file: { filename: 'paper.pdf', file_data: `data:application/pdf;base64,${one.data}` },
      }
    case 'text-document': {
      const data = Buffer.from(one.text).toString('base64')
      return { type: 'file', file: { filename: 'notes.txt', file_data: `data:text/plain;base64,${data}` } }
    }
    case 'audio':
      return { type: 'input_audio', input_audio: { data: one.data, format: 'wav' } }
  }
}

function choiceOf(choice: string): ChatCompletionCreateParamsNonStreaming['tool_choice'] {
  if (choice === 'auto' || choice === 'required' || choice === 'none') return choice
  return { type: 'function', function: { name: choice } }
}

function settings(ask: Ask): Omit<ChatCompletionCreateParamsNonStreaming, 'messages'> {
  return {
    model: ask.model,
    ...(ask.tools && {
      tools: ask.tools.map((tool) => ({ type: 'function' as const, function: { ...tool } })),
    }),
    ...(ask.toolChoice !== undefined && { tool_choice: choiceOf(ask.toolChoice) }),
    ...(ask.thinking && { reasoning_effort: 'low' as const }),
    ...(ask.schema && {
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: 'answer', schema: ask.schema, strict: true },
      },
    }),
    ...(ask.maxTokens !== undefined && { max_completion_tokens: ask.maxTokens }),
    ...(ask.stop && { stop: [...ask.stop] }),
    ...(ask.candidates !== undefined && { n: ask.candidates }),
  }
}

function usageOf(usage: ChatCompletion['usage'] | null): SeenUsage | undefined {
  if (!usage) return undefined
  const details = usage.prompt_tokens_details
  return {
    input: usage.prompt_tokens,
    output: usage.completion_tokens,
    cacheRead: details?.cached_tokens ?? 0,
    cacheWrite: details?.cache_write_tokens ?? 0,
  }
}

/** In no SDK type: vendors add `reasoning_content` or `reasoning`, and the SDK keeps them. */
function reasoningOf(message: object): string {
  if ('reasoning_content' in message) return text(message.reasoning_content)
  return 'reasoning' in message ? text(message.reasoning) : ''
}

function seen(completion: ChatCompletion): Seen {
  const choice = completion.choices[0]
  const message = choice?.message
  const calls = (message?.tool_calls ?? []).filter((call) => call.type === 'function')
  return {
    model: completion.model,
    text: message?.content ?? '',
    thinking: message === undefined ? '' : reasoningOf(message),
    calls: calls.map(({ id, function: { name, arguments: json } }) => ({
      id,
      name,
      arguments: parseJson(json),
    })),
    finish: choice?.finish_reason ?? null,
    refusal: message?.refusal ?? undefined,
    texts: completion.choices.map((one) => one.message.content ?? ''),
    usage: usageOf(completion.usage),
  }
}

interface Draft {
  content: string
  reasoning: string
  refusal: string
  calls: ChatCompletionMessageFunctionToolCall[]
  finish: ChatCompletion.Choice['finish_reason'] | null
}

function addDelta(draft: Draft, choice: ChatCompletionChunk.Choice): void {
  draft.content += choice.delta.content ?? ''
  draft.reasoning += reasoningOf(choice.delta)
  draft.refusal += choice.delta.refusal ?? ''
  draft.finish = choice.finish_reason ?? draft.finish
  for (const piece of choice.delta.tool_calls ?? []) {
    const call = (draft.calls[piece.index] ??= {
      id: piece.id ?? '',
      type: 'function',
      function: { name: '', arguments: '' },
    })
    call.function.name += piece.function?.name ?? ''
    call.function.arguments += piece.function?.arguments ?? ''
  }
}

/** Puts a stream together by hand, as the many programs do that do not use the helper. */
async function iterated(stream: AsyncIterable<ChatCompletionChunk>): Promise<ChatCompletion> {
  const drafts: Draft[] = []
  let usage: ChatCompletion['usage']
  let head: ChatCompletionChunk | undefined
  for await (const chunk of stream) {
    head ??= chunk
    usage = chunk.usage ?? usage
    for (const choice of chunk.choices)
      addDelta(
        (drafts[choice.index] ??= { content: '', reasoning: '', refusal: '', calls: [], finish: null }),
        choice,
      )
  }
  if (head === undefined) throw new Error('The stream had no chunks.')
  const choices = drafts.map((draft, index): ChatCompletion.Choice => {
    if (draft.finish === null)
      throw new Error(`The stream ended without a finish reason for choice ${index}.`)
    const { content, refusal, reasoning, calls, finish } = draft
    const message = {
      role: 'assistant' as const,
      content: content || null,
      refusal: refusal || null,
      reasoning_content: reasoning,
    }
    return {
      index,
      logprobs: null,
      finish_reason: finish,
      message: calls.length === 0 ? message : { ...message, tool_calls: calls },
    }
  })
  return { id: head.id, object: 'chat.completion', created: head.created, model: head.model, choices, usage }
}

/** The helper keeps only the last delta of a member it does not know, so reasoning is collected beside it. */
async function helped(stream: ChatCompletionStream): Promise<ChatCompletion> {
  let reasoning = ''
  stream.on('chunk', (chunk) => {
    reasoning += reasoningOf(chunk.choices[0]?.delta ?? {})
  })
  const completion = await stream.finalChatCompletion()
  for (const choice of completion.choices) Object.assign(choice.message, { reasoning_content: reasoning })
  return completion
}

class OpenaiSession implements Session {
  readonly #client: OpenAI
  readonly #ask: Ask
  readonly #messages: ChatCompletionMessageParam[]

  constructor(client: OpenAI, ask: Ask) {
    this.#client = client
    this.#ask = ask
    this.#messages = ask.system === undefined ? [] : [{ role: 'system', content: ask.system }]
  }

  user(...parts: UserPart[]): void {
    this.#messages.push({ role: 'user', content: parts.map(part) })
  }

  /** Chat tool messages hold text only: users put an image into a user message behind them. */
  results(...results: ToolResult[]): void {
    for (const one of results)
      this.#messages.push({
        role: 'tool',
        tool_call_id: one.callId,
        content: one.isError ? `Error: ${one.text}` : one.text,
      })
    const images = results.flatMap((one) =>
      one.image === undefined ? [] : [{ type: 'image' as const, data: one.image }],
    )
    if (images.length > 0) this.user(...images)
  }

  recall(calls: readonly PastCall[]): void {
    const made = calls.map(({ id, name, arguments: input }) => ({
      id,
      type: 'function' as const,
      function: { name, arguments: JSON.stringify(input) },
    }))
    this.#messages.push({ role: 'assistant', content: null, tool_calls: made })
  }

  async send(mode: Mode): Promise<Seen> {
    const completion = await this.#complete(mode)
    const message = completion.choices[0]?.message
    // Only what the API's own types know: like most chat clients, this one drops all reasoning.
    if (message)
      this.#messages.push({
        role: 'assistant',
        content: message.content,
        ...(message.tool_calls?.length ? { tool_calls: message.tool_calls } : {}),
      })
    return seen(completion)
  }

  #complete(mode: Mode): Promise<ChatCompletion> {
    const body = { ...settings(this.#ask), messages: this.#messages }
    const streamed = { ...body, stream: true as const, stream_options: { include_usage: true } }
    const completions = this.#client.chat.completions
    if (mode === 'whole') return completions.create(body)
    if (mode === 'iterated') return completions.create(streamed).then(iterated)
    return helped(completions.stream(streamed))
  }
}

export function openaiClient(connection: Connection): Client {
  const client = new OpenAI({ baseURL: connection.baseUrl, apiKey: connection.apiKey, maxRetries: 0 })
  return {
    name: 'openai',
    open: (ask) => new OpenaiSession(client, ask),
    describe: (error): SeenError => {
      if (!(error instanceof OpenAI.APIError)) throw error
      return { name: error.constructor.name, status: error.status, type: error.type, message: error.message }
    },
  }
}
