import { isOpenTo } from '../policies/route.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import type { ListedModel } from './model-list.ts'
import { listedModels } from './model-list.ts'

/** `GET /v1/models`: what the caller may use, in the shape of the caller's dialect, which an `anthropic-version` header tells. */
export async function listModels(
  gateway: Gateway,
  { request, url, requestId, identity }: Inbound,
): Promise<Response> {
  const snapshot = gateway.snapshot()
  const all = (await listedModels(gateway)).filter((model) => isOpenTo(snapshot, identity, model.id))
  const anthropic = request.headers.has('anthropic-version') || gateway.snapshot().origin === 'system-b'
  const body = anthropic
    ? anthropicPage(all, url.searchParams)
    : { object: 'list', data: all.map(openaiModel) }
  return json(body, requestId)
}

/** `GET /v1/models/{id}`; ids may hold slashes. */
export async function showModel(
  gateway: Gateway,
  { request, url, requestId, identity }: Inbound,
): Promise<Response> {
  const id = decoded(url.pathname.replace(/^\/v1\/models\//, ''))
  const found = (await listedModels(gateway)).find((model) => model.id === id) ?? unlisted(gateway, id)
  // What a key is not for does not exist for it.
  if (!found || !isOpenTo(gateway.snapshot(), identity, id))
    throw new GatewayError('model_not_found', `model: "${id}" is not served here`, {
      param: 'model',
      code: 'model_not_found',
    })
  return json(
    request.headers.has('anthropic-version') ? anthropicModel(found) : openaiModel(found),
    requestId,
  )
}

/** Names that pass through to a provider are served whether or not it lists them. */
function unlisted(gateway: Gateway, id: string): ListedModel | undefined {
  const entry = gateway.snapshot().resolve(id)
  return entry && { id, created: 0, ownedBy: entry.routes[0]?.provider ?? 'xjp-gateway' }
}

/** Percent-encoding undone; text that only looks like it is taken as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function json(body: unknown, requestId: string): Response {
  return new Response(JSON.stringify(body), {
    headers: { 'content-type': 'application/json', 'x-request-id': requestId, 'request-id': requestId },
  })
}

function openaiModel(model: ListedModel): Record<string, unknown> {
  return { id: model.id, object: 'model', created: model.created, owned_by: model.ownedBy }
}

function anthropicModel(model: ListedModel): Record<string, unknown> {
  return {
    type: 'model',
    id: model.id,
    display_name: model.displayName ?? model.id,
    created_at: new Date(model.created * 1000).toISOString().replace('.000Z', 'Z'),
  }
}

/** Pages by `limit`, `after_id` and `before_id`, as the vendor's own list does. */
function anthropicPage(all: readonly ListedModel[], query: URLSearchParams): Record<string, unknown> {
  const limit = pageLimit(query.get('limit'))
  const after = query.get('after_id')
  const before = query.get('before_id')
  const from = after === null ? 0 : all.findIndex((model) => model.id === after) + 1
  const beforeIndex = before === null ? -1 : all.findIndex((model) => model.id === before)
  const page =
    beforeIndex === -1
      ? all.slice(from, from + limit)
      : all.slice(Math.max(0, beforeIndex - limit), beforeIndex)
  return {
    data: page.map(anthropicModel),
    has_more: beforeIndex === -1 ? from + limit < all.length : beforeIndex - limit > 0,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  }
}

function pageLimit(text: string | null): number {
  if (text === null) return 1_000
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit
  throw new GatewayError(
    'invalid_request',
    `limit: expected an integer from 1 to 1000, got ${text.slice(0, 40)}`,
    { param: 'limit' },
  )
}
