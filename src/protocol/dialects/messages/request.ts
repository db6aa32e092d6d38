import type { Block } from '../../model/block.ts'
import { invalid } from '../../model/error.ts'
import { type Json, type JsonObject, rest } from '../../model/json.ts'
import {
  asObject,
  asString,
  at,
  readArray,
  readBoolean,
  readNumber,
  readObject,
  readOneOf,
  readString,
  required,
} from '../../model/read.ts'
import type { ChatRequest, Message } from '../../model/request.ts'
import { decodeCacheMark } from './cache.ts'
import { decodeContent } from './content.ts'
import { decodeOutput, decodeThinking } from './reasoning.ts'
import { decodeToolChoice, decodeTools } from './tools.ts'
import { messageKeys, requestKeys } from './wire.ts'

/** Checks and decodes the body of `POST /v1/messages`. `max_tokens` may be absent: the encoders fill a default. */
export function decodeRequest(body: JsonObject): ChatRequest {
  const own: JsonObject = rest(body, requestKeys) ?? {}
  const model = required(readString(body, 'model', ''), 'model', 'the name of a model')
  if (model === '') throw invalid('model', 'expected the name of a model, got an empty string')
  const request: ChatRequest = {
    model,
    stream: readBoolean(body, 'stream', '') ?? false,
    messages: [...decodeSystem(body.system), ...decodeMessages(body)],
  }
  const tools = decodeTools(readArray(body, 'tools', ''))
  if (tools !== undefined) request.tools = tools
  decodeToolChoice(readObject(body, 'tool_choice', ''), request, own)
  decodeLimits(body, request)
  decodeThinking(body, request, own)
  decodeOutput(body, request, own)
  decodeIdentity(body, request, own)
  const cache = decodeCacheMark(body, '')
  if (cache !== undefined) request.cache = cache
  if (Object.keys(own).length > 0) request.extensions = { messages: own }
  return request
}

const roles = ['user', 'assistant', 'system'] as const

function decodeMessages(body: JsonObject): Message[] {
  const list = required(readArray(body, 'messages', ''), 'messages', 'an array of messages')
  if (list.length === 0) throw invalid('messages', 'expected at least one message, got an empty array')
  return list.map((entry, index) => decodeMessage(entry, at('messages', index)))
}

function decodeMessage(value: Json, path: string): Message {
  const wire = asObject(value, path)
  const role = required(readOneOf(wire, 'role', path, roles), at(path, 'role'), roles.join(', '))
  const message: Message = { role, content: decodeContent(wire.content, at(path, 'content')) }
  const others = rest(wire, messageKeys)
  if (others) message.extensions = { messages: others }
  return message
}

/** Top-level `system`: one message, its blocks and their cache marks kept apart. */
function decodeSystem(value: Json | undefined): Message[] {
  if (value === undefined || value === null || value === '') return []
  const content = decodeContent(value, 'system')
  content.forEach((block: Block, index) => {
    if (block.type !== 'text') throw invalid(at(at('system', index), 'type'), 'expected "text"')
  })
  return content.length === 0 ? [] : [{ role: 'system', content }]
}

function decodeLimits(body: JsonObject, request: ChatRequest): void {
  const maxOutputTokens = readNumber(body, 'max_tokens', '', { min: 0, integer: true })
  const temperature = readNumber(body, 'temperature', '', { min: 0, max: 1 })
  const topP = readNumber(body, 'top_p', '', { min: 0, max: 1 })
  const topK = readNumber(body, 'top_k', '', { min: 0, integer: true })
  const stop = readArray(body, 'stop_sequences', '')
  if (maxOutputTokens !== undefined) request.maxOutputTokens = maxOutputTokens
  if (temperature !== undefined) request.temperature = temperature
  if (topP !== undefined) request.topP = topP
  if (topK !== undefined) request.topK = topK
  if (stop !== undefined)
    request.stop = stop.map((entry, index) => asString(entry, at('stop_sequences', index)))
}

/** The wire's word for the ordinary tier is the only one that differs from the other dialects'. */
export const STANDARD_TIER = { wire: 'standard_only', model: 'default' } as const

const metadataKeys = new Set(['user_id'])

function decodeIdentity(body: JsonObject, request: ChatRequest, own: JsonObject): void {
  const metadata = readObject(body, 'metadata', '')
  const endUser = metadata && readString(metadata, 'user_id', 'metadata')
  const others = metadata && rest(metadata, metadataKeys)
  const tier = readString(body, 'service_tier', '')
  if (endUser !== undefined) request.endUser = endUser
  if (others) own.metadata = others
  if (tier !== undefined) request.serviceTier = tier === STANDARD_TIER.wire ? STANDARD_TIER.model : tier
}
