import { at, canonical, type Fields, fields, isFields, list, text } from '../../json.ts'
import type { Conversation, Media, Part, State, Turn } from '../conversation.ts'
import type { WireRequest } from '../dialect.ts'
import { kindOf } from '../media.ts'
import { SENTINEL } from './models.ts'

/** What a signature stands for: the call or the text of its part. */
export function signedContent(part: Fields): string {
  const call = part['functionCall']
  return isFields(call) ? `${text(call['name'])}${canonical(call['args'] ?? {})}` : text(part['text'])
}

export function signatureState(part: Fields, request: WireRequest): State {
  const signature = text(part['thoughtSignature'])
  if (signature === '') return 'missing'
  if (signature === SENTINEL) return 'sentinel'
  return request.seal.isOwn(signature, request.vendor, request.model, signedContent(part)) ? 'own' : 'foreign'
}

function readMedia(part: Fields): Media | undefined {
  const inline = part['inlineData']
  const file = part['fileData']
  const mediaType = text(at(inline ?? file, 'mimeType'))
  if (inline === undefined && file === undefined) return undefined
  const form = inline === undefined ? 'url' : 'base64'
  const value = text(at(inline, 'data') ?? at(file, 'fileUri'))
  return { type: 'media', kind: kindOf(mediaType), form, mediaType, value }
}

function readResult(response: Fields): Part {
  const payload = fields(response['response'])
  const error = payload['error']
  const shown = error ?? payload['output'] ?? payload
  return {
    type: 'result',
    id: text(response['id']) || text(response['name']),
    text: typeof shown === 'string' ? shown : canonical(shown),
    isError: error !== undefined,
    media: list(response['parts']).flatMap((part) => readMedia(fields(part)) ?? []),
  }
}

function readPart(part: Fields, request: WireRequest): Part[] {
  const media = readMedia(part)
  if (media !== undefined) return [media]
  const state = signatureState(part, request)
  const call = part['functionCall']
  if (isFields(call))
    return [
      { type: 'call', id: text(call['id']), name: text(call['name']), arguments: call['args'] ?? {}, state },
    ]
  const response = part['functionResponse']
  if (isFields(response)) return [readResult(response)]
  if (part['thought'] === true) return [{ type: 'thinking', text: text(part['text']), state }]
  const words: Part[] = text(part['text']) === '' ? [] : [{ type: 'text', text: text(part['text']) }]
  return part['thoughtSignature'] === undefined ? words : [...words, { type: 'thinking', text: '', state }]
}

function textsOf(content: unknown): string {
  return list(at(content, 'parts'))
    .map((part) => text(at(part, 'text')))
    .join('\n')
}

function readChoice(config: unknown): string {
  const names = list(at(config, 'allowedFunctionNames'))
  const mode = text(at(config, 'mode'))
  if (mode === 'ANY') return names.length === 1 ? text(names[0]) : 'required'
  return mode === 'NONE' ? 'none' : 'auto'
}

export function readGenerate(request: WireRequest): Conversation {
  const body = request.body
  const config = fields(body['generationConfig'])
  const declarations = list(body['tools']).flatMap((tool) =>
    list(at(tool, 'functionDeclarations')).map(fields),
  )
  const schema = config['responseJsonSchema'] ?? config['responseSchema']
  return {
    model: request.model,
    stream: request.stream,
    system: textsOf(body['systemInstruction']),
    turns: list(body['contents']).map(
      (content): Turn => ({
        role: at(content, 'role') === 'model' ? 'assistant' : 'user',
        parts: list(at(content, 'parts')).flatMap((part) => readPart(fields(part), request)),
      }),
    ),
    tools: declarations.map((one) => ({
      name: text(one['name']),
      schema: fields(one['parametersJsonSchema'] ?? one['parameters']),
    })),
    toolChoice: readChoice(at(body, 'toolConfig', 'functionCallingConfig')),
    schema: isFields(schema) ? schema : undefined,
    stop: list(config['stopSequences']).map(text),
    maxTokens: typeof config['maxOutputTokens'] === 'number' ? config['maxOutputTokens'] : undefined,
    candidates: typeof config['candidateCount'] === 'number' ? config['candidateCount'] : 1,
    thinking: at(config, 'thinkingConfig', 'includeThoughts') === true,
    includeUsage: true,
  }
}
