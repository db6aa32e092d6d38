import { join, withoutSuffix } from './address.ts'
import { bearer } from './credentials.ts'
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

/** Ends of an address that name one of its fronts; of two that fit the longer stands first. */
const fronts = ['', '/messages', '/chat/completions']
  .flatMap((call) => [`/code/v1${call}`, `/v1${call}`])
  .concat('/code')

export const clewdr: HttpProvider = {
  kind: 'http',
  id: 'clewdr',
  displayName: 'Clewdr',
  defaultBaseUrl: 'http://127.0.0.1:8484',
  environment,
  dialect: () => 'messages',
  place: (operation, _model, settings) => ({
    method: operation === 'list-models' ? 'GET' : 'POST',
    url: join(withoutSuffix(settings.baseUrl, fronts), paths[operation]),
  }),
  /** Bearer is the one form that all its routes accept. One behind a proxy that adds the password needs none here. */
  authorise: (settings): Record<string, string> => (settings.apiKey ? bearer(settings.apiKey) : {}),
  headers: () => ({ 'accept-encoding': 'identity' }),
  forwardHeaders: ['anthropic-beta'],
  modelIds: dataModelIds,
}
