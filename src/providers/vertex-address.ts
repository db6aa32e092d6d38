import { GatewayError, invalid } from '../protocol/model/error.ts'
import { join, plainSegment, trimSlash, withoutSuffix } from './address.ts'
import { googleMethods } from './google-methods.ts'
import type { Operation, ProviderSettings } from './provider.ts'

export const vertexHost = 'https://aiplatform.googleapis.com'

export interface VertexModel {
  /** `google`, `anthropic`, another maker's name, or `endpoint` for a tuned model's endpoint. */
  publisher: string
  name: string
}

/** Forms a model may be written in, after a leading `projects/…/locations/…/` (protocol.md §5.3). */
const forms: readonly { pattern: RegExp; read(match: RegExpMatchArray): VertexModel }[] = [
  {
    pattern: /^publishers\/([^/]+)\/models\/([^/]+)$/,
    read: ([, publisher = '', name = '']) => ({ publisher, name }),
  },
  { pattern: /^endpoints\/(\d+)$/, read: ([, name = '']) => ({ publisher: 'endpoint', name }) },
  { pattern: /^models\/([^/]+)$/, read: ([, name = '']) => byName(name) },
  { pattern: /^([^/]+)\/([^/]+)$/, read: ([, publisher = '', name = '']) => ({ publisher, name }) },
  { pattern: /^([^/]+)$/, read: ([, name = '']) => byName(name) },
]

function byName(name: string): VertexModel {
  return { publisher: name.startsWith('claude') ? 'anthropic' : 'google', name }
}

const owner = /^projects\/([^/]+)\/locations\/([^/]+)\//

/** Publisher and name, unchecked; undefined when the form is none of ours. */
export function vertexModel(model: string): VertexModel | undefined {
  const rest = model.replace(owner, '')
  for (const { pattern, read } of forms) {
    const match = rest.match(pattern)
    if (match) return read(match)
  }
  return undefined
}

/** A dated Claude model is written `name@20250929`; nothing else may hold an `@`. */
const claudeVersion = /@[A-Za-z0-9-]+$/

function checkedModel(model: string, settings: ProviderSettings): VertexModel {
  const own = model.match(owner)
  if (own && (own[1] !== settings.project || own[2] !== regionOf(settings)))
    throw invalid(
      'model',
      'names another project or location than the provider is configured for; use the plain model name, and project and region in the configuration',
    )
  const parsed = vertexModel(model)
  if (!parsed)
    throw invalid(
      'model',
      'expected a name such as "gemini-2.5-pro", "publishers/anthropic/models/claude-sonnet-4-5" or "endpoints/123"',
    )
  const bare = parsed.publisher === 'anthropic' ? parsed.name.replace(claudeVersion, '') : parsed.name
  plainSegment(parsed.publisher, 'model')
  plainSegment(bare, 'model')
  return parsed
}

export function regionOf(settings: ProviderSettings): string {
  const region = settings.region ?? 'global'
  if (/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(region)) return region
  throw invalid(
    'region',
    'expected a Google Cloud location such as "us-central1", "europe-west4", "us", "eu" or "global"',
  )
}

function projectOf(settings: ProviderSettings): string | undefined {
  const { project } = settings
  if (project === undefined) return undefined
  if (/^[a-z0-9]([a-z0-9.:-]{0,98}[a-z0-9])?$/.test(project) && !project.includes('..'))
    return encodeURIComponent(project)
  throw invalid('project', 'expected a Google Cloud project id: lower-case letters, digits and "-"')
}

/** Without an address of its own the region names the host; `us` and `eu` are multi-regions. */
function rootOf(settings: ProviderSettings, region: string): string {
  if (settings.baseUrl !== '' && trimSlash(settings.baseUrl) !== vertexHost)
    return withoutSuffix(settings.baseUrl, ['/v1beta1', '/v1'])
  if (region === 'global') return vertexHost
  if (region === 'us' || region === 'eu') return `https://aiplatform.${region}.rep.googleapis.com`
  return `https://${region}-aiplatform.googleapis.com`
}

type Called = Exclude<Operation, 'list-models'>

const claudeMethods = {
  generate: 'rawPredict',
  stream: 'streamRawPredict',
  'count-tokens': 'rawPredict',
} as const

/** What stands behind `projects/…/locations/…/`, with the API's version. */
function resource(
  operation: Called,
  { publisher, name }: VertexModel,
): { version: string; path: string } | undefined {
  if (publisher === 'google')
    return { version: 'v1beta1', path: `publishers/google/models/${name}:${googleMethods[operation]}` }
  if (publisher === 'endpoint')
    return { version: 'v1beta1', path: `endpoints/${name}:${googleMethods[operation]}` }
  if (publisher === 'anthropic') {
    const target = operation === 'count-tokens' ? 'count-tokens' : name
    return { version: 'v1', path: `publishers/anthropic/models/${target}:${claudeMethods[operation]}` }
  }
  if (operation === 'count-tokens') return undefined
  return { version: 'v1', path: 'endpoints/openapi/chat/completions' }
}

/** A server on this machine that was given no credentials is called without any. */
export function isUnguarded({ apiKey, accessToken, baseUrl, options }: ProviderSettings): boolean {
  if (apiKey !== undefined || accessToken !== undefined || options['serviceAccountFile'] !== undefined)
    return false
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(baseUrl).hostname)
}

/** The address of one operation on one model; undefined when Vertex offers none. */
export function vertexUrl(operation: Called, model: string, settings: ProviderSettings): string | undefined {
  const parsed = checkedModel(model, settings)
  const region = regionOf(settings)
  const project = projectOf(settings)
  const found = resource(operation, parsed)
  if (!found) return undefined
  if (project !== undefined)
    return join(
      rootOf(settings, region),
      `/${found.version}/projects/${project}/locations/${region}/${found.path}`,
    )
  if (!settings.accessToken && (settings.apiKey || isUnguarded(settings)) && parsed.publisher === 'google')
    return join(rootOf(settings, 'global'), `/${found.version}/${found.path}`)
  throw new GatewayError(
    'upstream_unauthenticated',
    `project: the provider ${settings.name} needs a Google Cloud project for ${parsed.name}; set VERTEX_PROJECT, or project in the configuration`,
    { param: 'project' },
  )
}
