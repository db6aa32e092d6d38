import { join, plainSegment, withoutSuffix } from './address.ts'
import { bearer, keyHeaders } from './credentials.ts'
import { countedContents, googleMethods } from './google-methods.ts'
import { googleModelIds } from './model-ids.ts'
import type { HttpProvider } from './provider.ts'
import { namelessContents } from './shapes.ts'

const environment = {
  baseUrl: 'GEMINI_BASE_URL',
  apiKey: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
} as const

/** `gemini-…`, `models/gemini-…` and `tunedModels/…` as a path. */
function modelPath(model: string): string {
  const tuned = model.startsWith('tunedModels/')
  const name = plainSegment(model.replace(/^(models|tunedModels)\//, ''), 'model')
  return `${tuned ? 'tunedModels' : 'models'}/${name}`
}

/** Google's Gemini API (protocol.md §1.4). */
export const gemini: HttpProvider = {
  kind: 'http',
  id: 'gemini',
  displayName: 'Google Gemini',
  aliases: ['google', 'googleai', 'google-ai', 'google_ai_studio'],
  defaultBaseUrl: 'https://generativelanguage.googleapis.com',
  environment,
  dialect: (_model, settings) =>
    settings.dialect === 'chat-completions' ? 'chat-completions' : 'generate-content',
  place(operation, model, settings) {
    const root = withoutSuffix(settings.baseUrl, ['/v1beta', '/v1'])
    if (operation === 'list-models') return { method: 'GET', url: join(root, '/v1beta/models?pageSize=1000') }
    if (settings.dialect === 'chat-completions')
      return operation === 'count-tokens'
        ? undefined
        : { method: 'POST', url: join(root, '/v1beta/openai/chat/completions') }
    return { method: 'POST', url: join(root, `/v1beta/${modelPath(model)}:${googleMethods[operation]}`) }
  },
  authorise(settings) {
    if (settings.accessToken) return bearer(settings.accessToken)
    return keyHeaders(settings, gemini, (key) =>
      settings.dialect === 'chat-completions' ? bearer(key) : { 'x-goog-api-key': key },
    )
  },
  shape(body, model, operation) {
    const shaped = namelessContents(body, model)
    return operation === 'count-tokens' ? countedContents(shaped, modelPath(model)) : shaped
  },
  modelIds: googleModelIds,
}
