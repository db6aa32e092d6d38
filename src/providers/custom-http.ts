import { GatewayError } from '../protocol/model/error.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { encodedSegment, join, withoutSuffix } from './address.ts'
import { anthropicVersion } from './anthropic-version.ts'
import { bearer } from './credentials.ts'
import { countedContents, googleMethods } from './google-methods.ts'
import { dataModelIds, googleModelIds } from './model-ids.ts'
import type { HttpProvider, Operation, ProviderSettings } from './provider.ts'
import { namelessContents } from './shapes.ts'

interface DialectPaths {
  /** Parts of the base that are not repeated when the path is the default one. */
  trim: readonly string[]
  call: string
  /** Added to the path of a call. */
  count?: string
  list: string
}

/** Where a server of each dialect is usually called; `{model}` and `{method}` are filled in. */
const usual: Readonly<Record<DialectName, DialectPaths>> = {
  'chat-completions': { trim: [], call: '/chat/completions', list: '/models' },
  responses: { trim: [], call: '/responses', list: '/models' },
  messages: { trim: ['/v1'], call: '/v1/messages', count: '/count_tokens', list: '/v1/models' },
  'generate-content': {
    trim: ['/v1beta', '/v1'],
    call: '/v1beta/models/{model}:{method}',
    count: '',
    list: '/v1beta/models',
  },
}

function fault(member: string, expected: string): GatewayError {
  return new GatewayError('internal', `${member}: expected ${expected}; correct it in the configuration`)
}

function text(settings: ProviderSettings, option: string, member: string): string | undefined {
  const value = settings.options[option]
  if (value === undefined || typeof value === 'string') return value
  throw fault(member, 'a text')
}

function dialectOf(settings: ProviderSettings): DialectName {
  return settings.dialect ?? 'chat-completions'
}

/** The configured path, checked: it is the operator's, but its placeholders are filled from requests. */
function template(settings: ProviderSettings): string | undefined {
  const path = text(settings, 'path', 'path')
  if (path === undefined) return undefined
  if (!path.startsWith('/') || path.startsWith('//') || /[#\\\s]/.test(path))
    throw fault('path', 'a path that begins with one "/" and has no "#", "\\" or blanks')
  const place = path.split('?')[0] ?? ''
  if (/\{model\}/.test(path.slice(place.length))) throw fault('path', '{model} before the "?", not behind it')
  if (dialectOf(settings) === 'generate-content' && !place.includes('{method}'))
    throw fault('path', '{method} in it, because this dialect names whole and streamed answers there')
  return path
}

function fill(path: string, model: string, operation: Exclude<Operation, 'list-models'>): string {
  const [place = '', query] = path.split('?')
  const [method = '', methodQuery] = googleMethods[operation].split('?')
  const queries = [query, place.includes('{method}') ? methodQuery : undefined].filter(Boolean)
  const filled = place
    .replaceAll('{method}', method)
    .replace(/\{model\}/g, () => encodedSegment(model, 'model'))
  return queries.length > 0 ? `${filled}?${queries.join('&')}` : filled
}

function called(
  operation: Exclude<Operation, 'list-models'>,
  model: string,
  settings: ProviderSettings,
): string | undefined {
  const paths = usual[dialectOf(settings)]
  if (operation === 'count-tokens' && paths.count === undefined) return undefined
  const own = template(settings)
  const base = own === undefined ? withoutSuffix(settings.baseUrl, paths.trim) : settings.baseUrl
  const path = (own ?? paths.call) + (operation === 'count-tokens' ? (paths.count ?? '') : '')
  return join(base, fill(path, model, operation))
}

/** Any HTTP API in one of the dialects we speak; everything about it stands in the configuration. */
export const customHttp: HttpProvider = {
  kind: 'http',
  id: 'custom_http',
  displayName: 'Custom HTTP',
  aliases: ['custom-http', 'customhttp', 'http'],
  environment: { baseUrl: 'CUSTOM_HTTP_BASE_URL', apiKey: [] },
  dialect: (_model, settings) => dialectOf(settings),
  place(operation, model, settings) {
    if (operation !== 'list-models') {
      const url = called(operation, model, settings)
      return url === undefined ? undefined : { method: 'POST', url }
    }
    if (template(settings) !== undefined) return undefined
    const { trim, list } = usual[dialectOf(settings)]
    return { method: 'GET', url: join(withoutSuffix(settings.baseUrl, trim), list) }
  },
  authorise(settings): Record<string, string> {
    const header = text(settings, 'authHeader', 'auth_header')
    const style = text(settings, 'auth', 'auth') ?? (header === undefined ? 'bearer' : 'header')
    if (style === 'none' || !settings.apiKey) return {}
    if (style === 'bearer') return bearer(settings.apiKey)
    if (style !== 'header') throw fault('auth', '"bearer", "header" or "none"')
    if (header === undefined) throw fault('auth_header', 'the name of the header that carries the key')
    return { [header.toLowerCase()]: settings.apiKey }
  },
  headers: (settings): Record<string, string> =>
    dialectOf(settings) === 'messages' ? { 'anthropic-version': anthropicVersion } : {},
  shape(body, model, operation) {
    const shaped = namelessContents(body, model)
    if (operation !== 'count-tokens' || shaped['contents'] === undefined) return shaped
    return countedContents(shaped, model.startsWith('models/') ? model : `models/${model}`)
  },
  modelIds: (body) => (body['models'] === undefined ? dataModelIds(body) : googleModelIds(body)),
}
