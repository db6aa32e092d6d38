import type { Block, MediaBlock, ToolResultBlock } from '../../model/block.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import { type Encoding, holdsKey } from './encoding.ts'
import { mediaData } from './media.ts'

/** A call of the turn before, as its response must name it. */
export interface PendingCall {
  id: string
  /** As sent: sanitised. */
  name: string
  idMade: boolean
  path: string
}

export interface EncodedResult {
  response: JsonObject
  /** Parts that follow after all responses: media older models do not take inside one. */
  after: JsonObject[]
}

/** One tool result as a functionResponse part (protocol.md §1.4, §2.4). */
export function encodeResult(
  result: ToolResultBlock,
  call: PendingCall,
  path: string,
  encoding: Encoding,
): EncodedResult {
  const media: JsonObject[] = []
  const after: JsonObject[] = []
  const texts: string[] = []
  for (const [index, block] of result.content.flatMap(unpacked).entries()) {
    const where = `${at(path, 'content')}[${index}]`
    if (block.type !== 'media') {
      texts.push(...textOf(block, where, encoding))
      continue
    }
    const data = mediaData(block, where, encoding)
    if (data === undefined) continue
    if (typeof data['text'] === 'string') texts.push(data['text'])
    else if (insideResponse(block, encoding)) media.push(data)
    else after.push({ text: `(${block.kind} returned by tool ${call.name} call ${call.id})` }, data)
  }
  if (after.length > 0)
    encoding.losses.approximate(path, 'media of a tool result follows it as ordinary parts for this model')
  const response = responseOf(texts, after.length > 0, result.isError === true)
  return { response: responsePart(call, response, encoding, media), after }
}

/** The answer to a call that got none: every call must have one. */
export function missingResult(call: PendingCall, encoding: Encoding): JsonObject {
  encoding.losses.approximate(call.path, 'the call has no result: an error was sent in its place')
  return responsePart(call, { error: 'no result was given for this call' }, encoding, [])
}

/** A result that answers no call of the turn before it is told in words. */
export function orphanText(result: ToolResultBlock, path: string, encoding: Encoding): JsonObject[] {
  encoding.losses.approximate(path, 'the result belongs to no call of the turn before it: sent as text')
  const name = result.name ?? result.callId
  const call: PendingCall = { id: result.callId, name, idMade: true, path }
  const { response, after } = encodeResult(result, call, path, encoding)
  const body = response['functionResponse']
  const value = isObject(body) ? body['response'] : undefined
  return [{ text: `Result of tool ${name}: ${JSON.stringify(value)}` }, ...after]
}

function responsePart(
  call: PendingCall,
  response: JsonObject,
  { capabilities }: Encoding,
  media: JsonObject[],
): JsonObject {
  const id = capabilities.functionCallIds && !call.idMade ? { id: call.id } : {}
  const parts = media.length > 0 ? { parts: media } : {}
  return { functionResponse: { ...id, name: call.name, response, ...parts } }
}

/** A document given as blocks counts as its blocks. */
function unpacked(block: Block): Block[] {
  return block.type === 'media' && block.source.type === 'blocks'
    ? block.source.blocks.flatMap(unpacked)
    : [block]
}

function insideResponse(block: MediaBlock, { capabilities }: Encoding): boolean {
  return capabilities.toolResultMedia && (block.kind === 'image' || block.kind === 'document')
}

function textOf(block: Block, path: string, { losses }: Encoding): string[] {
  if (block.type === 'text' || block.type === 'refusal') return [block.text]
  if (block.type !== 'unknown') return []
  losses.approximate(path, 'content this wire has no form for: sent as JSON text')
  return [JSON.stringify(block.wire)]
}

/**
 * The response must be an object: an object as it is, anything else under `output` or `error`. An object with a
 * `$ref` key would be read as a reference to a part, so it goes as text (protocol.md §1.4).
 */
function responseOf(texts: string[], mediaFollows: boolean, isError: boolean): JsonObject {
  const text = texts.join('\n')
  if (text === '' && mediaFollows) return { output: 'The content follows after this response.' }
  const value = texts.length === 1 ? structureOf(text) : undefined
  if (isError) return { error: value ?? text }
  return isObject(value) ? value : { output: value ?? text }
}

/** JSON objects and lists; text whose numbers would not survive parsing stays text. */
function structureOf(text: string): Json | undefined {
  if (!/^\s*[[{]/.test(text) || /\d{16}/.test(text)) return undefined
  const value = parseJson(text)
  return value === undefined || holdsKey(value, '$ref') ? undefined : value
}
