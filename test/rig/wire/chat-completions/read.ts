import { at, type Fields, fields, isFields, list, parseJson, text } from '../../json.ts'
import type { Conversation, Media, Part, State, Turn } from '../conversation.ts'
import type { WireRequest } from '../dialect.ts'
import { mediaFromUrl } from '../media.ts'

function readMedia(part: Fields): Media | undefined {
  if (part['type'] === 'image_url') {
    const source = part['image_url']
    return mediaFromUrl(text(isFields(source) ? source['url'] : source), 'image/*')
  }
  if (part['type'] === 'video_url') return mediaFromUrl(text(at(part, 'video_url', 'url')), 'video/*')
  if (part['type'] === 'file') return mediaFromUrl(text(at(part, 'file', 'file_data')), 'application/pdf')
  if (part['type'] === 'input_audio') {
    const mediaType = `audio/${text(at(part, 'input_audio', 'format'))}`
    return {
      type: 'media',
      kind: 'audio',
      form: 'base64',
      mediaType,
      value: text(at(part, 'input_audio', 'data')),
    }
  }
  return undefined
}

function readContent(content: unknown): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }]
  return list(content).map((part): Part => {
    const wire = fields(part)
    return readMedia(wire) ?? { type: 'text', text: text(wire['text'] ?? wire['refusal']) }
  })
}

export function plainText(content: unknown): string {
  return readContent(content)
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join('\n')
}

function detailState(detail: Fields, request: WireRequest): State {
  const words = text(detail['text'])
  const signature = text(detail['signature'])
  if (signature === '') return 'missing'
  return request.seal.isOwn(signature, request.vendor, request.model, words) ? 'own' : 'foreign'
}

function readThinking(message: Fields, request: WireRequest): Part[] {
  const details = list(message['reasoning_details']).map(fields)
  if (details.length > 0)
    return details.map((detail) => ({
      type: 'thinking',
      text: text(detail['text']),
      state: detailState(detail, request),
    }))
  const words = message['reasoning_content'] ?? message['reasoning']
  if (typeof words !== 'string') return []
  return [{ type: 'thinking', text: words, state: words === '' ? 'missing' : 'own' }]
}

function readCalls(message: Fields): Part[] {
  return list(message['tool_calls']).map((entry) => {
    const isCustom = at(entry, 'type') === 'custom'
    return {
      type: 'call',
      id: text(at(entry, 'id')),
      name: text(at(entry, isCustom ? 'custom' : 'function', 'name')),
      arguments: isCustom
        ? at(entry, 'custom', 'input')
        : parseJson(text(at(entry, 'function', 'arguments'))),
    }
  })
}

function readResult(message: Fields): Part {
  const content = readContent(message['content'])
  const words = plainText(message['content'])
  return {
    type: 'result',
    id: text(message['tool_call_id']),
    text: words,
    isError: /^error\b/i.test(words),
    media: content.filter((part) => part.type === 'media'),
  }
}

function readTurn(message: Fields, request: WireRequest): Turn {
  if (message['role'] === 'tool') return { role: 'user', parts: [readResult(message)] }
  const content = readContent(message['content'])
  if (message['role'] !== 'assistant') return { role: 'user', parts: content }
  return { role: 'assistant', parts: [...readThinking(message, request), ...content, ...readCalls(message)] }
}

function isSystem(message: Fields): boolean {
  return message['role'] === 'system' || message['role'] === 'developer'
}

function readChoice(choice: unknown): string {
  return typeof choice === 'string' ? choice : text(at(choice, 'function', 'name')) || 'auto'
}

export function readChat(request: WireRequest): Conversation {
  const body = request.body
  const messages = list(body['messages']).map(fields)
  const format = body['response_format']
  const stop = body['stop']
  const effort = body['reasoning_effort'] ?? at(body, 'reasoning', 'effort')
  return {
    model: request.model,
    stream: request.stream,
    system: messages
      .filter(isSystem)
      .map((message) => plainText(message['content']))
      .join('\n'),
    turns: messages.filter((message) => !isSystem(message)).map((message) => readTurn(message, request)),
    tools: list(body['tools']).map((tool) => ({
      name: text(at(tool, 'function', 'name')),
      schema: fields(at(tool, 'function', 'parameters')),
    })),
    toolChoice: readChoice(body['tool_choice']),
    schema: at(format, 'type') === 'json_schema' ? fields(at(format, 'json_schema', 'schema')) : undefined,
    stop: typeof stop === 'string' ? [stop] : list(stop).map(text),
    maxTokens: (body['max_completion_tokens'] ?? body['max_tokens']) as number | undefined,
    candidates: typeof body['n'] === 'number' ? body['n'] : 1,
    thinking:
      effort !== undefined || isFields(body['reasoning']) || at(body, 'thinking', 'type') === 'enabled',
    includeUsage: at(body, 'stream_options', 'include_usage') === true,
  }
}
