import { textOfBase64 } from '../../model/base64.ts'
import type { Block, MediaBlock, MediaSource } from '../../model/block.ts'
import { urlOfSource } from '../../model/data-url.ts'
import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { isTextType, plainMediaType } from '../../model/media-type.ts'
import { noteOf } from './extensions.ts'
import type { Scope } from './scope.ts'
import { DIALECT } from './wire.ts'

/** A part, or text that stands in for it; undefined when it was refused or dropped, with the reason recorded. */
export type Encoded = JsonObject | undefined

type MediaEncoder = (block: MediaBlock, path: string, scope: Scope) => Encoded

const encoders: Record<MediaBlock['kind'], MediaEncoder> = {
  image: encodeImage,
  audio: encodeAudio,
  video: encodeVideo,
  document: encodeDocument,
}

/** Media as the upstream takes it (protocol.md §2.4). */
export function encodeMedia(block: MediaBlock, path: string, scope: Scope): Encoded {
  return encoders[block.kind](block, path, scope)
}

function encodeImage(block: MediaBlock, path: string, scope: Scope): Encoded {
  const { capabilities, losses } = scope
  const url = urlOfSource(block.source)
  if (!capabilities.images) losses.refuse(path, 'the upstream takes no images')
  else if (noteOf(block.extensions, 'part') === 'file') return filePart(block)
  else if (url === undefined) losses.refuse(`${path}.source`, 'the upstream cannot reach this image')
  else if (block.source.type === 'url' && !capabilities.imageUrl && !/^data:/i.test(url))
    losses.refuse(`${path}.source`, 'the upstream takes only images sent along with the request')
  else return { type: 'image_url', image_url: defined({ url, detail: block.detail }) }
  return undefined
}

const audioFormats: Record<string, string> = {
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
}

function encodeAudio(block: MediaBlock, path: string, { capabilities, losses }: Scope): Encoded {
  const { source } = block
  if (!capabilities.audio) losses.refuse(path, 'the upstream takes no audio')
  else if (noteOf(block.extensions, 'part') === 'file') return filePart(block)
  else if (source.type !== 'base64') losses.refuse(`${path}.source`, 'audio must be sent as base64')
  else {
    const mediaType = plainMediaType(source.mediaType)
    const format = audioFormats[mediaType] ?? mediaType.replace(/^audio\//, '')
    return { type: 'input_audio', input_audio: { data: source.data, format } }
  }
  return undefined
}

function encodeVideo(block: MediaBlock, path: string, { capabilities, losses }: Scope): Encoded {
  const url = urlOfSource(block.source)
  if (!capabilities.video) losses.refuse(path, 'the upstream takes no video')
  else if (noteOf(block.extensions, 'part') === 'file') return filePart(block)
  else if (url === undefined) losses.refuse(`${path}.source`, 'the upstream cannot reach this video')
  else {
    if (block.video) losses.drop(`${path}.video`, 'the upstream takes only whole videos')
    const form = noteOf(block.extensions, 'part') === 'input_video' ? 'input_video' : 'video_url'
    return { type: form, [form]: { url } }
  }
  return undefined
}

/** Plain text is text; a file goes as a file where the upstream reads it; else the policy decides. */
function encodeDocument(block: MediaBlock, path: string, scope: Scope): Encoded {
  const { capabilities, losses, target } = scope
  const text = plainText(block.source)
  if (text !== undefined) return textPart(block, text, path, scope)
  if (block.source.type === 'blocks') return encodeNested(block, block.source.blocks, path, scope)
  if (isReadable(block.source, capabilities)) {
    reportExtras(block, path, scope)
    return filePart(block)
  }
  const written = target.documentPolicy === 'text' ? textBehind(block.source) : undefined
  if (written !== undefined) {
    losses.approximate(path, 'the document is sent as text')
    return textPart(block, written, path, scope)
  }
  losses.refuse(path, 'the upstream cannot read this document')
  return undefined
}

function plainText(source: MediaSource): string | undefined {
  return source.type === 'text' ? source.text : undefined
}

function textBehind(source: MediaSource): string | undefined {
  const isText = source.type === 'base64' && isTextType(source.mediaType)
  return isText ? textOfBase64(source.data) : undefined
}

function isReadable(source: MediaSource, { documents, documentUrl }: Scope['capabilities']): boolean {
  if (!documents) return false
  if (source.type === 'url') return documentUrl
  return source.type === 'base64' || (source.type === 'file' && source.dialect === DIALECT)
}

function encodeNested(block: MediaBlock, blocks: Block[], path: string, scope: Scope): Encoded {
  const texts = blocks.flatMap((inner) => (inner.type === 'text' ? [inner.text] : []))
  if (texts.length < blocks.length)
    scope.losses.drop(`${path}.source`, 'only the text of this document can be carried')
  return textPart(block, texts.join('\n'), path, scope)
}

function textPart(block: MediaBlock, text: string, path: string, scope: Scope): Encoded {
  if (block.citations) scope.losses.drop(`${path}.citations`, 'the upstream does not cite documents')
  const heading = [block.title ?? block.filename, block.context].filter((line) => line !== undefined)
  return { type: 'text', text: heading.length > 0 ? `${heading.join('\n')}\n\n${text}` : text }
}

function reportExtras(block: MediaBlock, path: string, { losses }: Scope): void {
  if (block.citations) losses.drop(`${path}.citations`, 'the upstream does not cite documents')
  if (block.context !== undefined) losses.drop(`${path}.context`, 'a file part has no context')
}

const endings: Record<string, string> = {
  'application/pdf': 'pdf',
  'text/plain': 'txt',
  'text/markdown': 'md',
}

/** A `file` part; data without a name gets one, since the vendor requires it. */
function filePart(block: MediaBlock): Encoded {
  const { source, title } = block
  const url = urlOfSource(source)
  if (noteOf(block.extensions, 'part') === 'document_url')
    return defined({ type: 'document_url', document_url: url, document_name: block.filename })
  if (source.type === 'file')
    return { type: 'file', file: defined({ file_id: source.id, filename: block.filename }) }
  const ending =
    source.type === 'base64' ? (endings[source.mediaType] ?? source.mediaType.split('/').at(-1)) : 'pdf'
  return { type: 'file', file: { filename: block.filename ?? title ?? `document.${ending}`, file_data: url } }
}
