import type { Block, MediaBlock } from '../../model/block.ts'
import { isObject, type JsonObject, rest } from '../../model/json.ts'
import { mediaKind, normaliseMediaType, UNKNOWN_TYPE } from '../../model/media-type.ts'
import { extensionsOf, type Opaque } from '../../model/origin.ts'
import { DIALECT, type WireFunctionCall, type WirePart } from './wire.ts'

const TEXT_KNOWN = new Set(['text', 'thought', 'thoughtSignature'])
const CALL_KNOWN = new Set(['functionCall', 'thoughtSignature'])
const INLINE_KNOWN = new Set(['inlineData', 'thoughtSignature'])
const FILE_KNOWN = new Set(['fileData', 'thoughtSignature'])

/** What a candidate does with the content of its parts. `extra` are the part's members outside the model. */
export interface PartSink {
  text(
    type: 'text' | 'thinking',
    text: string,
    signature: string | undefined,
    extra: JsonObject | undefined,
  ): void
  /** False when it is no call. */
  call(wire: WireFunctionCall, signature: string | undefined, extra: JsonObject | undefined): boolean
  /** A block that comes whole. */
  whole(block: Block): void
  opaque(value: string): Opaque
}

type PartDecoder = (part: WirePart, sink: PartSink) => void

/** Data field → what it becomes. A field that is not here makes an unknown block, kept as it came. */
const decoders: ReadonlyMap<string, PartDecoder> = new Map<string, PartDecoder>([
  ['text', decodeText],
  ['functionCall', decodeCall],
  ['inlineData', decodeInline],
  ['fileData', decodeFile],
])

const modifiers = new Set(['thought', 'thoughtSignature'])

export function decodePart(part: WirePart, sink: PartSink): void {
  let data = false
  for (const key in part) {
    const decode = decoders.get(key)
    if (decode) {
      decode(part, sink)
      return
    }
    data ||= !modifiers.has(key)
  }
  if (data) decodeUnknown(part, sink)
  else decodeText(part, sink)
}

/** Only `thought: true` is thinking; visible text that carries a signature stays text (protocol.md §2.8.2). */
function decodeText(part: WirePart, sink: PartSink): void {
  const text = typeof part.text === 'string' ? part.text : ''
  sink.text(part.thought === true ? 'thinking' : 'text', text, signatureOf(part), rest(part, TEXT_KNOWN))
}

function decodeCall(part: WirePart, sink: PartSink): void {
  const { functionCall } = part
  if (!isObject(functionCall) || !sink.call(functionCall, signatureOf(part), rest(part, CALL_KNOWN)))
    decodeUnknown(part, sink)
}

function decodeInline(part: WirePart, sink: PartSink): void {
  const { inlineData } = part
  if (part.thought === true || !isObject(inlineData) || typeof inlineData.data !== 'string') {
    decodeUnknown(part, sink)
    return
  }
  const mediaType = normaliseMediaType(inlineData.mimeType ?? UNKNOWN_TYPE)
  decodeMedia(part, sink, rest(part, INLINE_KNOWN), {
    type: 'media',
    kind: mediaKind(mediaType),
    source: { type: 'base64', mediaType, data: inlineData.data },
    ...(inlineData.displayName ? { filename: inlineData.displayName } : {}),
  })
}

function decodeFile(part: WirePart, sink: PartSink): void {
  const { fileData } = part
  if (part.thought === true || !isObject(fileData) || typeof fileData.fileUri !== 'string') {
    decodeUnknown(part, sink)
    return
  }
  const mediaType = fileData.mimeType
  decodeMedia(part, sink, rest(part, FILE_KNOWN), {
    type: 'media',
    kind: mediaKind(mediaType ?? ''),
    source: { type: 'url', url: fileData.fileUri, ...(mediaType ? { mediaType } : {}) },
    ...(fileData.displayName ? { filename: fileData.displayName } : {}),
  })
}

function decodeMedia(part: WirePart, sink: PartSink, extra: JsonObject | undefined, block: MediaBlock): void {
  const signature = signatureOf(part)
  const extensions = extensionsOf(DIALECT, extra)
  if (signature !== undefined) block.signature = sink.opaque(signature)
  if (extensions) block.extensions = extensions
  sink.whole(block)
}

function decodeUnknown(part: WirePart, sink: PartSink): void {
  sink.whole({ type: 'unknown', dialect: DIALECT, wire: part })
}

function signatureOf(part: WirePart): string | undefined {
  return typeof part.thoughtSignature === 'string' && part.thoughtSignature !== ''
    ? part.thoughtSignature
    : undefined
}
