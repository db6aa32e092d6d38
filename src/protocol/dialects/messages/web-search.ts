import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import type { EncodeContext } from './context.ts'

/** The oldest version: every host that has the tool at all takes it. */
const VERSION = 'web_search_20250305'

/**
 * Web search as another dialect asked for it: `web_search_options` of chat completions, the `web_search` tool of
 * Responses, `googleSearch`. Domains and place are carried, the size of the search context is not.
 */
export function encodeWebSearch(wire: JsonObject, path: string, context: EncodeContext): JsonObject[] {
  if (!context.capabilities.webSearch) {
    context.losses.refuse(path, 'the upstream offers no web search')
    return []
  }
  if (wire.search_context_size !== undefined)
    context.losses.drop(at(path, 'search_context_size'), 'the upstream has no such setting')
  const tool: JsonObject = { type: VERSION, name: 'web_search' }
  const filters = isObject(wire.filters) ? wire.filters : {}
  const google = isObject(wire.googleSearch) ? wire.googleSearch : {}
  const blocked = filters.blocked_domains ?? google.excludeDomains
  if (Array.isArray(filters.allowed_domains)) tool.allowed_domains = filters.allowed_domains
  else if (Array.isArray(blocked)) tool.blocked_domains = blocked
  const place = location(wire.user_location)
  if (place) tool.user_location = place
  return [tool]
}

/** `{type: "approximate", approximate: {city …}}` and `{type: "approximate", city …}` are the same place. */
function location(value: Json | undefined): JsonObject | undefined {
  if (!isObject(value)) return undefined
  const { type: _, approximate, ...flat } = value
  return { type: 'approximate', ...(isObject(approximate) ? approximate : flat) }
}
