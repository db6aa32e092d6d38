import { isAllowed } from '../config/resolve.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { isObject, parseJson } from '../protocol/model/json.ts'
import { findProvider } from '../providers/list.ts'
import { readAll } from '../upstream/source.ts'
import type { Gateway } from './gateway.ts'

export interface ListedModel {
  id: string
  /** Seconds since 1970; 0 when nobody knows. */
  created: number
  ownedBy: string
  displayName?: string
}

/** A list asked of an upstream is kept this long; clients ask often and with short patience. */
const FRESH_MILLISECONDS = 60_000
const TIMEOUT_MILLISECONDS = 2_500
const MAXIMUM_BYTES = 8 * 1024 * 1024

const fetched = new WeakMap<Snapshot, Map<string, { at: number; models: Promise<readonly ListedModel[]> }>>()

/**
 * What `GET /v1/models` offers: the configured models, and where names pass through to providers, what these
 * providers list themselves. The configuration's override replaces all; allow and block lists apply last.
 */
export async function listedModels(gateway: Gateway): Promise<readonly ListedModel[]> {
  const snapshot = gateway.snapshot()
  const { override } = snapshot.modelList
  const all = override
    ? override.map(overridden)
    : [...configured(snapshot), ...(await passedThrough(gateway, snapshot))]
  const listed = new Map<string, ListedModel>()
  for (const model of all) {
    if (!isAllowed(model.id, snapshot.modelList)) continue
    const known = listed.get(model.id)
    listed.set(model.id, known ? completed(known, model) : model)
  }
  return [...listed.values()]
}

/** A configured model says what the configuration knows; its age and name may be known only to its provider. */
function completed(known: ListedModel, later: ListedModel): ListedModel {
  return { ...later, ...known, created: known.created || later.created }
}

function overridden(model: NonNullable<Snapshot['modelList']['override']>[number]): ListedModel {
  return {
    id: model.id,
    created: model.createdAt === undefined ? 0 : Math.floor(Date.parse(model.createdAt) / 1000),
    ownedBy: model.ownedBy ?? 'xjp-gateway',
    ...(model.displayName === undefined ? {} : { displayName: model.displayName }),
  }
}

function configured(snapshot: Snapshot): ListedModel[] {
  return [...snapshot.models.values()].map((entry) => ({
    id: entry.name,
    created: entry.created ?? 0,
    ownedBy: entry.ownedBy ?? entry.routes[0]?.provider ?? 'xjp-gateway',
    ...(entry.displayName === undefined ? {} : { displayName: entry.displayName }),
  }))
}

async function passedThrough(gateway: Gateway, snapshot: Snapshot): Promise<readonly ListedModel[]> {
  const { passthrough, defaultProvider, displayNames } = snapshot.modelList
  const sources = passthrough.map((provider) => ({ provider, prefix: `${provider}/` }))
  if (defaultProvider !== undefined) sources.unshift({ provider: defaultProvider, prefix: '' })
  const lists = await Promise.all(sources.map((source) => list(gateway, snapshot, source.provider)))
  return lists.flatMap((models, index) =>
    models.map((model) => {
      const id = `${sources[index]?.prefix ?? ''}${model.id}`
      const displayName = displayNames[id] ?? model.displayName
      return { ...model, id, ...(displayName === undefined ? {} : { displayName }) }
    }),
  )
}

/** One provider's list; a provider that does not answer in time lists nothing, and is asked again next time. */
function list(gateway: Gateway, snapshot: Snapshot, name: string): Promise<readonly ListedModel[]> {
  let known = fetched.get(snapshot)
  if (!known) fetched.set(snapshot, (known = new Map()))
  const kept = known.get(name)
  if (kept && gateway.outside.now() - kept.at < FRESH_MILLISECONDS) return kept.models
  const lists = known
  const models = ask(gateway, snapshot, name).catch((thrown: unknown) => {
    lists.delete(name)
    gateway.log.warn('model list failed', {
      provider: name,
      error: thrown instanceof Error ? thrown.message : String(thrown),
    })
    return []
  })
  known.set(name, { at: gateway.outside.now(), models })
  return models
}

async function ask(gateway: Gateway, snapshot: Snapshot, name: string): Promise<readonly ListedModel[]> {
  const settings = snapshot.providers[name]
  const provider = settings && findProvider(settings.type)
  if (!settings || !provider) return []
  if (provider.kind === 'local')
    return (provider.models ?? []).map((id) => ({ id, created: 0, ownedBy: provider.id }))
  const place = provider.place('list-models', '', settings)
  if (!place || !provider.modelIds) return []
  // The list outlives the request that asked first.
  const signal = AbortSignal.timeout(TIMEOUT_MILLISECONDS)
  const response = await gateway.outside.send({
    url: place.url,
    method: place.method,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'identity',
      ...provider.headers?.(settings, ''),
      ...settings.headers,
      ...(await provider.authorise(settings, gateway.outside.services, signal)),
    },
    timeouts: { totalMs: TIMEOUT_MILLISECONDS },
    signal,
  })
  const body = parseJson(Buffer.from(await readAll(response.body, MAXIMUM_BYTES)).toString())
  if (response.status !== 200 || !isObject(body)) throw new Error(`status ${response.status}`)
  return provider.modelIds(body).map((model) => ({
    id: model.id,
    created: model.created ?? 0,
    ownedBy: model.ownedBy ?? provider.id,
    ...(model.displayName === undefined ? {} : { displayName: model.displayName }),
  }))
}
