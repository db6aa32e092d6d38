import type { Provider } from '../providers/provider.ts'
import { fillSection, isInEnvironment } from './environment.ts'
import { nearest } from './nearest.ts'
import type { Path } from './place.ts'
import type { Problem } from './problem.ts'
import { credentialFaults, credentialsOf } from './provider-credentials.ts'
import { memberFaults, optionsOf } from './provider-members.ts'
import type { Environment } from './references.ts'
import type { Config } from './schema.ts'
import type { ProviderSection } from './schema-provider.ts'
import type { ConfiguredProvider } from './snapshot.ts'
import { touches } from './systems/system.ts'

/** Makes a problem about a path of our own configuration. */
export type Report = (
  path: Path,
  expected: string,
  options?: { part?: 'key' | 'value'; value?: boolean; nearest?: string | undefined },
) => Problem

export interface BuildContext {
  config: Config
  providers: readonly Provider[]
  environment: Environment
  fillsFromEnvironment: boolean
  removed: readonly Path[]
  report: Report
  /** Secret → the reference it came from. */
  labels: Map<string, string>
  problems: Problem[]
  notices: string[]
}

const DEMONSTRATION = 'demo'

/** The providers of one configuration, found by name without regard to case. */
export class ProviderSet {
  readonly settings = Object.create(null) as Record<string, ConfiguredProvider>
  /** What each was made from, for print-outs. */
  readonly sections: Record<string, ProviderSection> = {}
  /** Providers that are served as `provider/model`. */
  readonly passthrough: string[] = []
  readonly #context: BuildContext
  readonly #kinds = new Map<string, Provider>()
  /** Lower-case name or alias → name in `settings`; `undefined` for one that is declared but wrong. */
  readonly #names = new Map<string, string | undefined>()

  constructor(context: BuildContext) {
    this.#context = context
    for (const provider of context.providers)
      for (const name of [provider.id, provider.displayName, ...(provider.aliases ?? [])])
        if (!this.#kinds.has(name.toLowerCase())) this.#kinds.set(name.toLowerCase(), provider)
    for (const [name, section] of Object.entries(context.config.providers)) this.#declared(name, section)
  }

  /** The kind of provider a name stands for, by id, vendor's spelling or alias. */
  kind(name: string): Provider | undefined {
    return this.#kinds.get(name.toLowerCase())
  }

  kindOf(settings: string): Provider | undefined {
    return this.kind(this.settings[settings]?.type ?? '')
  }

  /** The settings' name for a name in a route; undefined, with a problem, when there is no such provider. */
  require(name: string, path: Path): string | undefined {
    if (this.#names.has(name.toLowerCase())) return this.#names.get(name.toLowerCase())
    const provider = this.kind(name)
    if (provider === undefined) {
      this.#context.problems.push(
        this.#context.report(path, 'a section under providers, or a provider the gateway knows', {
          nearest: nearest(name, this.#known())[0],
        }),
      )
      return undefined
    }
    if (this.#names.has(provider.id)) return this.#names.get(provider.id)
    return this.#add(provider.id, {}, provider, path)
  }

  /** The settings' name for the first part of a `provider/model` name. */
  find(name: string): string | undefined {
    return this.#names.get(name.toLowerCase()) ?? this.#names.get(this.kind(name)?.id ?? '')
  }

  /** Adds every provider of the environment; the demonstration when there is none at all. */
  addPassthrough(): void {
    for (const provider of this.#context.providers)
      if (!this.#names.has(provider.id) && isInEnvironment(provider, this.#context.environment))
        this.#fromEnvironment(provider)
    const demonstration = this.kind(DEMONSTRATION)
    if (this.#names.size === 0 && demonstration) this.#add(demonstration.id, {}, demonstration, [])
    this.passthrough.push(...Object.keys(this.settings))
  }

  #known(): string[] {
    return [
      ...Object.keys(this.#context.config.providers),
      ...this.#context.providers.map((provider) => provider.displayName),
      ...this.#context.providers.map((provider) => provider.id),
    ]
  }

  /** A key in the environment is an offer, not an order: without an address it is left with a notice. */
  #fromEnvironment(provider: Provider): void {
    if (provider.kind !== 'http') return
    const { baseUrl } = provider.environment
    if (provider.defaultBaseUrl === undefined && !this.#context.environment[baseUrl])
      this.#context.notices.push(`${provider.id} has a key in the environment but no address: set ${baseUrl}`)
    else this.#add(provider.id, {}, provider, [])
  }

  #declared(name: string, section: ProviderSection): void {
    const { report, problems, removed } = this.#context
    const path = ['providers', name]
    const lower = name.toLowerCase()
    if (this.#names.has(lower)) {
      problems.push(
        report(path, 'a name that differs from the others in more than case', { part: 'key', value: false }),
      )
      return
    }
    this.#names.set(lower, undefined)
    if (touches(removed, [...path, 'type'])) return
    const type = section.type ?? name
    const provider = this.kind(type)
    if (provider === undefined) {
      const isNamed = section.type !== undefined
      const expected = isNamed
        ? 'the type of a provider the gateway knows'
        : 'a `type`, or the name of a provider the gateway knows'
      problems.push(
        report(isNamed ? [...path, 'type'] : path, expected, {
          part: isNamed ? 'value' : 'key',
          value: isNamed,
          nearest: nearest(
            type,
            this.#context.providers.map(({ id }) => id),
          )[0],
        }),
      )
      return
    }
    for (const { member, expected } of memberFaults(section, provider))
      problems.push(report([...path, member], expected, { part: 'key', value: false }))
    for (const { at, expected } of credentialFaults(section, provider))
      if (!touches(removed, [...path, 'credentials']))
        problems.push(
          report([...path, ...at], expected, {
            part: typeof at.at(-1) === 'number' ? 'value' : 'key',
            value: false,
          }),
        )
    this.#add(name, section, provider, path)
  }

  /** Builds the settings; `path` is where a missing address is reported. */
  #add(name: string, section: ProviderSection, provider: Provider, path: Path): string | undefined {
    const made =
      provider.kind === 'http'
        ? this.#http(section, provider, name, path)
        : this.#local(section, provider, path)
    this.#names.set(name.toLowerCase(), made === undefined ? undefined : name)
    if (made === undefined) return undefined
    this.sections[name] = { ...made, type: provider.id }
    this.settings[name] = settingsOf(name, made, provider)
    return name
  }

  #local(section: ProviderSection, provider: Provider, path: Path): ProviderSection | undefined {
    const needsCommand = provider.id === 'process'
    if (!needsCommand || section.command !== undefined) return section
    if (!touches(this.#context.removed, [...path, 'command']))
      this.#context.problems.push(
        this.#context.report([...path, 'command'], 'a command: the program and its arguments'),
      )
    return undefined
  }

  #http(
    section: ProviderSection,
    provider: Extract<Provider, { kind: 'http' }>,
    name: string,
    path: Path,
  ): ProviderSection | undefined {
    const { environment, fillsFromEnvironment, labels, problems, removed, report } = this.#context
    // A vendor's key must not reach an address that was written for something else.
    const isItself = this.kind(name) === provider
    const secrets = (isItself || section.base_url === undefined) && section.credentials === undefined
    const { section: filled, problems: found } = fillsFromEnvironment
      ? fillSection(section, provider, environment, { secrets, labels })
      : { section, problems: [] }
    problems.push(...found)
    const base_url = filled.base_url ?? provider.defaultBaseUrl
    if (base_url === undefined) {
      if (found.length === 0 && !touches(removed, [...path, 'base_url']))
        problems.push(
          report(
            path[0] === 'providers' ? [...path, 'base_url'] : path,
            `an address: set base_url in [providers.${name}]${fillsFromEnvironment ? ` or ${provider.environment.baseUrl} in the environment` : ''}`,
          ),
        )
      return undefined
    }
    const isKeyless = [filled.api_key, filled.access_token, filled.credentials].every(
      (one) => one === undefined,
    )
    const wantsKey = provider.environment.apiKey.length > 0 && provider.environment.accessToken === undefined
    if (isKeyless && wantsKey && base_url === provider.defaultBaseUrl)
      this.#context.notices.push(
        `${name} has no key: set ${provider.environment.apiKey[0]} or api_key in [providers.${name}]; the upstream will refuse calls`,
      )
    return { ...filled, base_url }
  }
}

function settingsOf(name: string, section: ProviderSection, provider: Provider): ConfiguredProvider {
  const { api_key, access_token, project, region, dialect } = section
  const options = optionsOf(section)
  const credentials = credentialsOf(section, options)
  return {
    name,
    type: provider.id,
    baseUrl: (section.base_url ?? '').replace(/\/+$/, ''),
    ...(api_key === undefined ? {} : { apiKey: api_key }),
    ...(access_token === undefined ? {} : { accessToken: access_token }),
    ...(project === undefined ? {} : { project }),
    ...(region === undefined ? {} : { region }),
    ...(dialect === undefined ? {} : { dialect }),
    headers: section.headers ?? {},
    options,
    // What is asked for without a route, such as the list of models, is asked for with the first.
    ...credentials?.[0]?.settings,
    ...(credentials === undefined ? {} : { credentials }),
  }
}
