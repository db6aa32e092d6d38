import type { Block, MediaBlock, ToolResultBlock } from '../../src/protocol/model/block.ts'
import { isObject, type Json, type JsonObject } from '../../src/protocol/model/json.ts'
import { normaliseMediaType } from '../../src/protocol/model/media-type.ts'
import type { Opaque } from '../../src/protocol/model/origin.ts'
import type { ChatRequest, Message, Tool } from '../../src/protocol/model/request.ts'
import { MAKER } from './generate-content.ts'

/**
 * A recorded generateContent body as the request a client would have sent us: written for the suites alone, apart
 * from the code under test, and only as wide as the recordings need.
 */
export function requestOf(wire: JsonObject): ChatRequest {
  const ids = new Ids()
  const system = partsOf(wire['systemInstruction']).map(
    (part): Message => ({
      role: 'system',
      content: [{ type: 'text', text: String(part['text']) }],
    }),
  )
  const messages = listOf(wire['contents']).map(
    (content): Message => ({
      role: isObject(content) && content['role'] === 'model' ? 'assistant' : 'user',
      content: partsOf(content).map((part) => blockOf(part, ids)),
    }),
  )
  const { contents: _, systemInstruction: __, tools, ...native } = wire
  return {
    model: 'test',
    stream: false,
    messages: [...system, ...messages],
    ...(tools === undefined ? {} : { tools: toolsOf(tools) }),
    extensions: { 'generate-content': native },
  }
}

/** Ids for exchanges recorded without: each response answers the oldest unanswered call. */
class Ids {
  #made = 0
  #unanswered: string[] = []

  call(wire: Json | undefined): { id: string; idMade?: boolean } {
    if (typeof wire === 'string') return { id: wire }
    const id = `made${++this.#made}`
    this.#unanswered.push(id)
    return { id, idMade: true }
  }

  response(wire: Json | undefined): string {
    return typeof wire === 'string' ? wire : (this.#unanswered.shift() ?? 'nobody')
  }
}

function blockOf(part: JsonObject, ids: Ids): Block {
  const { text, functionCall, functionResponse, thought } = part
  const signature = signatureOf(part)
  const signed = signature ? { signature } : {}
  if (typeof text === 'string' && thought === true)
    return { type: 'thinking', text, ...(signature ? { opaque: [signature] } : {}) }
  if (typeof text === 'string') return { type: 'text', text, ...signed }
  if (isObject(functionCall)) {
    const args = JSON.stringify(functionCall['args'] ?? {})
    const name = String(functionCall['name'])
    return {
      type: 'tool-call',
      ...ids.call(functionCall['id']),
      name,
      kind: 'function',
      arguments: args,
      ...signed,
    }
  }
  if (isObject(functionResponse)) return resultOf(functionResponse, ids)
  return mediaOf(part) ?? { type: 'unknown', dialect: 'generate-content', wire: part }
}

function resultOf(wire: JsonObject, ids: Ids): ToolResultBlock {
  const media = partsOf(wire).flatMap((part) => mediaOf(part) ?? [])
  return {
    type: 'tool-result',
    callId: ids.response(wire['id']),
    content: [{ type: 'text', text: JSON.stringify(wire['response']) }, ...media],
  }
}

function mediaOf({ inlineData, fileData, videoMetadata }: JsonObject): MediaBlock | undefined {
  const data = isObject(inlineData) ? inlineData : isObject(fileData) ? fileData : undefined
  if (!data) return undefined
  const mediaType = normaliseMediaType(String(data['mimeType']))
  const family = mediaType.split('/')[0]
  const kind = family === 'image' || family === 'audio' || family === 'video' ? family : 'document'
  const source: MediaBlock['source'] = isObject(inlineData)
    ? { type: 'base64', mediaType, data: String(data['data']) }
    : { type: 'url', mediaType, url: String(data['fileUri']) }
  const video = isObject(videoMetadata) ? { video: { start: String(videoMetadata['startOffset']) } } : {}
  return { type: 'media', kind, source, ...video }
}

function signatureOf({ thoughtSignature: value }: JsonObject): Opaque | undefined {
  if (typeof value !== 'string') return undefined
  return { dialect: 'generate-content', kind: 'thought-signature', value, maker: MAKER }
}

function toolsOf(wire: Json): Tool[] {
  return listOf(wire).flatMap((entry): Tool[] => {
    if (!isObject(entry)) return []
    const { functionDeclarations, ...provider } = entry
    const functions = listOf(functionDeclarations)
      .filter(isObject)
      .map(({ name, description, parametersJsonSchema, parameters }): Tool => {
        const schema = parametersJsonSchema ?? parameters
        return {
          type: 'function',
          name: String(name),
          ...(typeof description === 'string' ? { description } : {}),
          ...(isObject(schema) ? { parameters: schema } : {}),
        }
      })
    const own = Object.keys(provider).length > 0
    return own ? [...functions, { type: 'provider', dialect: 'generate-content', wire: provider }] : functions
  })
}

/**
 * The contents we expect to send: the recorded ones with turns of one role joined, and without thoughts that have no
 * signature, empty texts and empty turns (protocol.md §2.3, §2.8.2).
 */
export function expectedContents(wire: JsonObject): JsonObject[] {
  const contents: { role: Json; parts: JsonObject[] }[] = []
  for (const content of listOf(wire['contents'])) {
    const role = isObject(content) ? (content['role'] ?? 'user') : 'user'
    const kept = partsOf(content).filter(
      (part) => part['thoughtSignature'] !== undefined || !(part['thought'] === true || part['text'] === ''),
    )
    if (kept.length === 0) continue
    const last = contents[contents.length - 1]
    if (last?.role === role) last.parts.push(...kept)
    else contents.push({ role, parts: kept })
  }
  return contents
}

/** Values that are the user's: their keys are not the wire's. */
const opaque = new Set([
  'args',
  'response',
  'parametersJsonSchema',
  'parameters',
  'responseJsonSchema',
  'responseSchema',
  'labels',
])

/** Some recordings were sent in snake_case: the same body in the canonical spelling and base64 alphabet. */
export function camelCased(value: Json | undefined): Json {
  if (Array.isArray(value)) return value.map(camelCased)
  if (!isObject(value)) return value ?? null
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
      // Google's own SDKs write base64 in the URL-safe alphabet.
      if (name === 'data' && typeof member === 'string')
        return [name, member.replaceAll('-', '+').replaceAll('_', '/')]
      return [name, opaque.has(name) ? member : camelCased(member)]
    }),
  )
}

function partsOf(content: Json | undefined): JsonObject[] {
  return listOf(isObject(content) ? content['parts'] : undefined).filter(isObject)
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}
