import type { MediaSource } from '../../model/block.ts'
import { encodeBase64 } from './base64.ts'

/** First characters of base64 data and what they begin (protocol.md §2.4: sniff when the type is missing). */
const signatures: readonly [string, string][] = [
  ['/9j/', 'image/jpeg'],
  ['iVBORw0KGgo', 'image/png'],
  ['R0lGOD', 'image/gif'],
  ['JVBERi0', 'application/pdf'],
  ['SUQz', 'audio/mpeg'],
]
/** RIFF containers by the base64 of their form type (`WEBP`, `WAVE`). */
const riffTypes: Record<string, string> = { XRUJQ: 'image/webp', XQVZF: 'audio/wav' }
const UNTYPED = 'application/octet-stream'

/** A media source from a `data:` URL, another URL, or bare base64. */
export function sourceOf(text: string): MediaSource {
  if (/^data:/i.test(text.slice(0, 5))) return fromDataUrl(text)
  if (/^[a-z][a-z0-9+.-]*:/i.test(text.slice(0, 40))) return { type: 'url', url: text }
  return { type: 'base64', mediaType: sniff(text) ?? UNTYPED, data: text }
}

/** Tolerates upper case, parameters, a missing `;base64`, white space and the URL-safe alphabet. */
function fromDataUrl(url: string): MediaSource {
  const comma = url.indexOf(',')
  if (comma < 0) return { type: 'url', url }
  const [named = '', ...parameters] = url.slice(5, comma).toLowerCase().split(';')
  const payload = url.slice(comma + 1)
  const data = parameters.some((word) => word.trim() === 'base64') ? tidy(payload) : fromPercent(payload)
  return { type: 'base64', mediaType: mediaTypeOf(named.trim(), data), data }
}

function mediaTypeOf(named: string, data: string): string {
  if (named === 'image/jpg') return 'image/jpeg'
  if (named === '' || named === UNTYPED) return sniff(data) ?? (named === '' ? 'text/plain' : UNTYPED)
  return named
}

function sniff(data: string): string | undefined {
  if (data.startsWith('UklGR')) return riffTypes[data.slice(11, 16)]
  return signatures.find(([start]) => data.startsWith(start))?.[1]
}

function tidy(data: string): string {
  return /[\s_%-]/.test(data)
    ? data
        .replace(/\s|%0[ad]|%20/gi, '')
        .replaceAll('-', '+')
        .replaceAll('_', '/')
        .replace(/%3d/gi, '=')
    : data
}

function fromPercent(payload: string): string {
  try {
    return encodeBase64(decodeURIComponent(payload))
  } catch {
    return encodeBase64(payload)
  }
}

/** The URL that carries a source on this wire; undefined when it has none. */
export function urlOf(source: MediaSource): string | undefined {
  if (source.type === 'base64') return `data:${source.mediaType};base64,${source.data}`
  return source.type === 'url' ? source.url : undefined
}
