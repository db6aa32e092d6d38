import { findProvider } from '../../src/providers/list.ts'
import type { HttpProvider, ProviderSettings, Services } from '../../src/providers/provider.ts'

/** Settings as the configuration builds them, with what a test wants different. */
export function settingsFor(changes: Partial<ProviderSettings> = {}): ProviderSettings {
  return { name: 'tested', baseUrl: '', headers: {}, options: {}, ...changes }
}

/** A provider over HTTP by name; throws when there is none. */
export function httpProvider(name: string): HttpProvider {
  const provider = findProvider(name)
  if (provider?.kind === 'http') return provider
  throw new Error(`${name} is no provider over HTTP`)
}

/** Services whose Google credentials are one fixed token. */
export const fixedServices: Services = {
  googleTokens: () => ({
    accessToken: () => Promise.resolve({ token: 'google-token', project: 'from-credentials' }),
  }),
}

export const never = new AbortController().signal
