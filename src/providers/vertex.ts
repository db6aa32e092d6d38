import type { JsonObject } from '../protocol/model/json.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { bearer } from './credentials.ts'
import type { HttpProvider, Operation, ProviderSettings } from './provider.ts'
import { without } from './shapes.ts'
import { isUnguarded, vertexHost, vertexModel, vertexUrl } from './vertex-address.ts'

/** The classic value; every Claude model there takes it (protocol.md §5.3). */
const claudeVersion = 'vertex-2023-10-16'

/** Makers whose models are served in a dialect of their own; all others through the OpenAI-like endpoint. */
const dialects: Readonly<Record<string, DialectName>> = {
  google: 'generate-content',
  endpoint: 'generate-content',
  anthropic: 'messages',
}

function dialectOf(model: string): DialectName {
  const parsed = vertexModel(model)
  return parsed ? (dialects[parsed.publisher] ?? 'chat-completions') : 'generate-content'
}

function shapeMessages(body: JsonObject, model: string, operation: Operation): JsonObject {
  const versioned = { anthropic_version: claudeVersion, ...without(body, 'model') }
  return operation === 'count-tokens' ? { ...versioned, model: vertexModel(model)?.name ?? model } : versioned
}

function shapeChat(body: JsonObject, model: string): JsonObject {
  const parsed = vertexModel(model)
  return parsed ? { ...body, model: `${parsed.publisher}/${parsed.name}` } : body
}

/** An API key is enough unless a token was given; without either, Google's application default credentials. */
function usesKey(settings: ProviderSettings): boolean {
  return settings.apiKey !== undefined && settings.accessToken === undefined
}

/** Google Vertex AI: Gemini, Claude and others' models under one roof (protocol.md §5.3). */
export const vertex: HttpProvider = {
  kind: 'http',
  id: 'vertex',
  displayName: 'Vertex AI',
  aliases: ['vertexai', 'vertex-ai', 'vertex_ai', 'google-vertex'],
  defaultBaseUrl: vertexHost,
  environment: {
    baseUrl: 'VERTEX_BASE_URL',
    apiKey: ['VERTEX_API_KEY'],
    accessToken: ['VERTEX_ACCESS_TOKEN'],
    project: ['VERTEX_PROJECT', 'GOOGLE_CLOUD_PROJECT'],
    region: ['VERTEX_REGION', 'GOOGLE_CLOUD_LOCATION'],
  },
  async complete(settings, services, signal) {
    if (settings.project !== undefined || usesKey(settings) || isUnguarded(settings)) return settings
    const { project } = await services.googleTokens(settings).accessToken(signal)
    return project === undefined ? settings : { ...settings, project }
  },
  dialect: dialectOf,
  place(operation, model, settings) {
    const url = operation === 'list-models' ? undefined : vertexUrl(operation, model, settings)
    return url === undefined ? undefined : { method: 'POST', url }
  },
  authorise(settings, services, signal) {
    if (settings.accessToken) return bearer(settings.accessToken)
    if (settings.apiKey) return { 'x-goog-api-key': settings.apiKey }
    if (isUnguarded(settings)) return {}
    return services
      .googleTokens(settings)
      .accessToken(signal)
      .then(({ token }) => bearer(token))
  },
  forwardHeaders: ['anthropic-beta', 'x-vertex-ai-labels'],
  shape(body, model, operation, dialect = dialectOf(model)) {
    if (dialect === 'messages') return shapeMessages(body, model, operation)
    return dialect === 'chat-completions' ? shapeChat(body, model) : without(body, 'model', 'stream')
  },
}
