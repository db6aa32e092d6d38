import type { HttpProvider, Provider } from '../providers/provider.ts'
import type { Problem } from './problem.ts'
import type { Environment } from './references.ts'
import type { Config } from './schema.ts'
import { isHttpAddress, isStoreAddress, storeAddresses } from './schema-fields.ts'
import type { ProviderSection } from './schema-provider.ts'
import { looksSecret } from './secrets.ts'

/** A variable that is set and not empty; an empty one counts as not set, as shells and containers mean it. */
function first(
  names: readonly string[] | undefined,
  environment: Environment,
): { name: string; value: string } | undefined {
  for (const name of names ?? []) {
    const value = environment[name]
    if (value !== undefined && value !== '') return { name, value }
  }
  return undefined
}

/** The members of a provider's section that come from variables, in the order they are documented. */
const sources: readonly {
  member: 'base_url' | 'api_key' | 'access_token' | 'project' | 'region'
  names: (provider: HttpProvider) => readonly string[] | undefined
  isSecret: boolean
}[] = [
  { member: 'base_url', names: ({ environment }) => [environment.baseUrl], isSecret: false },
  { member: 'api_key', names: ({ environment }) => environment.apiKey, isSecret: true },
  { member: 'access_token', names: ({ environment }) => environment.accessToken, isSecret: true },
  { member: 'project', names: ({ environment }) => environment.project, isSecret: false },
  { member: 'region', names: ({ environment }) => environment.region, isSecret: false },
]

/** Whether the environment has a key, an address or a project for this provider. */
export function isInEnvironment(provider: Provider, environment: Environment): boolean {
  if (provider.kind !== 'http') return false
  const { baseUrl, apiKey, accessToken = [], project = [] } = provider.environment
  // The vendor's own variable for the project means that its credentials are found elsewhere (Google's own files);
  // variables shared with other tools mean nothing.
  const own = project.filter((name) => name.startsWith(baseUrl.replace(/BASE_URL$/, '')))
  return first([baseUrl, ...apiKey, ...accessToken, ...own], environment) !== undefined
}

/** A section with what it leaves out taken from the environment; `labels` learns where secrets came from. */
export function fillSection(
  section: ProviderSection,
  provider: HttpProvider,
  environment: Environment,
  options: { secrets: boolean; labels: Map<string, string> },
): { section: ProviderSection; problems: Problem[] } {
  const filled: ProviderSection = { ...section }
  const problems: Problem[] = []
  for (const { member, names, isSecret } of sources) {
    if (filled[member] !== undefined || (isSecret && !options.secrets)) continue
    const found = first(names(provider), environment)
    if (found === undefined) continue
    if (member === 'base_url' && !isHttpAddress(found.value)) problems.push(badAddress(found))
    else filled[member] = found.value
    if (isSecret) options.labels.set(found.value, `ENV:${found.name}`)
  }
  return { section: filled, problems }
}

export function badAddress({ name, value }: { name: string; value: string }): Problem {
  return {
    file: 'environment',
    path: name,
    expected: 'an http:// or https:// address without user, query and fragment',
    ...(looksSecret(value) ? {} : { value: JSON.stringify(value.slice(0, 60)) }),
  }
}

/** Addresses of stores: the file's, else the usual variables'. They hold passwords, so `labels` learns their names. */
export function withStores(
  config: Config,
  environment: Environment,
  labels: Map<string, string>,
): { stores: Pick<Config, 'database' | 'redis'>; problems: Problem[] } {
  const problems: Problem[] = []
  const url = (store: 'database' | 'redis', name: string): { url?: string } => {
    if (config[store].url !== undefined) return {}
    const value = environment[name]
    if (value === undefined || value === '') return {}
    labels.set(value, `ENV:${name}`)
    if (!isStoreAddress(store, value))
      problems.push({ file: 'environment', path: name, expected: storeAddresses[store].expected })
    return { url: value }
  }
  const stores = {
    database: { ...config.database, ...url('database', 'DATABASE_URL') },
    redis: { ...config.redis, ...url('redis', 'REDIS_URL') },
  }
  return { stores, problems }
}
