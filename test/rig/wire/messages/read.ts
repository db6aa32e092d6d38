import { at, type Fields, fields, list, text } from '../../json.ts'
import type { Conversation, Media, Part, State, Turn } from '../conversation.ts'
import type { WireRequest } from '../dialect.ts'
import { kindOf } from '../media.ts'

function readMedia(block: Fields): Media[] {
  const source = fields(block['source'])
  const isImage = block['type'] === 'image'
  if (source['type'] === 'content')
    return list(source['content']).flatMap((inner) => readMedia(fields(inner)))
  const value = text(source['data'] ?? source['url'] ?? source['file_id'])
  const form = source['type'] === 'base64' ? 'base64' : source['type'] === 'text' ? 'text' : 'url'
  const mediaType = text(source['media_type']) || (isImage ? 'image/*' : 'application/pdf')
  return [{ type: 'media', kind: isImage ? 'image' : kindOf(mediaType), form, mediaType, value }]
}

/** Redacted blocks carry `<seal>.<text>` so that they can be checked without a memory. */
export function openRedacted(data: string, request: WireRequest): { text: string; state: State } {
  const dot = data.indexOf('.')
  const words = dot < 0 ? '' : decodeURIComponent(data.slice(dot + 1))
  const own = request.seal.isOwn(data.slice(0, dot), request.vendor, request.model, words)
  return { text: words, state: own ? 'own' : 'foreign' }
}

function thinkingState(block: Fields, request: WireRequest): State {
  const signature = text(block['signature'])
  if (signature === '') return 'missing'
  return request.seal.isOwn(signature, request.vendor, request.model, text(block['thinking']))
    ? 'own'
    : 'foreign'
}

type BlockReader = (block: Fields, request: WireRequest) => Part[]

const readers: Record<string, BlockReader> = {
  __proto__: null as never,
  text: (block) => [{ type: 'text', text: text(block['text']) }],
  image: (block) => readMedia(block),
  document: (block) => readMedia(block),
  tool_use: (block) => [
    { type: 'call', id: text(block['id']), name: text(block['name']), arguments: block['input'] },
  ],
  tool_result: (block, request) => {
    const parts = readContent(block['content'], request)
    return [
      {
        type: 'result',
        id: text(block['tool_use_id']),
        text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
        isError: block['is_error'] === true,
        media: parts.filter((part) => part.type === 'media'),
      },
    ]
  },
  thinking: (block, request) => [
    { type: 'thinking', text: text(block['thinking']), state: thinkingState(block, request) },
  ],
  redacted_thinking: (block, request) => [
    { type: 'thinking', ...openRedacted(text(block['data']), request) },
  ],
}

function readContent(content: unknown, request: WireRequest): Part[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return list(content).flatMap((block) => readers[text(at(block, 'type'))]?.(fields(block), request) ?? [])
}

function textsOf(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((block) => text(at(block, 'text')))
    .join('\n')
}

function readChoice(choice: unknown): string {
  const names: Record<string, string> = {
    __proto__: null as never,
    auto: 'auto',
    any: 'required',
    none: 'none',
    tool: text(at(choice, 'name')),
  }
  return names[text(at(choice, 'type'))] ?? 'auto'
}

export function readMessages(request: WireRequest): Conversation {
  const body = request.body
  const messages = list(body['messages']).map(fields)
  const systems = [
    body['system'],
    ...messages.filter((one) => one['role'] === 'system').map((one) => one['content']),
  ]
  const format = at(body, 'output_config', 'format')
  return {
    model: request.model,
    stream: request.stream,
    system: systems
      .map(textsOf)
      .filter((words) => words !== '')
      .join('\n'),
    turns: messages
      .filter((message) => message['role'] !== 'system')
      .map(
        (message): Turn => ({
          role: message['role'] === 'assistant' ? 'assistant' : 'user',
          parts: readContent(message['content'], request),
        }),
      ),
    tools: list(body['tools']).map((tool) => ({
      name: text(at(tool, 'name')),
      schema: fields(at(tool, 'input_schema')),
    })),
    toolChoice: readChoice(body['tool_choice']),
    schema: at(format, 'type') === 'json_schema' ? fields(at(format, 'schema')) : undefined,
    stop: list(body['stop_sequences']).map(text),
    maxTokens: typeof body['max_tokens'] === 'number' ? body['max_tokens'] : undefined,
    candidates: 1,
    thinking: ['enabled', 'adaptive', 'between_tools'].includes(text(at(body, 'thinking', 'type'))),
    includeUsage: true,
  }
}
