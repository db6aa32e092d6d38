import { sendByFetch } from './fetch-send.ts'
import { sendOverHttp1 } from './http1/client.ts'
import { type Place, placeOf } from './http1/place.ts'
import { isProxied } from './proxy.ts'
import type { Send } from './request.ts'

export type { Send, UpstreamRequest, UpstreamResponse } from './request.ts'

/** URLs are few: a provider has a handful for each model. */
const MAXIMUM_PLACES = 1_000
/** Some have the model in them, and clients may choose its name. */
const MAXIMUM_PLACE_CHARACTERS = 2_000
const places = new Map<string, Place | undefined>()

/**
 * The one way out of the process over HTTP: our own client for what it speaks, the runtime's `fetch` for the rest. No
 * redirects are followed, nothing is decompressed beyond caps, four clocks are kept, and the connection closes when the
 * client leaves. Rejects with `GatewayError`s only.
 */
export const send: Send = (request) => {
  const place = directPlace(request.url)
  return place === undefined ? sendByFetch(request) : sendOverHttp1(request, place)
}

/** Undefined when a request to this URL is left to `fetch`: through a proxy, or an address with credentials in it. */
function directPlace(text: string): Place | undefined {
  const known = places.get(text)
  if (known !== undefined || places.has(text)) return known
  const url = URL.parse(text)
  const isDirect = url !== null && isPlain(url) && !isProxied(url)
  const place = isDirect ? placeOf(url) : undefined
  if (text.length > MAXIMUM_PLACE_CHARACTERS) return place
  if (places.size >= MAXIMUM_PLACES) places.clear()
  places.set(text, place)
  return place
}

function isPlain({ protocol, username, password }: URL): boolean {
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === ''
}
