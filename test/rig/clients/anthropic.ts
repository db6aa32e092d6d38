import Anthropic from '@anthropic-ai/sdk'
import type {
  ContentBlock,
  ContentBlockParam,
  Message,
  MessageCreateParamsNonStreaming,
  MessageParam,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages'
import { fields, parseJson, text } from '../json.ts'
import type {
  Ask,
  Client,
  Connection,
  Mode,
  PastCall,
  Seen,
  SeenError,
  Session,
  ToolResult,
  UserPart,
} from './ask.ts'

const DEFAULT_MAX_TOKENS = 4096
const THINKING_BUDGET = 2048

function block(one: UserPart): ContentBlockParam {
  switch (one.type) {
    case 'text':
      return { type: 'text', text: one.text }
    case 'image':
      return { type: 'image', source: { type: 'base64', media_type: 'image/png', data: one.data } }
    case 'image-url':
      return { type: 'image', source: { type: 'url', url: one.url } }
    case 'pdf':
      return { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: one.data } }
    case 'text-document':
      return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: one.text } }
    case 'audio':
      throw new Error('The Messages API has no audio input: no client can ask for it.')
  }
}

function choiceOf(choice: string): MessageCreateParamsNonStreaming['tool_choice'] {
  if (choice === 'required') return { type: 'any' }
  return choice === 'auto' || choice === 'none' ? { type: choice } : { type: 'tool', name: choice }
}

function thinkingOf(how: 'budget' | 'adaptive'): MessageCreateParamsNonStreaming['thinking'] {
  return how === 'adaptive' ? { type: 'adaptive' } : { type: 'enabled', budget_tokens: THINKING_BUDGET }
}

function settings(ask: Ask): Omit<MessageCreateParamsNonStreaming, 'messages'> {
  if (ask.candidates !== undefined) throw new Error('The Messages API has no `n`: no client can ask for it.')
  return {
    model: ask.model,
    max_tokens: ask.maxTokens ?? DEFAULT_MAX_TOKENS,
    ...(ask.system !== undefined && { system: ask.system }),
    ...(ask.tools && {
      tools: ask.tools.map(({ name, description, parameters }) => ({
        name,
        description,
        input_schema: { type: 'object' as const, ...parameters },
      })),
    }),
    ...(ask.toolChoice !== undefined && { tool_choice: choiceOf(ask.toolChoice) }),
    ...(ask.thinking !== undefined && { thinking: thinkingOf(ask.thinking) }),
    ...(ask.schema && { output_config: { format: { type: 'json_schema' as const, schema: ask.schema } } }),
    ...(ask.stop && { stop_sequences: [...ask.stop] }),
  }
}

function seen(message: Message): Seen {
  const words = message.content.map((one) => (one.type === 'text' ? one.text : '')).join('')
  const usage = message.usage
  const cacheRead = usage.cache_read_input_tokens ?? 0
  const cacheWrite = usage.cache_creation_input_tokens ?? 0
  return {
    model: message.model,
    text: words,
    thinking: message.content.map((one) => (one.type === 'thinking' ? one.thinking : '')).join(''),
    calls: message.content
      .filter((one) => one.type === 'tool_use')
      .map(({ id, name, input }) => ({ id, name, arguments: input })),
    finish: message.stop_reason,
    refusal: message.stop_details?.explanation ?? undefined,
    texts: [words],
    usage: {
      input: usage.input_tokens + cacheRead + cacheWrite,
      cacheRead,
      cacheWrite,
      output: usage.output_tokens,
    },
  }
}

/** A block under construction; the argument text of a call is parsed when the block ends. */
interface Draft {
  block: ContentBlock
  json: string
}

function applyDelta(
  draft: Draft,
  delta: Extract<RawMessageStreamEvent, { type: 'content_block_delta' }>['delta'],
): void {
  const { block } = draft
  if (delta.type === 'text_delta' && block.type === 'text') block.text += delta.text
  else if (delta.type === 'thinking_delta' && block.type === 'thinking') block.thinking += delta.thinking
  else if (delta.type === 'signature_delta' && block.type === 'thinking') block.signature = delta.signature
  else if (delta.type === 'input_json_delta') draft.json += delta.partial_json
}

/** Puts a stream together by hand and insists on its grammar: one block after another, numbered from 0. */
async function iterated(stream: AsyncIterable<RawMessageStreamEvent>): Promise<Message> {
  let message: Message | undefined
  let open: Draft | undefined
  let isOver = false
  for await (const event of stream) {
    if (isOver) throw new Error(`${event.type} after message_stop`)
    if (event.type === 'message_start') {
      if (message !== undefined) throw new Error('a second message_start')
      message = event.message
    } else if (message === undefined) throw new Error(`${event.type} before message_start`)
    else if (event.type === 'content_block_start') {
      if (open !== undefined || event.index !== message.content.length)
        throw new Error(`block ${event.index} starts out of turn`)
      open = { block: event.content_block, json: '' }
    } else if (event.type === 'content_block_delta') {
      if (open === undefined || event.index !== message.content.length)
        throw new Error(`delta for block ${event.index}, which is not open`)
      applyDelta(open, event.delta)
    } else if (event.type === 'content_block_stop') {
      if (open === undefined) throw new Error(`block ${event.index} stops but is not open`)
      if (open.block.type === 'tool_use') open.block.input = fields(parseJson(open.json || '{}'))
      message.content.push(open.block)
      open = undefined
    } else if (event.type === 'message_delta') {
      if (open !== undefined) throw new Error('message_delta while a block is open')
      const usage = Object.entries(event.usage).filter(([, value]) => value !== null)
      Object.assign(message, event.delta, { usage: { ...message.usage, ...Object.fromEntries(usage) } })
    } else isOver = true
  }
  if (message === undefined || !isOver) throw new Error('The stream ended without message_stop.')
  return message
}

class AnthropicSession implements Session {
  readonly #client: Anthropic
  readonly #ask: Ask
  readonly #messages: MessageParam[] = []

  constructor(client: Anthropic, ask: Ask) {
    this.#client = client
    this.#ask = ask
  }

  user(...parts: UserPart[]): void {
    this.#messages.push({ role: 'user', content: parts.map(block) })
  }

  results(...results: ToolResult[]): void {
    const content = results.map((one): ContentBlockParam => {
      const words = { type: 'text' as const, text: one.text }
      const image =
        one.image === undefined
          ? []
          : [
              {
                type: 'image' as const,
                source: { type: 'base64' as const, media_type: 'image/png' as const, data: one.image },
              },
            ]
      return {
        type: 'tool_result',
        tool_use_id: one.callId,
        content: [words, ...image],
        ...(one.isError ? { is_error: true } : {}),
      }
    })
    this.#messages.push({ role: 'user', content })
  }

  recall(calls: readonly PastCall[]): void {
    const content = calls.map(({ id, name, arguments: input }) => ({
      type: 'tool_use' as const,
      id,
      name,
      input,
    }))
    this.#messages.push({ role: 'assistant', content })
  }

  async send(mode: Mode): Promise<Seen> {
    const message = await this.#complete(mode)
    this.#messages.push({
      role: 'assistant',
      content: message.content.map((one) => one as ContentBlockParam),
    })
    return seen(message)
  }

  #complete(mode: Mode): Promise<Message> {
    const body = { ...settings(this.#ask), messages: this.#messages }
    if (mode === 'whole') return this.#client.messages.create(body)
    if (mode === 'iterated') return this.#client.messages.create({ ...body, stream: true }).then(iterated)
    return this.#client.messages.stream(body).finalMessage()
  }
}

export function anthropicClient(connection: Connection): Client {
  const client = new Anthropic({ baseURL: connection.baseUrl, apiKey: connection.apiKey, maxRetries: 0 })
  return {
    name: 'anthropic',
    open: (ask) => new AnthropicSession(client, ask),
    describe: (error): SeenError => {
      if (!(error instanceof Anthropic.APIError)) throw error
      const type = text(fields(fields(error.error)['error'])['type'])
      return { name: error.constructor.name, status: error.status, type, message: error.message }
    },
  }
}
