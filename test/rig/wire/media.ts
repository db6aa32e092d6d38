import type { Media } from './conversation.ts'

export function kindOf(mediaType: string): Media['kind'] {
  const family = mediaType.split('/')[0]
  return family === 'image' || family === 'audio' || family === 'video' ? family : 'document'
}

/** A `data:` URL or an address. `mediaType` is used for addresses, which say none. */
export function mediaFromUrl(url: string, mediaType: string): Media {
  const parts = /^data:([^;,]*)(?:;[^,]*)?;base64,(.*)$/s.exec(url)
  if (parts === null) return { type: 'media', kind: kindOf(mediaType), form: 'url', mediaType, value: url }
  const type = parts[1] ?? ''
  return { type: 'media', kind: kindOf(type), form: 'base64', mediaType: type, value: parts[2] ?? '' }
}

export function isBase64(value: string): boolean {
  return value.length > 0 && value.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(value)
}
