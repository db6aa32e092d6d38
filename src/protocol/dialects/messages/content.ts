import type { Block, MediaBlock, MediaSource, TextBlock, ToolResultBlock } from '../../model/block.ts'
import { isDataUrl, mediaSource } from '../../model/data-url.ts'
import { invalid } from '../../model/error.ts'
import { type Json, type JsonObject, rest } from '../../model/json.ts'
import type { Extensions, Opaque } from '../../model/origin.ts'
import {
  asObject,
  at,
  describe,
  readArray,
  readBoolean,
  readObject,
  readString,
  required,
} from '../../model/read.ts'
import { redactedBlock, serverCall, textBlock, thinkingBlock, toolCall, unknownBlock } from './blocks.ts'
import { decodeCacheMark } from './cache.ts'
import { blockKeys, DIALECT, ORIGINAL } from './wire.ts'

type Reader = (wire: JsonObject, path: string) => Block

/** Content blocks a client may send; every other type is kept whole as an unknown block. */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['text', readText],
  ['image', readImage],
  ['document', readDocument],
  ['search_result', readSearchResult],
  ['thinking', readThinking],
  ['redacted_thinking', readRedacted],
  ['tool_use', readToolUse],
  ['server_tool_use', readServerCall],
  ['mcp_tool_use', readServerCall],
  ['tool_result', readToolResult],
])

/** A message's `content`: a string or blocks. */
export function decodeContent(value: Json | undefined, path: string): Block[] {
  if (typeof value === 'string') return [{ type: 'text', text: value }]
  if (!Array.isArray(value))
    throw invalid(path, `expected a string or an array of blocks, got ${describe(value)}`)
  return attachSignatures(value.map((entry, index) => decodeBlock(entry, at(path, index))))
}

function decodeBlock(value: Json, path: string): Block {
  const wire = asObject(value, path)
  const type = required(readString(wire, 'type', path), at(path, 'type'), 'the kind of block')
  const block = (readers.get(type) ?? unknownBlock)(wire, path)
  const cache = decodeCacheMark(wire, path)
  if (cache === undefined) return block
  if (block.type === 'thinking' || block.type === 'refusal')
    throw invalid(at(path, 'cache_control'), `a ${type} block takes no cache mark`)
  return { ...block, cache }
}

function readText(wire: JsonObject, path: string): TextBlock {
  required(readString(wire, 'text', path), at(path, 'text'), 'a string')
  readArray(wire, 'citations', path)?.forEach((entry, index) => {
    asObject(entry, at(at(path, 'citations'), index))
  })
  return textBlock(wire)
}

function readImage(wire: JsonObject, path: string): MediaBlock {
  return {
    type: 'media',
    kind: 'image',
    source: readSource(wire, path, imageSources),
    ...kept(wire, blockKeys.image),
  }
}

function readDocument(wire: JsonObject, path: string): MediaBlock {
  const block: MediaBlock = {
    type: 'media',
    kind: 'document',
    source: readSource(wire, path, documentSources),
    ...kept(wire, blockKeys.document),
  }
  const title = readString(wire, 'title', path)
  const context = readString(wire, 'context', path)
  const citations = readObject(wire, 'citations', path)
  if (title !== undefined) block.title = title
  if (context !== undefined) block.context = context
  const enabled = citations && readBoolean(citations, 'enabled', at(path, 'citations'))
  if (enabled !== undefined) block.citations = enabled
  return block
}

type SourceReader = (source: JsonObject, path: string) => MediaSource

const imageSources: Record<string, SourceReader> = { base64: base64Source, url: urlSource, file: fileSource }
const documentSources: Record<string, SourceReader> = {
  ...imageSources,
  text: (source, path) => ({
    type: 'text',
    mediaType: readString(source, 'media_type', path) ?? 'text/plain',
    text: required(readString(source, 'data', path), at(path, 'data'), 'the text of the document'),
  }),
  content: (source, path) => ({ type: 'blocks', blocks: decodeContent(source.content, at(path, 'content')) }),
}

function readSource(wire: JsonObject, path: string, allowed: Record<string, SourceReader>): MediaSource {
  const place = at(path, 'source')
  const source = required(readObject(wire, 'source', path), place, 'an object')
  const type = required(readString(source, 'type', place), at(place, 'type'), 'the kind of source')
  const reader = Object.hasOwn(allowed, type) ? allowed[type] : undefined
  if (reader === undefined)
    throw invalid(
      at(place, 'type'),
      `expected one of ${Object.keys(allowed).join(', ')}, got ${describe(type)}`,
    )
  return reader(source, place)
}

function base64Source(source: JsonObject, path: string): MediaSource {
  return {
    type: 'base64',
    mediaType: required(readString(source, 'media_type', path), at(path, 'media_type'), 'a media type'),
    data: required(readString(source, 'data', path), at(path, 'data'), 'base64 data'),
  }
}

function urlSource(source: JsonObject, path: string): MediaSource {
  const url = required(readString(source, 'url', path), at(path, 'url'), 'an address')
  return isDataUrl(url) ? mediaSource(url) : { type: 'url', url }
}

function fileSource(source: JsonObject, path: string): MediaSource {
  const id = required(readString(source, 'file_id', path), at(path, 'file_id'), 'the id of an uploaded file')
  return { type: 'file', id, dialect: DIALECT }
}

/** Other dialects have no search results: they read its text, this one gets the original back (protocol.md §2.4). */
function readSearchResult(wire: JsonObject, path: string): TextBlock {
  const title = required(readString(wire, 'title', path), at(path, 'title'), 'a string')
  const source = required(readString(wire, 'source', path), at(path, 'source'), 'a string')
  const content = required(readArray(wire, 'content', path), at(path, 'content'), 'an array of text blocks')
  const passages = decodeContent(content, at(path, 'content')).map((block) =>
    block.type === 'text' ? block.text : '',
  )
  return {
    type: 'text',
    text: [`${title} (${source})`, ...passages].join('\n'),
    extensions: { messages: { [ORIGINAL]: wire } },
  }
}

function readThinking(wire: JsonObject, path: string): Block {
  required(readString(wire, 'thinking', path), at(path, 'thinking'), 'a string')
  readString(wire, 'signature', path)
  return thinkingBlock(wire)
}

function readRedacted(wire: JsonObject, path: string): Block {
  required(readString(wire, 'data', path), at(path, 'data'), 'a string')
  return redactedBlock(wire)
}

function readToolUse(wire: JsonObject, path: string): Block {
  checkCall(wire, path)
  return toolCall(wire)
}

function readServerCall(wire: JsonObject, path: string): Block {
  checkCall(wire, path)
  return serverCall(wire)
}

function checkCall(wire: JsonObject, path: string): void {
  required(readString(wire, 'id', path), at(path, 'id'), 'the id of the call')
  required(readString(wire, 'name', path), at(path, 'name'), 'the name of the tool')
  readObject(wire, 'input', path)
}

function readToolResult(wire: JsonObject, path: string): ToolResultBlock {
  const callId = required(
    readString(wire, 'tool_use_id', path),
    at(path, 'tool_use_id'),
    'the id of the call',
  )
  const content = wire.content ?? undefined
  const block: ToolResultBlock = {
    type: 'tool-result',
    callId,
    content: content === undefined ? [] : decodeContent(content, at(path, 'content')),
    ...kept(wire, blockKeys.toolResult),
  }
  const isError = readBoolean(wire, 'is_error', path)
  if (isError !== undefined) block.isError = isError
  return block
}

/**
 * The signature of a foreign call travels to the client in a redacted block before the call (`answer.ts`); here it
 * returns to the call it belongs to.
 */
function attachSignatures(blocks: Block[]): Block[] {
  return blocks.flatMap((block, index) => {
    const before = blocks[index - 1]
    const after = blocks[index + 1]
    if (after?.type === 'tool-call' && carried(block) !== undefined) return []
    const signature = before === undefined ? undefined : carried(before)
    return block.type === 'tool-call' && signature !== undefined ? [{ ...block, signature }] : [block]
  })
}

function carried(block: Block): Opaque | undefined {
  if (block.type !== 'thinking' || block.redacted !== true || block.opaque?.length !== 1) return undefined
  const [opaque] = block.opaque
  return opaque?.kind === 'thought-signature' ? opaque : undefined
}

function kept(wire: JsonObject, known: ReadonlySet<string>): { extensions?: Extensions } {
  const others = rest(wire, known)
  return others === undefined ? {} : { extensions: { messages: others } }
}
