import type { Block, MediaBlock, MediaSource } from '../../model/block.ts'
import { mediaSource } from '../../model/data-url.ts'
import { invalid } from '../../model/error.ts'
import { isObject, type Json, type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { mediaKind } from '../../model/media-type.ts'
import { asObject, at, describe, readString, required } from '../../model/read.ts'
import { readMark } from './cache.ts'
import { keep } from './extensions.ts'
import { DIALECT, markFields } from './wire.ts'

/** `content` of any message: a string, an array of parts, or nothing. An empty string is no block. */
export function decodeContent(value: Json | undefined, path: string): Block[] {
  if (value === undefined || value === null || value === '') return []
  if (typeof value === 'string') return [{ type: 'text', text: value }]
  if (!Array.isArray(value))
    throw invalid(path, `expected a string or an array of parts, got ${describe(value)}`)
  return value.flatMap((entry, index) => {
    const here = at(path, index)
    return decodePart(asObject(entry, here), here)
  })
}

type PartDecoder = (part: JsonObject, path: string) => Block | Block[]

const decoders: Record<string, PartDecoder> = {
  text: (part, path) => ({
    type: 'text',
    text: required(readString(part, 'text', path), at(path, 'text'), 'a string'),
    ...common(part, path, ['text']),
  }),
  refusal: (part, path) => ({
    type: 'refusal',
    text: required(readString(part, 'refusal', path), at(path, 'refusal'), 'a string'),
    ...common(part, path, ['refusal'], 'refusal'),
  }),
  thinking: decodeThinking,
  image_url: decodeImage,
  input_audio: decodeAudio,
  file: decodeFile,
  video_url: (part, path) => decodeVideo(part, path, 'video_url'),
  input_video: (part, path) => decodeVideo(part, path, 'input_video'),
  document_url: decodeDocumentUrl,
}

/** One part; a type we do not know is kept whole. */
export function decodePart(part: JsonObject, path: string): Block | Block[] {
  const type = required(readString(part, 'type', path), at(path, 'type'), 'the type of the part')
  const decoder = Object.hasOwn(decoders, type) ? decoders[type] : undefined
  return decoder?.(part, path) ?? { type: 'unknown', dialect: DIALECT, wire: part }
}

/** Cache mark and unread members of a part; `form` notes the part type where the block does not tell it. */
function common(part: JsonObject, path: string, own: string[], form?: string) {
  const { cache, form: mark } = readMark(part, path)
  const kept = rest(part, new Set([...markFields, ...own]))
  return defined({ cache, extensions: keep(kept, { mark, part: form }) })
}

/** Thoughts among the content (protocol.md §1.5): one block a piece, so that the pieces stay apart. */
function decodeThinking(part: JsonObject, path: string): Block[] {
  const pieces = part['thinking']
  const texts = Array.isArray(pieces)
    ? pieces.map((piece) =>
        isObject(piece) && typeof piece['text'] === 'string' ? piece['text'] : undefined,
      )
    : [typeof pieces === 'string' ? pieces : undefined]
  if (texts.includes(undefined)) return [{ type: 'unknown', dialect: DIALECT, wire: part }]
  const { extensions } = common(part, path, ['thinking'], 'thinking')
  return texts.map((text = '') => ({ type: 'thinking', text, extensions }))
}

function decodeImage(part: JsonObject, path: string): Block {
  const { url, details } = urlMember(part, 'image_url', path)
  const here = at(path, 'image_url')
  return defined({
    type: 'media',
    kind: 'image',
    source: mediaSource(url),
    detail: readString(details, 'detail', here),
    ...common(part, path, ['image_url']),
    ...keptInside(part, path, 'image_url', rest(details, new Set(['url', 'detail']))),
  } satisfies MediaBlock)
}

function decodeVideo(part: JsonObject, path: string, form: 'video_url' | 'input_video'): Block {
  const member = part[form] === undefined ? 'video_url' : form
  const { url, details } = urlMember(part, member, path)
  const note = form === 'input_video' ? form : undefined
  return defined({
    type: 'media',
    kind: 'video',
    source: mediaSource(url),
    ...common(part, path, [member], note),
    ...keptInside(part, path, member, rest(details, new Set(['url'])), note),
  } satisfies MediaBlock)
}

/** A document by its URL, as a part of its own. */
function decodeDocumentUrl(part: JsonObject, path: string): Block {
  const { url } = urlMember(part, 'document_url', path)
  const form = 'document_url'
  return defined({
    type: 'media',
    kind: 'document',
    source: mediaSource(url),
    filename: readString(part, 'document_name', path),
    ...common(part, path, ['document_url', 'document_name'], form),
  } satisfies MediaBlock)
}

/** `{url}` or, as often seen, the bare string (protocol.md §3, 50). */
function urlMember(part: JsonObject, member: string, path: string): { url: string; details: JsonObject } {
  const here = at(path, member)
  const value = part[member]
  if (typeof value === 'string') return { url: value, details: {} }
  if (!isObject(value))
    throw invalid(here, `expected an object with a url, or the url itself, got ${describe(value)}`)
  return { url: required(readString(value, 'url', here), at(here, 'url'), 'a URL'), details: value }
}

/** Unread members inside the part's own object, kept below its name. */
function keptInside(
  part: JsonObject,
  path: string,
  member: string,
  inside: JsonObject | undefined,
  form?: string,
) {
  if (!inside) return undefined
  const kept = rest(part, new Set([...markFields, member]))
  return { extensions: keep({ ...kept, [member]: inside }, { mark: readMark(part, path).form, part: form }) }
}

const audioTypes: Record<string, string> = { mp3: 'audio/mpeg', m4a: 'audio/mp4' }

function decodeAudio(part: JsonObject, path: string): Block {
  const here = at(path, 'input_audio')
  const audio = part['input_audio']
  /** One vendor writes the URL or the base64 itself: kept as it came, no other dialect's audio looks like it. */
  if (typeof audio === 'string') return { type: 'unknown', dialect: DIALECT, wire: part }
  if (!isObject(audio)) throw invalid(here, `expected an object with data and format, got ${describe(audio)}`)
  const data = required(readString(audio, 'data', here), at(here, 'data'), 'base64 data')
  const format = required(readString(audio, 'format', here), at(here, 'format'), '"wav" or "mp3"')
  return defined({
    type: 'media',
    kind: 'audio',
    source: audioSource(data, audioTypes[format] ?? `audio/${format}`),
    ...common(part, path, ['input_audio']),
    ...keptInside(part, path, 'input_audio', rest(audio, new Set(['data', 'format']))),
  } satisfies MediaBlock)
}

function audioSource(data: string, mediaType: string): MediaSource {
  const source = mediaSource(data)
  return source.type === 'base64' ? { ...source, mediaType } : source
}

/** A file part may hold anything; other dialects have a block of its own for each kind. */
function decodeFile(part: JsonObject, path: string): Block {
  const here = at(path, 'file')
  const file = part['file']
  if (!isObject(file))
    throw invalid(here, `expected an object with file_data or file_id, got ${describe(file)}`)
  const source = fileSource(file, here)
  const kind = source.type === 'base64' ? mediaKind(source.mediaType) : 'document'
  const form = kind === 'document' ? undefined : 'file'
  return defined({
    type: 'media',
    kind,
    source,
    filename: readString(file, 'filename', here),
    ...common(part, path, ['file'], form),
    ...keptInside(part, path, 'file', rest(file, new Set(['file_data', 'file_id', 'filename'])), form),
  } satisfies MediaBlock)
}

function fileSource(file: JsonObject, path: string): MediaSource {
  const data = readString(file, 'file_data', path)
  if (data !== undefined) return mediaSource(data)
  const id = readString(file, 'file_id', path)
  if (id !== undefined) return { type: 'file', id, dialect: DIALECT }
  throw invalid(path, 'expected file_data (a data URL) or file_id')
}
