import { isObject, type JsonObject } from '../../model/json.ts'
import { defined, textOf } from '../../model/loose.ts'
import { at } from '../../model/read.ts'
import type { ProviderTool } from '../../model/request.ts'
import type { Scope } from './scope.ts'
import { DIALECT } from './wire.ts'

/** `web_search_options`, from the request's own or from another dialect's web search tool (protocol.md §2.5). */
export function encodeWebSearch(body: JsonObject, scope: Scope): void {
  const { request, capabilities, losses } = scope
  const index = (request.tools ?? []).findIndex(isForeignSearch)
  const tool = request.tools?.[index]
  if (request.webSearch !== undefined) {
    if (capabilities.webSearch) body['web_search_options'] = request.webSearch
    else losses.refuse('webSearch', 'the upstream does not search the web')
  } else if (tool?.type === 'provider' && capabilities.webSearch) {
    body['web_search_options'] = optionsOf(tool.wire, at('tools', index), scope)
  }
}

function isForeignSearch(tool: { type: string }): tool is ProviderTool {
  if (tool.type !== 'provider') return false
  const provider = tool as ProviderTool
  return provider.capability === 'web-search' && provider.dialect !== DIALECT
}

const placeMembers = ['city', 'country', 'region', 'timezone']
/** Settings of the other dialects' search tools that narrow the search and have no counterpart. */
const narrowing = [
  'max_uses',
  'allowed_domains',
  'blocked_domains',
  'filters',
  'excludeDomains',
  'timeRangeFilter',
]

function optionsOf(wire: JsonObject, path: string, { losses }: Scope): JsonObject {
  for (const member of narrowing)
    if (wire[member] !== undefined && wire[member] !== null)
      losses.drop(`${path}.${member}`, 'the upstream has no such setting for web search')
  const size = textOf(wire['search_context_size'])
  return defined({ search_context_size: size === '' ? undefined : size, user_location: location(wire) })
}

function location(wire: JsonObject): JsonObject | undefined {
  const given = wire['user_location']
  if (!isObject(given)) return undefined
  const approximate: JsonObject = {}
  for (const member of placeMembers) if (given[member] !== undefined) approximate[member] = given[member]
  return { type: 'approximate', approximate }
}
