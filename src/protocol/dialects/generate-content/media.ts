import { cleanBase64 } from '../../model/base64.ts'
import type { MediaBlock } from '../../model/block.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import { isDataUrl, parseDataUrl } from '../../model/data-url.ts'
import type { JsonObject } from '../../model/json.ts'
import { mediaTypeOfName, normaliseMediaType, resolveMediaType } from '../../model/media-type.ts'
import { at } from '../../model/read.ts'
import type { Encoding } from './encoding.ts'
import { DIALECT, own } from './wire.ts'

/** Addresses the vendor reads itself, for every model (protocol.md §1.4 "fileUri accepts"). */
const NATIVE_ADDRESS =
  /^(gs:\/\/|https:\/\/generativelanguage\.googleapis\.com\/|https:\/\/(www\.)?youtube\.com\/watch|https:\/\/youtu\.be\/)/i

/** Taken when neither the client nor the name says which: the wire wants a type with every file. */
const usualType = {
  image: 'image/jpeg',
  audio: 'audio/mpeg',
  video: 'video/mp4',
  document: 'application/pdf',
} as const

const readable: Readonly<Record<MediaBlock['kind'], (capabilities: Capabilities) => boolean>> = {
  image: (capabilities) => capabilities.images,
  audio: (capabilities) => capabilities.audio,
  video: (capabilities) => capabilities.video,
  document: (capabilities) => capabilities.documents,
}

/** The data field of a part, without modifiers; undefined when the request has to be refused (already noted). */
export function mediaData(block: MediaBlock, path: string, encoding: Encoding): JsonObject | undefined {
  const { source, kind } = block
  const { losses } = encoding
  if (source.type === 'text') return { text: source.text }
  if (source.type === 'blocks') return undefined
  if (!readable[kind](encoding.capabilities)) {
    losses.refuse(path, `the model takes no ${kind} input`)
    return undefined
  }
  if (source.type === 'base64') return inline(source.mediaType, source.data, path, encoding)
  if (source.type === 'url') return fromUrl(source.url, source.mediaType, block, path, encoding)
  if (source.dialect !== DIALECT) {
    losses.refuse(path, 'the file lies in the file store of another provider: send its content instead')
    return undefined
  }
  return { fileData: { mimeType: source.mediaType ?? usualType[kind], fileUri: source.id } }
}

function inline(declared: string, data: string, path: string, { losses }: Encoding): JsonObject | undefined {
  const clean = cleanBase64(data)
  if (clean !== undefined) return { inlineData: { mimeType: resolveMediaType(declared, clean), data: clean } }
  losses.refuse(at(path, 'source'), 'the data is not base64: encode the bytes of the file as base64')
  return undefined
}

function fromUrl(
  url: string,
  declared: string | undefined,
  block: MediaBlock,
  path: string,
  encoding: Encoding,
): JsonObject | undefined {
  if (isDataUrl(url)) {
    const parsed = parseDataUrl(url)
    if (parsed) return inline(parsed.mediaType, parsed.data, path, encoding)
    encoding.losses.refuse(
      at(path, 'source'),
      'the data URL cannot be read: expected data:<type>;base64,<data>',
    )
    return undefined
  }
  if (!NATIVE_ADDRESS.test(url) && !fetchesUrls(block.kind, encoding.capabilities)) {
    encoding.losses.refuse(
      at(path, 'source'),
      `the upstream does not fetch ${block.kind} URLs: send the content inline as base64`,
    )
    return undefined
  }
  const mimeType = declared ? normaliseMediaType(declared) : (mediaTypeOfName(url) ?? usualType[block.kind])
  return { fileData: { mimeType, fileUri: url } }
}

function fetchesUrls(kind: MediaBlock['kind'], capabilities: Capabilities): boolean {
  return kind === 'image' ? capabilities.imageUrl : capabilities.documentUrl
}

const resolutions: ReadonlyMap<string, string> = new Map<string, string>(
  Object.entries({
    low: 'MEDIA_RESOLUTION_LOW',
    medium: 'MEDIA_RESOLUTION_MEDIUM',
    high: 'MEDIA_RESOLUTION_HIGH',
    original: 'MEDIA_RESOLUTION_ULTRA_HIGH',
  }),
)

/** Modifiers of the part: signature, resolution (newer models only: protocol.md §2.4), the piece of a video. */
export function mediaModifiers(block: MediaBlock, path: string, encoding: Encoding): JsonObject {
  const modifiers: JsonObject = { ...own(block.extensions) }
  const signature = encoding.signature(block.signature, at(path, 'signature'))
  if (signature !== undefined) modifiers['thoughtSignature'] = signature
  const level =
    block.detail === undefined || block.detail === 'auto' ? undefined : resolutions.get(block.detail)
  if (level !== undefined && encoding.capabilities.reasoningStyle === 'thinking-level')
    modifiers['mediaResolution'] = { level }
  else if (block.detail !== undefined && block.detail !== 'auto')
    encoding.losses.drop(at(path, 'detail'), 'the model has no such resolution setting')
  if (block.video) {
    const { start, end, fps } = block.video
    modifiers['videoMetadata'] = { startOffset: start, endOffset: end, fps }
  }
  reportLabels(block, path, encoding)
  return modifiers
}

/** Names and remarks of a document have no place on this wire (protocol.md §2.4). */
function reportLabels(block: MediaBlock, path: string, { losses }: Encoding): void {
  for (const member of ['filename', 'title', 'context'] as const)
    if (block[member] !== undefined)
      losses.drop(at(path, member), 'the upstream takes only the content itself')
  if (block.citations) losses.drop(at(path, 'citations'), 'the upstream does not cite documents')
}
