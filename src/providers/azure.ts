import { GatewayError } from '../protocol/model/error.ts'
import { join, plainSegment, trimSlash, withoutSuffix } from './address.ts'
import { bearer, keyHeaders } from './credentials.ts'
import { dataModelIds } from './model-ids.ts'
import type { HttpProvider, Operation, ProviderSettings } from './provider.ts'

const environment = {
  baseUrl: 'AZURE_OPENAI_ENDPOINT',
  apiKey: ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'],
  accessToken: ['AZURE_OPENAI_AD_TOKEN'],
} as const

const defaultApiVersion = '2024-10-21'

/** The newer form of the address: no deployments in the path, the model in the body. */
const unversioned = '/openai/v1'

function apiVersion(settings: ProviderSettings): string {
  const version = settings.options['apiVersion'] ?? defaultApiVersion
  if (typeof version === 'string' && /^[a-z0-9-]+$/i.test(version)) return version
  throw new GatewayError(
    'internal',
    'api_version: expected a version such as "2024-10-21"; correct it in the configuration',
  )
}

function call(settings: ProviderSettings): string {
  return settings.dialect === 'responses' ? '/responses' : '/chat/completions'
}

function pathOf(operation: Operation, model: string, settings: ProviderSettings): string | undefined {
  const query = `?api-version=${apiVersion(settings)}`
  if (operation === 'count-tokens') return undefined
  if (operation === 'list-models') return `/openai/models${query}`
  if (settings.dialect === 'responses') return `/openai/responses${query}`
  return `/openai/deployments/${plainSegment(model, 'model')}${call(settings)}${query}`
}

/** `model` is the deployment's name. The address is the resource's, with or without `/openai/v1`. */
export const azure: HttpProvider = {
  kind: 'http',
  id: 'azure',
  displayName: 'Azure OpenAI',
  aliases: ['azure-openai', 'azure_openai', 'azureopenai'],
  environment,
  dialect: (_model, settings) => (settings.dialect === 'responses' ? 'responses' : 'chat-completions'),
  place(operation, model, settings) {
    const base = trimSlash(settings.baseUrl)
    const method = operation === 'list-models' ? 'GET' : 'POST'
    if (!base.endsWith(unversioned)) {
      const path = pathOf(operation, model, settings)
      return path === undefined ? undefined : { method, url: join(withoutSuffix(base, ['/openai']), path) }
    }
    if (operation === 'count-tokens') return undefined
    return { method, url: join(base, operation === 'list-models' ? '/models' : call(settings)) }
  },
  authorise: (settings) =>
    settings.accessToken
      ? bearer(settings.accessToken)
      : keyHeaders(settings, azure, (key) => ({ 'api-key': key })),
  modelIds: dataModelIds,
}
