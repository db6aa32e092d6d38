import { textOfBase64 } from '../../model/base64.ts'
import type { Block, MediaBlock, MediaSource } from '../../model/block.ts'
import type { JsonObject } from '../../model/json.ts'
import { isTextType, plainMediaType, resolveMediaType } from '../../model/media-type.ts'
import { at } from '../../model/read.ts'
import type { EncodeContext } from './context.ts'
import { imageTypes, own } from './wire.ts'

type Inline = Extract<MediaSource, { type: 'base64' }>

/** Encodes the blocks inside a document. */
type EncodeBlocks = (blocks: readonly Block[], path: string) => JsonObject[]

/** Images and documents for an upstream of this dialect; audio and video have no place in it (protocol.md §2.4). */
export function encodeMedia(
  block: MediaBlock,
  path: string,
  context: EncodeContext,
  inner: EncodeBlocks,
): JsonObject[] {
  if (block.kind === 'image') return wrap(block, 'image', imageSource(block, path, context), {})
  if (block.kind === 'document') return encodeDocument(block, path, context, inner)
  context.losses.refuse(path, `the upstream reads no ${block.kind}`)
  return []
}

function wrap(
  block: MediaBlock,
  type: string,
  source: JsonObject | undefined,
  more: JsonObject,
): JsonObject[] {
  return source === undefined ? [] : [{ type, source, ...more, ...own(block.extensions) }]
}

function imageSource(block: MediaBlock, path: string, context: EncodeContext): JsonObject | undefined {
  const { losses, capabilities } = context
  const { source } = block
  if (block.detail !== undefined && block.detail !== 'auto')
    losses.drop(at(path, 'detail'), 'the upstream has no such setting')
  if (!capabilities.images) {
    losses.refuse(path, 'the upstream model reads no images')
    return undefined
  }
  if (source.type === 'base64') {
    const mediaType = typeOf(source)
    if (imageTypes.has(mediaType)) return { type: 'base64', media_type: mediaType, data: source.data }
    losses.refuse(path, `the upstream reads JPEG, PNG, GIF and WebP images, not ${mediaType}`)
    return undefined
  }
  return referenced(block, path, context, capabilities.imageUrl)
}

/** What the content is, also where the client declared nothing that helps: `image/*`, `application/octet-stream`. */
function typeOf({ mediaType, data }: Inline): string {
  return plainMediaType(resolveMediaType(mediaType, data))
}

/** A source that only points somewhere: an address, or a file in the vendor's own store. */
function referenced(
  { source, kind }: MediaBlock,
  path: string,
  { losses }: EncodeContext,
  byUrl: boolean,
): JsonObject | undefined {
  if (source.type === 'file' && source.dialect === 'messages') return { type: 'file', file_id: source.id }
  if (source.type === 'url' && byUrl && /^https?:/i.test(source.url)) return { type: 'url', url: source.url }
  const why =
    source.type === 'file'
      ? 'the file lies in the store of another provider: send its content instead'
      : `the upstream takes no ${kind} from this address: send it as base64`
  losses.refuse(path, why)
  return undefined
}

function encodeDocument(
  block: MediaBlock,
  path: string,
  context: EncodeContext,
  inner: EncodeBlocks,
): JsonObject[] {
  if (!context.capabilities.documents) return unreadable(block, path, context)
  const more: JsonObject = {}
  const title = block.title ?? block.filename
  if (title !== undefined) more.title = title
  if (block.context !== undefined) more.context = block.context
  if (block.citations !== undefined) more.citations = { enabled: block.citations }
  return wrap(block, 'document', documentSource(block, path, context, inner), more)
}

function documentSource(
  block: MediaBlock,
  path: string,
  context: EncodeContext,
  inner: EncodeBlocks,
): JsonObject | undefined {
  const { source } = block
  if (source.type === 'text') return { type: 'text', media_type: 'text/plain', data: source.text }
  if (source.type === 'blocks') return { type: 'content', content: inner(source.blocks, at(path, 'source')) }
  if (source.type !== 'base64') return referenced(block, path, context, context.capabilities.documentUrl)
  const mediaType = typeOf(source)
  if (mediaType === 'application/pdf') return { type: 'base64', media_type: mediaType, data: source.data }
  const text = isTextType(mediaType) ? textOfBase64(source.data) : undefined
  if (text !== undefined) return { type: 'text', media_type: 'text/plain', data: text }
  context.losses.refuse(path, `the upstream reads PDF and plain text documents, not ${mediaType}`)
  return undefined
}

/** The upstream reads no documents: the text of one may be given as text when the policy says so. */
function unreadable(block: MediaBlock, path: string, { losses, target }: EncodeContext): JsonObject[] {
  const text = target.documentPolicy === 'text' ? textBehind(block) : undefined
  if (text === undefined) {
    losses.refuse(path, 'the upstream model reads no documents')
    return []
  }
  losses.approximate(path, 'the document was given to the upstream as plain text')
  const title = block.title ?? block.filename
  return [{ type: 'text', text: title === undefined ? text : `${title}\n\n${text}` }]
}

function textBehind({ source }: MediaBlock): string | undefined {
  if (source.type === 'text') return source.text
  if (source.type === 'base64' && isTextType(typeOf(source))) return textOfBase64(source.data)
  if (source.type !== 'blocks') return undefined
  return source.blocks.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
}
