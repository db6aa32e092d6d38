import { join, withoutSuffix } from './address.ts'
import { bearer, requireKey } from './credentials.ts'
import { dataModelIds } from './model-ids.ts'
import type { HttpProvider } from './provider.ts'

const environment = { baseUrl: 'CLEWDR_BASE_URL', apiKey: ['CLEWDR_API_KEY'] } as const

/** Of its four fronts only the native one under `/code` carries tools, documents and true usage (protocol.md §5.1). */
const paths = {
  generate: '/code/v1/messages',
  stream: '/code/v1/messages',
  'count-tokens': '/code/v1/messages/count_tokens',
  'list-models': '/code/v1/models',
} as const

export const clewdr: HttpProvider = {
  kind: 'http',
  id: 'clewdr',
  displayName: 'Clewdr',
  defaultBaseUrl: 'http://127.0.0.1:8484',
  environment,
  dialect: () => 'messages',
  place: (operation, _model, settings) => ({
    method: operation === 'list-models' ? 'GET' : 'POST',
    url: join(withoutSuffix(settings.baseUrl, ['/code/v1', '/v1', '/code']), paths[operation]),
  }),
  /** Bearer is the one form that all its routes accept. */
  authorise: (settings) => bearer(requireKey(settings, environment)),
  headers: () => ({ 'accept-encoding': 'identity' }),
  forwardHeaders: ['anthropic-beta'],
  modelIds: dataModelIds,
}
