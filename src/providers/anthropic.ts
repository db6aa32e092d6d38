import { join, withoutSuffix } from './address.ts'
import { anthropicVersion } from './anthropic-version.ts'
import { bearer, keyHeaders } from './credentials.ts'
import { dataModelIds } from './model-ids.ts'
import type { HttpProvider } from './provider.ts'

const environment = {
  baseUrl: 'ANTHROPIC_BASE_URL',
  apiKey: ['ANTHROPIC_API_KEY'],
  accessToken: ['ANTHROPIC_AUTH_TOKEN'],
} as const

const paths = {
  generate: '/v1/messages',
  stream: '/v1/messages',
  'count-tokens': '/v1/messages/count_tokens',
  'list-models': '/v1/models?limit=1000',
} as const

export const anthropic: HttpProvider = {
  kind: 'http',
  id: 'anthropic',
  displayName: 'Anthropic',
  aliases: ['claude'],
  defaultBaseUrl: 'https://api.anthropic.com',
  environment,
  dialect: () => 'messages',
  place: (operation, _model, settings) => ({
    method: operation === 'list-models' ? 'GET' : 'POST',
    url: join(withoutSuffix(settings.baseUrl, ['/v1/messages', '/v1']), paths[operation]),
  }),
  authorise: (settings) =>
    settings.accessToken
      ? bearer(settings.accessToken)
      : keyHeaders(settings, anthropic, (key) => ({ 'x-api-key': key })),
  headers: () => ({ 'anthropic-version': anthropicVersion }),
  /** clients.md §1: both go up as they came when the body does. */
  forwardHeaders: ['anthropic-version', 'anthropic-beta'],
  modelIds: dataModelIds,
}
