import { GatewayError } from '../protocol/model/error.ts'
import type { HttpProvider, ProviderSettings } from './provider.ts'

/**
 * Headers with the configured key. At another address than the vendor's own a key may not be needed, so without one
 * nothing is sent; at the vendor's own it throws with what to set where.
 */
export function keyHeaders(
  settings: ProviderSettings,
  vendor: Pick<HttpProvider, 'environment' | 'defaultBaseUrl'>,
  headers: (key: string) => Record<string, string>,
): Record<string, string> {
  if (settings.apiKey) return headers(settings.apiKey)
  if (settings.baseUrl !== vendor.defaultBaseUrl) return {}
  const variables = vendor.environment.apiKey.join(' or ')
  throw new GatewayError(
    'upstream_unauthenticated',
    `The provider ${settings.name} has no API key: set ${variables}, or api_key in its configuration`,
  )
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
