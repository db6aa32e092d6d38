import { isLoopback } from '../config/loopback.ts'
import type { Provider } from '../providers/provider.ts'

export interface WithoutOwnAddress {
  environment: Readonly<Record<string, string | undefined>>
  /** Variables that were left out. */
  ignored: string[]
}

/**
 * The environment without provider addresses that are the gateway's own. Whoever points an SDK at the gateway sets
 * `OPENAI_BASE_URL` or `ANTHROPIC_BASE_URL` in the same shell in which the gateway is then started: it would call
 * itself without end.
 */
export function withoutOwnAddress(
  environment: Readonly<Record<string, string | undefined>>,
  server: { host: string; port: number },
  providers: readonly Provider[],
): WithoutOwnAddress {
  const variables = providers.flatMap((provider) =>
    provider.kind === 'http' ? [provider.environment.baseUrl] : [],
  )
  const ignored = [...new Set(variables)].filter((name) => isOwn(environment[name], server))
  if (ignored.length === 0) return { environment, ignored }
  const kept = { ...environment }
  for (const name of ignored) delete kept[name]
  return { environment: kept, ignored }
}

function isOwn(address: string | undefined, { host, port }: { host: string; port: number }): boolean {
  const url = address === undefined ? null : URL.parse(address)
  if (url?.protocol !== 'http:' || Number(url.port || 80) !== port) return false
  const named = url.hostname.replace(/^\[|\]$/g, '')
  const everywhere = host === '0.0.0.0' || host === '::'
  return named === host || (isLoopback(named) && (isLoopback(host) || everywhere))
}
