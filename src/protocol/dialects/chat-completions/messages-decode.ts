import type { Block, ToolResultBlock } from '../../model/block.ts'
import { invalid } from '../../model/error.ts'
import { type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { asObject, at, describe, readArray, readOneOf, readString, required } from '../../model/read.ts'
import type { Message } from '../../model/request.ts'
import { hasMark, readMark } from './cache.ts'
import { decodeCalls, OpenCalls } from './calls-decode.ts'
import { decodeContent } from './content-decode.ts'
import { keep } from './extensions.ts'
import { decodeThinkingFields } from './reasoning-details.ts'
import { besideSignature, readSignature } from './signature.ts'
import {
  assistantFields,
  DIALECT,
  functionMessageFields,
  messageFields,
  SIGNATURE_PATH,
  toolMessageFields,
} from './wire.ts'

type MessageDecoder = (message: JsonObject, path: string, open: OpenCalls) => Message

const decoders = {
  system: (message, path) => plain('system', message, path),
  developer: (message, path) => plain('system', message, path),
  user: (message, path) => plain('user', message, path),
  assistant,
  tool: toolResult,
  function: functionResult,
} satisfies Record<string, MessageDecoder>

type WireRole = keyof typeof decoders
const roles = Object.keys(decoders) as WireRole[]

/** One model message a wire message, so that paths are the client's own. */
export function decodeMessages(body: JsonObject): Message[] {
  const list = required(readArray(body, 'messages', ''), 'messages', 'an array of messages')
  if (list.length === 0) throw invalid('messages', 'expected at least one message, got an empty array')
  const open = new OpenCalls()
  return list.map((entry, index) => {
    const path = at('messages', index)
    const message = asObject(entry, path)
    const role = required(
      readOneOf(message, 'role', path, roles),
      at(path, 'role'),
      `one of ${roles.join(', ')}`,
    )
    return decoders[role](message, path, open)
  })
}

function plain(role: 'system' | 'user', message: JsonObject, path: string): Message {
  const here = at(path, 'content')
  const { content: value } = message
  if (value === undefined || value === null)
    throw invalid(here, `is required: expected a string or an array of parts, got ${describe(value)}`)
  const content = decodeContent(value, here)
  const kept = { ...rest(message, messageFields), ...placeMark(message, path, content) }
  return defined({ role, content, name: readString(message, 'name', path), extensions: keep(kept) })
}

/**
 * Thinking first, then the content, then the calls: the order in which they were made (protocol.md §2.3, 7). Images
 * are those of earlier answers (§5.2).
 */
function assistant(message: JsonObject, path: string, open: OpenCalls): Message {
  const content: Block[] = [
    ...decodeThinkingFields(message, path),
    ...decodeContent(message['content'], at(path, 'content')),
    ...refusalOf(message, path),
    ...imagesOf(message, path),
    ...decodeCalls(message, path, open),
  ]
  const kept = {
    ...rest(message, assistantFields),
    ...placeSignature(message, content),
    ...placeMark(message, path, content),
  }
  return defined({
    role: 'assistant',
    content,
    name: readString(message, 'name', path),
    extensions: keep(kept),
  })
}

function refusalOf(message: JsonObject, path: string): Block[] {
  const text = message['refusal'] === false ? undefined : readString(message, 'refusal', path)
  return text ? [{ type: 'refusal', text }] : []
}

function imagesOf(message: JsonObject, path: string): Block[] {
  const here = at(path, 'images')
  return decodeContent(readArray(message, 'images', path), here).map((block) =>
    block.type === 'media' ? { ...block, extensions: withNote(block) } : block,
  )
}

function withNote(block: Block & { type: 'media' }) {
  return keep(block.extensions?.[DIALECT], { part: 'images' })
}

/** A mark on the message means its last block; where no block can hold it, it stays a field of the message. */
function placeMark(message: JsonObject, path: string, content: Block[]): JsonObject | undefined {
  if (!hasMark(message)) return undefined
  const last = content.findLast((block) => block.type !== 'thinking' && block.type !== 'refusal')
  if (!last || last.type === 'unknown') return { cache_control: message['cache_control'] }
  last.cache ??= readMark(message, path).cache
  return undefined
}

/**
 * A thought signature on the message itself: an enveloped one belongs to the visible text it came with, a native
 * one goes back where it was.
 */
function placeSignature(message: JsonObject, content: Block[]): JsonObject | undefined {
  const opaque = readSignature(message)
  const text = content.findLast((block) => block.type === 'text')
  if (!opaque || opaque.dialect === DIALECT || !text) return undefined
  text.signature = opaque
  return { [SIGNATURE_PATH.container]: undefined, ...besideSignature(message) }
}

function toolResult(message: JsonObject, path: string, open: OpenCalls): Message {
  const given = readString(message, 'tool_call_id', path) || undefined
  const name = readString(message, 'name', path)
  const callId = open.take(defined({ id: given, name }))
  if (callId === undefined)
    throw invalid(at(path, 'tool_call_id'), 'is required: expected the id of the call that this answers')
  return result(message, path, { callId, name }, toolMessageFields)
}

function functionResult(message: JsonObject, path: string, open: OpenCalls): Message {
  const name = required(readString(message, 'name', path), at(path, 'name'), 'the name of the function')
  const callId = open.take({ name })
  if (callId === undefined)
    throw invalid(path, `no function_call of "${name}" comes before this function message`)
  return result(message, path, { callId, name }, functionMessageFields)
}

function result(
  message: JsonObject,
  path: string,
  call: { callId: string; name?: string },
  known: ReadonlySet<string>,
): Message {
  const { cache } = readMark(message, path)
  const content = decodeContent(message['content'], at(path, 'content'))
  const block: ToolResultBlock = defined({
    type: 'tool-result',
    ...call,
    content,
    cache,
    extensions: keep(rest(message, known)),
  })
  return { role: 'user', content: [block] }
}
