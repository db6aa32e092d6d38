import { GatewayError } from '../protocol/model/error.ts'
import type { HttpProvider, ProviderSettings } from './provider.ts'

/** The configured key; throws with what to set where. */
export function requireKey(settings: ProviderSettings, environment: HttpProvider['environment']): string {
  if (settings.apiKey) return settings.apiKey
  const variables = environment.apiKey.join(' or ')
  throw new GatewayError(
    'upstream_unauthenticated',
    `The provider ${settings.name} has no API key: set ${variables}, or api_key in its configuration`,
  )
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
