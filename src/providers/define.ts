import { GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { join, withDefaultPath, withoutSuffix } from './address.ts'
import { anthropicVersion } from './anthropic-version.ts'
import { bearer, keyHeaders } from './credentials.ts'
import { dataModelIds } from './model-ids.ts'
import type { HttpProvider, Operation, ProviderSettings } from './provider.ts'
import type { Shape } from './shapes.ts'

/** A messages or responses endpoint beside the main one: the base without one of `trim`, then `path`. */
export interface SideDoor {
  trim: readonly string[]
  path: string
}

/** What makes one OpenAI-like vendor differ from the next. */
export interface OpenAiCompatible {
  id: string
  displayName: string
  aliases?: readonly string[]
  defaultBaseUrl?: string
  /** Prefix of `<PREFIX>_BASE_URL`, and of `<PREFIX>_API_KEY` unless `keys` names others. Default: the id. */
  prefix?: string
  keys?: readonly string[]
  /** A server that usually wants no key; without configuration only its address makes it known. */
  local?: boolean
  /** Added to an address that names a server only. */
  barePath?: string
  messages?: SideDoor
  responses?: boolean
  forwardHeaders?: readonly string[]
  /** Applied to chat-completions bodies. */
  shape?: Shape
}

/** A vendor whose API is OpenAI's chat completions at another address. */
export function defineOpenAiCompatible(vendor: OpenAiCompatible): HttpProvider {
  const prefix = vendor.prefix ?? vendor.id.toUpperCase()
  const environment = {
    baseUrl: `${prefix}_BASE_URL`,
    apiKey: vendor.local ? [] : (vendor.keys ?? [`${prefix}_API_KEY`]),
  }
  const { shape } = vendor
  return {
    kind: 'http',
    id: vendor.id,
    displayName: vendor.displayName,
    ...(vendor.aliases && { aliases: vendor.aliases }),
    ...vendorAddress(vendor),
    environment,
    dialect: (_model, settings) => chosenDialect(vendor, settings),
    place(operation, _model, settings) {
      const path = pathOf(vendor, operation, settings)
      return path === undefined
        ? undefined
        : { method: operation === 'list-models' ? 'GET' : 'POST', url: path }
    },
    authorise(settings) {
      if (vendor.local && !settings.apiKey) return {}
      const isMessages = chosenDialect(vendor, settings) === 'messages'
      return keyHeaders(settings, { environment, ...vendorAddress(vendor) }, (key) =>
        isMessages ? { ...bearer(key), 'x-api-key': key } : bearer(key),
      )
    },
    headers(settings): Record<string, string> {
      return chosenDialect(vendor, settings) === 'messages' ? { 'anthropic-version': anthropicVersion } : {}
    },
    ...(vendor.forwardHeaders && { forwardHeaders: vendor.forwardHeaders }),
    ...(shape && {
      shape: (body, model, _operation, dialect = 'chat-completions') =>
        dialect === 'chat-completions' ? shape(body, model) : body,
    }),
    modelIds: dataModelIds,
  }
}

function vendorAddress({ defaultBaseUrl }: OpenAiCompatible): { defaultBaseUrl?: string } {
  return defaultBaseUrl === undefined ? {} : { defaultBaseUrl }
}

function spoken(vendor: OpenAiCompatible): DialectName[] {
  const dialects: DialectName[] = ['chat-completions']
  if (vendor.messages) dialects.push('messages')
  if (vendor.responses) dialects.push('responses')
  return dialects
}

function chosenDialect(vendor: OpenAiCompatible, settings: ProviderSettings): DialectName {
  const wanted = settings.dialect ?? 'chat-completions'
  const dialects = spoken(vendor)
  if (dialects.includes(wanted)) return wanted
  const list = dialects.map((dialect) => `"${dialect}"`).join(' or ')
  throw new GatewayError(
    'internal',
    `dialect: ${settings.name} speaks ${list}, not "${wanted}"; correct it in the configuration`,
  )
}

function pathOf(
  vendor: OpenAiCompatible,
  operation: Operation,
  settings: ProviderSettings,
): string | undefined {
  // Some write the whole endpoint where its base is asked for.
  const given = withoutSuffix(settings.baseUrl, ['/chat/completions'])
  const base = vendor.barePath ? withDefaultPath(given, vendor.barePath) : given
  if (operation === 'list-models') return join(base, '/models')
  const dialect = chosenDialect(vendor, settings)
  if (dialect === 'messages' && vendor.messages) {
    const { trim, path } = vendor.messages
    const counting = operation === 'count-tokens' ? '/count_tokens' : ''
    return join(withoutSuffix(base, trim), path + counting)
  }
  if (operation === 'count-tokens') return undefined
  return join(base, dialect === 'responses' ? '/responses' : '/chat/completions')
}
