import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { ProviderSettings } from '../providers/provider.ts'
import type { Camel } from './camel.ts'
import type { Config } from './schema.ts'

/** Clocks of one call, in milliseconds. */
export interface Timeouts {
  readonly connectMs: number
  readonly firstByteMs: number
  readonly idleMs: number
  readonly totalMs: number
}

export interface Retry {
  readonly maxRetries: number
  readonly backoffMs: number
}

/** What holds for all attempts of a call together. */
export interface RetryPolicy extends Retry {
  readonly maxAttempts: number
  readonly maxRetryAfterMs: number
  /** Further attempts on the same route as a share of its first ones. */
  readonly budget: number
  readonly deadlineMs?: number
  readonly retryAfterSent: boolean
}

/** When a route is given a rest, and how it comes back. */
export interface Circuit {
  readonly failureThreshold: number
  /**
   * The failures in a row must also reach over this time, in milliseconds. 0 where the configuration asks for the
   * circuit; some seconds where it was not asked for.
   */
  readonly failureSpanMs: number
  readonly failureRate: number
  readonly windowMs: number
  readonly minimumAttempts: number
  readonly openMs: number
  readonly probes: number
  readonly successThreshold: number
}

export type Balance = 'order' | 'weight' | 'latency' | 'price'
export type Sticky = 'session' | 'prefix' | 'either'

/** Who may be sent to a route; everything named must fit. */
export interface RouteCondition {
  readonly tenants?: readonly string[]
  readonly tags?: Readonly<Record<string, string>>
  readonly stream?: boolean
}

/** Where a call may go: one model at one provider, with everything merged in. */
export interface Route {
  /** Name in `Snapshot.providers`. */
  readonly provider: string
  /** The upstream's own name of the model. */
  readonly model: string
  /** That name as configured, with its `*`, where the model's name has one: clients choose what stands for it. */
  readonly pattern?: string
  readonly region?: string
  readonly project?: string
  readonly weight?: number
  readonly timeouts: Timeouts
  readonly retry: Retry
  readonly when?: RouteCondition
  /** Absent: the route is never closed off. */
  readonly circuit?: Circuit
  readonly capabilities?: Readonly<Partial<Capabilities>>
}

/** One name clients can use. */
export interface ModelEntry {
  readonly name: string
  /**
   * The name as configured, with its `*`, where clients choose what stands for it: `gpt-*`, or `openai/*` for names
   * that pass through to a provider.
   */
  readonly pattern?: string
  /** Further names that stand for it. */
  readonly aliases?: readonly string[]
  readonly displayName?: string
  readonly ownedBy?: string
  /** Seconds since 1970. */
  readonly created?: number
  /** In order of preference; never empty. */
  readonly routes: readonly Route[]
  /** Which of them is tried first. Absent: `order`. */
  readonly balance?: Balance
  readonly sticky?: Sticky
  readonly hedge?: { readonly afterMs: number; readonly budget: number }
  /** Milliseconds up to the first content, over all attempts. */
  readonly deadlineMs?: number
  /** Values for what a request leaves out. */
  readonly defaults: { readonly temperature?: number; readonly maxOutputTokens?: number }
}

export interface ListedModel {
  readonly id: string
  readonly displayName?: string
  /** ISO 8601. */
  readonly createdAt?: string
  readonly ownedBy?: string
}

export interface ModelList {
  readonly allow: readonly string[]
  readonly block: readonly string[]
  /** The whole list as it is shown. */
  readonly override?: readonly ListedModel[]
  readonly displayNames: Readonly<Record<string, string>>
  /** `downstream`: the list of `defaultProvider`'s own API. */
  readonly source: 'configured' | 'downstream'
  /** Gets every name that stands nowhere else. */
  readonly defaultProvider?: string
  /** Providers whose models are served as `provider/model`. */
  readonly passthrough: readonly string[]
}

export interface Translation {
  readonly strict: boolean
  readonly outputStrict: boolean
  readonly allowImages: boolean
  readonly documentPolicy: 'reject' | 'passthrough' | 'text'
  /** By rising budget. */
  readonly thinkingMap: readonly { readonly budget: number; readonly effort: string }[]
}

/** A provider of the snapshot: its settings, and which kind it is. */
export type ConfiguredProvider = Readonly<ProviderSettings> & {
  readonly type: string
  /** Absent: the provider's own is the only one. */
  readonly credentials?: readonly ConfiguredCredential[]
}

/** One of several credentials of a provider. */
export interface ConfiguredCredential {
  readonly name: string
  /** Calls that may be open with it at the same time. */
  readonly concurrency?: number
  /** What of the provider's settings it replaces. */
  readonly settings: Readonly<Partial<ProviderSettings>>
}

/** Limits of one tenant as configured; budgets are decimal texts in US dollars. */
export type TenantSettings = Camel<Config['tenants'][string]>
type PriceConfig = Config['prices'][string]
/** Prices in US dollars, as decimal texts; tiers by rising bound. */
export type PriceSettings = Omit<Camel<PriceConfig>, 'tiers'> & {
  tiers?: readonly Camel<NonNullable<PriceConfig['tiers']>[number]>[]
}

/** Which of the known files this configuration came from. */
export type Origin = 'environment' | 'file' | 'system-b' | 'system-c'

/**
 * The configuration the gateway runs on. It never changes: a reload makes another one, and a call keeps the one
 * it began with. It holds secrets; `print.ts` shows it without them.
 */
export interface Snapshot {
  /** Twelve hexadecimal digits that stand for the content; secrets have no part in it. */
  readonly version: string
  /** The file as the operator named it. */
  readonly file?: string
  readonly origin: Origin
  readonly server: Camel<Config['server']>
  /** `first-key`: no key is asked for until the first one is made (loopback only). */
  readonly auth: { readonly mode: 'keys' | 'first-key' | 'open' }
  readonly limits: Camel<Config['limits']>
  readonly timeouts: Timeouts
  readonly retry: RetryPolicy
  readonly providers: Readonly<Record<string, ConfiguredProvider>>
  /** The models that are known by name; `resolve` knows more. */
  readonly models: ReadonlyMap<string, ModelEntry>
  /** Models whose names hold `*`, the most exact first. Their entries are patterns; `resolve` fills them in. */
  readonly wildcards: readonly ModelEntry[]
  /** Further names of models → the names they stand for. */
  readonly aliases: ReadonlyMap<string, string>
  readonly translation: Translation
  readonly modelList: ModelList
  readonly rateLimiting?: { readonly defaultRpm: number; readonly burstSize: number }
  /** By name; without a prototype. */
  readonly tenants: Readonly<Record<string, TenantSettings>>
  /** By `provider/model` pattern, in the order of the file. Amounts are decimal texts in US dollars. */
  readonly prices: Readonly<Record<string, PriceSettings>>
  readonly idempotency: Camel<Config['idempotency']>
  readonly usage: Camel<Config['usage']>
  readonly database: Camel<Config['database']>
  readonly redis: Camel<Config['redis']>
  readonly observability: Camel<Config['observability']>
  /** Sentences for the log: what an operator should know although nothing is wrong. */
  readonly notices: readonly string[]
  /**
   * The entry a name stands for: a model of the file, by its name or an alias, else the most exact pattern, else the
   * default provider under the same name, else `provider/model`. Undefined when it is not served, also by allow- and
   * blocklist. The entry's `name` is the model's own: for an alias another than the one that was asked for.
   */
  resolve(model: string): ModelEntry | undefined
  /** Up to three served names close to one that is not. */
  nearest(model: string): string[]
}
