import type { Dropped } from '../protocol/model/dropped.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { JsonObject } from '../protocol/model/json.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { ChatRequest } from '../protocol/model/request.ts'

/** What the gateway asks of an upstream over HTTP. */
export type Operation = 'generate' | 'stream' | 'count-tokens' | 'list-models'

/** One configured provider: the vendor's defaults, the environment and the configuration file, merged. */
export interface ProviderSettings {
  /** Name in routes: the provider's id, or the name of its section in the configuration. */
  name: string
  /** Without a trailing slash. */
  baseUrl: string
  apiKey?: string
  /** OAuth access token given directly. */
  accessToken?: string
  project?: string
  region?: string
  /** Extra headers for every request, from the configuration. */
  headers: Readonly<Record<string, string>>
  /** Dialect chosen by configuration, for providers that speak several. */
  dialect?: DialectName
  /** Settings only this kind of provider knows (`process`: command, arguments …), already checked. */
  options: Readonly<Record<string, unknown>>
}

/** Where and how one operation on one model is called. */
export interface HttpPlace {
  method: 'POST' | 'GET'
  /** Absolute URL. Values from requests are encoded so that they cannot change host or path (J11). */
  url: string
}

/** Fetches short-lived credentials; implemented by `upstream/google-credentials.ts`. */
export interface TokenSource {
  /** A valid access token; throws `upstream_unauthenticated` with the reason. */
  accessToken(signal: AbortSignal): Promise<{ token: string; project?: string }>
}

export interface Services {
  /** Google credentials: service account, ADC, metadata server. */
  googleTokens(settings: ProviderSettings): TokenSource
}

interface Common {
  /** Lower-case id used in `provider/model` names and in configuration. */
  id: string
  /** The vendor's own spelling. */
  displayName: string
  /** Further spellings accepted in configuration, lower case. */
  aliases?: readonly string[]
}

/** A vendor reached over HTTP: data, and small pure functions where data does not suffice. */
export interface HttpProvider extends Common {
  kind: 'http'
  /** Absent when the address must be configured. */
  defaultBaseUrl?: string
  environment: {
    /** `OPENAI_BASE_URL`: taken as the vendor's own SDK takes it. */
    baseUrl: string
    /** Variables that may hold the key, in order. Empty when the server needs none. */
    apiKey: readonly string[]
    accessToken?: readonly string[]
    project?: readonly string[]
    region?: readonly string[]
  }
  /**
   * Settings with what only the credentials know (the project of a service account). Called once before `place`;
   * absent, or returning its input, when the settings are complete as configured.
   */
  complete?(
    settings: ProviderSettings,
    services: Services,
    signal: AbortSignal,
  ): ProviderSettings | Promise<ProviderSettings>
  /** Which wire protocol this model is served in. */
  dialect(model: string, settings: ProviderSettings): DialectName
  /** Undefined when the operation is not offered. `model` is the upstream's own name. */
  place(operation: Operation, model: string, settings: ProviderSettings): HttpPlace | undefined
  /** Credential headers; a promise only when a token has to be fetched. */
  authorise(
    settings: ProviderSettings,
    services: Services,
    signal: AbortSignal,
  ): Record<string, string> | Promise<Record<string, string>>
  /** Headers the vendor wants besides credentials (`anthropic-version` …). */
  headers?(settings: ProviderSettings, model: string): Record<string, string>
  /** Names of client headers that may be forwarded, lower case. */
  forwardHeaders?: readonly string[]
  /**
   * Adjusts a body for this place (fields that move into the URL, a version member). Must not change its input.
   * `dialect` is the one the body is in; absent, it is the provider's own for the model.
   */
  shape?(body: JsonObject, model: string, operation: Operation, dialect?: DialectName): JsonObject
  /** Model ids from the answer to `list-models`. */
  modelIds?(body: JsonObject): { id: string; created?: number; ownedBy?: string; displayName?: string }[]
}

/** What a provider that is not HTTP gets to work with. */
export interface LocalCall {
  model: string
  request: ChatRequest
  settings: ProviderSettings
  signal: AbortSignal
  /** A fresh id without prefix. */
  newId(): string
  /** Seconds since 1970. */
  now: number
}

/** A provider inside the machine: a child process, the demonstration model. One batch a read. */
export interface LocalProvider extends Common {
  kind: 'local'
  open(call: LocalCall): AsyncIterable<AnswerEvent[]>
  /** What of a request this provider leaves out; policy decides before `open` whether to report or to refuse. */
  losses?(request: ChatRequest, settings: ProviderSettings): Dropped[]
  /** Ids offered when nothing is configured. */
  models?: readonly string[]
}

export type Provider = HttpProvider | LocalProvider
