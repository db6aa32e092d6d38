import type { Block, MediaBlock, MediaSource } from './block.ts'
import type { JsonObject } from './json.ts'
import type { ChatRequest, Message, Tool } from './request.ts'

/**
 * A local guess at the tokens of a prompt, for when no provider has counted: about four UTF-8 bytes a token,
 * Chinese, Japanese and Korean about one and a half characters a token, and fixed prices for what is not text.
 * It is meant to be within a quarter of the truth for ordinary prompts; bills are never made from it alone
 * without being marked as estimated.
 */
const BYTES_PER_TOKEN = 4
const IDEOGRAPHS_PER_TOKEN = 1.5
/** Role and separators of one message. */
const MESSAGE = 4
/** Frame of one call or result: names, ids, separators. */
const CALL = 12
/** Frame of one tool definition, and of the tools as a whole. */
const TOOL = 12
const TOOLS = 300
/** One image at the usual size, one page of a document by its base64 length, one second of sound or film. */
const IMAGE = 1500
const DOCUMENT = 3000
const BASE64_PER_PAGE = 60_000
const PAGE = 2000
const CLIP = 2000

/** Tokens of the whole prompt, at least 1. */
export function estimateTokens(request: ChatRequest): number {
  let tokens = 3
  for (const message of request.messages) tokens += messageTokens(message)
  const { tools } = request
  if (tools && tools.length > 0) tokens += TOOLS + tools.reduce((sum, tool) => sum + toolTokens(tool), 0)
  if (request.format?.type === 'json-schema') tokens += jsonTokens(request.format.schema)
  return Math.max(1, Math.ceil(tokens))
}

/** Tokens of plain text, not rounded. */
export function estimateText(text: string): number {
  let bytes = 0
  let ideographs = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit < 0x80) bytes += 1
    else if (unit < 0x800) bytes += 2
    else if (isIdeograph(unit)) ideographs += 1
    else bytes += isSurrogate(unit) ? 2 : 3
  }
  return bytes / BYTES_PER_TOKEN + ideographs / IDEOGRAPHS_PER_TOKEN
}

/** CJK radicals to unified ideographs, kana, hangul, compatibility forms and full-width punctuation. */
function isIdeograph(unit: number): boolean {
  return (
    (unit >= 0x2e80 && unit <= 0x9fff) ||
    (unit >= 0xac00 && unit <= 0xd7af) ||
    (unit >= 0xf900 && unit <= 0xfaff) ||
    (unit >= 0xff00 && unit <= 0xffef)
  )
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

function messageTokens(message: Message): number {
  return MESSAGE + blockTokens(message.content)
}

function blockTokens(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => sum + oneBlock(block), 0)
}

function oneBlock(block: Block): number {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return estimateText(block.text)
    case 'thinking':
      return estimateText(block.text)
    case 'tool-call':
      return CALL + estimateText(block.name) + estimateText(block.arguments)
    case 'tool-result':
      return CALL + blockTokens(block.content)
    case 'media':
      return mediaTokens(block)
    case 'unknown':
      return jsonTokens(block.wire)
  }
}

function mediaTokens(block: MediaBlock): number {
  if (block.kind === 'image') return IMAGE
  if (block.kind === 'document') return documentTokens(block.source)
  return CLIP
}

function documentTokens(source: MediaSource): number {
  if (source.type === 'text') return estimateText(source.text)
  if (source.type === 'blocks') return blockTokens(source.blocks)
  if (source.type === 'base64') return PAGE * Math.max(1, Math.ceil(source.data.length / BASE64_PER_PAGE))
  return DOCUMENT
}

function toolTokens(tool: Tool): number {
  if (tool.type === 'provider') return TOOL + jsonTokens(tool.wire)
  const described = estimateText(tool.name) + estimateText(tool.description ?? '')
  return TOOL + described + (tool.type === 'function' && tool.parameters ? jsonTokens(tool.parameters) : 0)
}

function jsonTokens(value: JsonObject): number {
  return estimateText(JSON.stringify(value))
}
