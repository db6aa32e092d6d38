import { base64OfBytes, tidyBase64 } from './base64.ts'
import type { MediaSource } from './block.ts'
import { resolveMediaType, sniffMediaType, UNKNOWN_TYPE } from './media-type.ts'

/** What a data URL holds (RFC 2397, protocol.md §2.4). */
export interface DataUrl {
  /** Normalised: `image/jpeg`, `audio/l16;rate=24000`. */
  mediaType: string
  /** Base64 in its standard spelling, not checked. */
  data: string
}

/** RFC 2397: what a data URL without a type holds. */
const DEFAULT_TYPE = 'text/plain'

export function isDataUrl(url: string): boolean {
  return /^\s*data:/i.test(url.slice(0, 64))
}

/**
 * Reads `data:<type>[;parameters][;base64],<payload>`: any case, white space and the URL-safe alphabet in the payload,
 * percent-encoding when `;base64` is missing. Undefined when it is not a data URL. Base64 is tidied, not checked.
 */
export function parseDataUrl(url: string): DataUrl | undefined {
  const comma = url.indexOf(',')
  if (comma < 0 || !isDataUrl(url)) return undefined
  const header = url.slice(0, comma).trim().slice('data:'.length)
  const { declared, isBase64 } = readHeader(header)
  const payload = url.slice(comma + 1)
  const data = isBase64 ? tidyBase64(payload) : base64OfBytes(percentDecode(payload))
  const mediaType =
    declared === undefined ? (sniffMediaType(data) ?? DEFAULT_TYPE) : resolveMediaType(declared, data)
  return { mediaType, data }
}

/** Parameters that say how the bytes are read stay with the type; others (`name=x.png`) only hide it. */
const reading = /^(charset|codecs|rate|channels)=/i

function readHeader(header: string): { declared: string | undefined; isBase64: boolean } {
  const pieces = header.split(';').map((piece) => piece.trim())
  const others = pieces.filter((piece) => piece.toLowerCase() !== 'base64')
  const [type = ''] = others
  const isTyped = type !== '' && !type.includes('=')
  const declared = [type, ...others.filter((piece) => reading.test(piece))].join(';')
  return { declared: isTyped ? declared : undefined, isBase64: others.length < pieces.length }
}

/** Percent-encoded text to bytes; characters that should have been escaped count as UTF-8. */
function percentDecode(text: string): number[] {
  const escaped = text.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/[^%\x21-\x7e]/gu, (character) => {
    const lone = /^[\ud800-\udfff]$/.test(character)
    return encodeURIComponent(lone ? '\ufffd' : character)
  })
  const bytes: number[] = []
  for (let index = 0; index < escaped.length; index += 1) {
    if (escaped[index] === '%') {
      bytes.push(Number.parseInt(escaped.slice(index + 1, index + 3), 16))
      index += 2
    } else bytes.push(escaped.charCodeAt(index))
  }
  return bytes
}

/**
 * A media source from what clients write where a URL belongs: a `data:` URL, another URL, or bare base64. The content
 * is not checked: that is for encoders whose wire demands it.
 */
export function mediaSource(text: string): MediaSource {
  if (isDataUrl(text)) {
    const parsed = parseDataUrl(text)
    return parsed ? { type: 'base64', ...parsed } : { type: 'url', url: text }
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(text.slice(0, 40))) return { type: 'url', url: text }
  const data = tidyBase64(text)
  return { type: 'base64', mediaType: sniffMediaType(data) ?? UNKNOWN_TYPE, data }
}

/** The URL that carries a source; undefined when it has none. */
export function urlOfSource(source: MediaSource): string | undefined {
  if (source.type === 'base64') return `data:${source.mediaType};base64,${source.data}`
  return source.type === 'url' ? source.url : undefined
}
