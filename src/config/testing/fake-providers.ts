import type { HttpProvider, LocalProvider, Provider } from '../../providers/provider.ts'

/** A vendor with its usual variables; what is not about configuration is as plain as can be. */
function vendor(id: string, displayName: string, rest: Partial<HttpProvider> = {}): HttpProvider {
  const prefix = id.toUpperCase()
  return {
    kind: 'http',
    id,
    displayName,
    environment: { baseUrl: `${prefix}_BASE_URL`, apiKey: [`${prefix}_API_KEY`] },
    dialect: () => 'chat-completions',
    place: (operation, model, settings) =>
      operation === 'generate'
        ? { method: 'POST', url: `${settings.baseUrl}/chat/completions?model=${encodeURIComponent(model)}` }
        : undefined,
    authorise: (settings) => ({ authorization: `Bearer ${settings.apiKey ?? ''}` }),
    ...rest,
  }
}

function local(id: string, models?: readonly string[]): LocalProvider {
  return {
    kind: 'local',
    id,
    displayName: id,
    open: async function* () {},
    ...(models === undefined ? {} : { models }),
  }
}

/** A short list with one provider of each sort that configuration tells apart. */
export const fakeProviders: readonly Provider[] = [
  vendor('openrouter', 'OpenRouter', { defaultBaseUrl: 'https://openrouter.example/api/v1' }),
  vendor('openai', 'OpenAI', { defaultBaseUrl: 'https://openai.example/v1' }),
  vendor('vertex', 'Vertex AI', {
    defaultBaseUrl: 'https://vertex.example',
    environment: {
      baseUrl: 'VERTEX_BASE_URL',
      apiKey: ['VERTEX_API_KEY'],
      accessToken: ['VERTEX_ACCESS_TOKEN'],
      project: ['VERTEX_PROJECT', 'GOOGLE_CLOUD_PROJECT'],
      region: ['VERTEX_REGION'],
    },
  }),
  vendor('clewdr', 'Clewdr', { defaultBaseUrl: 'http://127.0.0.1:8484' }),
  vendor('azure', 'Azure OpenAI', { aliases: ['azure-openai'] }),
  vendor('openai_compat', 'OpenAI-compatible', {
    aliases: ['openai-compatible'],
    environment: { baseUrl: 'OPENAI_COMPAT_BASE_URL', apiKey: [] },
  }),
  vendor('custom_http', 'Custom HTTP', {
    environment: { baseUrl: 'CUSTOM_HTTP_BASE_URL', apiKey: [] },
    dialect: (_, settings) => settings.dialect ?? 'chat-completions',
  }),
  local('process'),
  local('demo', ['echo']),
]
