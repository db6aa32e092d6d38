/** Upstreams' addresses are few. */
const MAXIMUM_PLACES = 1_000
/** Some have the model in them, and clients may choose its name. */
const MAXIMUM_CHARACTERS = 2_000
const places = new Map<string, ServerPlace | undefined>()

export interface ServerPlace {
  address: string
  port: number
}

/** Host and port of a URL; nothing else of it, for a path or a query may hold a secret. */
export function serverPlaceOf(text: string): ServerPlace | undefined {
  if (places.has(text)) return places.get(text)
  const url = URL.parse(text)
  const place = url
    ? {
        address: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
      }
    : undefined
  if (text.length > MAXIMUM_CHARACTERS) return place
  if (places.size >= MAXIMUM_PLACES) places.clear()
  places.set(text, place)
  return place
}
