import { createHash } from 'node:crypto'
import type { PriceSettings, Snapshot } from '../config/snapshot.ts'
import type { Usage } from '../protocol/model/usage.ts'
import { findProvider } from '../providers/list.ts'
import { shippedPrices } from '../providers/prices/list.ts'
import { parseDollars } from './money.ts'

/** Picodollars a token. What was not said is filled in, so that every kind of token has its rate. */
interface Rates {
  readonly input: bigint
  readonly output: bigint
  readonly cachedInput: bigint
  readonly cacheWrite: bigint
  readonly cacheWrite1h: bigint
  readonly reasoning: bigint
  readonly inputAudio: bigint
  readonly outputAudio: bigint
}

/** What one model of one provider costs, in picodollars. */
export interface Price {
  /** Twelve hexadecimal digits that stand for the amounts: equal prices have equal versions. */
  readonly version: string
  readonly rates: Rates
  /** By falling bound: the first whose bound the prompt exceeds is charged, for the whole prompt and answer. */
  readonly tiers: readonly { readonly above: number; readonly rates: Rates }[]
  /** Picodollars for an image of the prompt, for a request, for a search that the provider ran. */
  readonly image: bigint
  readonly request: bigint
  readonly webSearch: bigint
  /** From the configuration, so that it wins over what an upstream says it charged. */
  readonly configured: boolean
}

/** What a request holds besides tokens that may have a price of its own. */
export interface Extras {
  /** Images of the prompt. */
  images?: number
  webSearches?: number
}

/** Dollars for a million tokens → picodollars for one: exact, since prices have at most six decimal places. */
const TOKENS = 1_000_000n

/** Models are looked up once a configuration; a flood of invented names cannot grow this. */
const MAXIMUM_CACHED = 10_000
const found = new WeakMap<Snapshot, Map<string, Price | undefined>>()

/**
 * The price of a provider's model: the most exact pattern of the configuration, else of the prices that ship. Patterns
 * are matched with the provider's name in the configuration first, then with its type. Undefined when neither knows it.
 */
export function priceOf(snapshot: Snapshot, provider: string, model: string): Price | undefined {
  let known = found.get(snapshot)
  if (!known) found.set(snapshot, (known = new Map()))
  const label = `${provider}/${model}`
  if (known.has(label)) return known.get(label)
  const price = lookUp(snapshot, provider, model)
  if (known.size < MAXIMUM_CACHED) known.set(label, price)
  return price
}

function lookUp(snapshot: Snapshot, provider: string, model: string): Price | undefined {
  const type = findProvider(snapshot.providers[provider]?.type ?? provider)?.id
  const configured = Object.entries(snapshot.prices)
  const own =
    mostExact(configured, `${provider}/${model}`) ??
    (type === undefined ? undefined : mostExact(configured, `${type}/${model}`))
  if (own !== undefined) return toPrice(own, true)
  const shipped = type === undefined ? undefined : mostExact(shippedPrices(type), model)
  return shipped && toPrice(shipped, false)
}

/** The entry with the most characters that are no wildcard; of equals the last, which stands further down in the file. */
function mostExact(
  entries: readonly (readonly [pattern: string, price: PriceSettings])[],
  name: string,
): PriceSettings | undefined {
  let best: { price: PriceSettings; weight: number } | undefined
  for (const [pattern, price] of entries) {
    const weight = pattern.includes('*') ? pattern.replaceAll('*', '').length : Number.MAX_SAFE_INTEGER
    if (weight >= (best?.weight ?? 0) && matches(pattern, name)) best = { price, weight }
  }
  return best?.price
}

/** Whether `name` is what `pattern` says; `*` stands for any characters. In linear time for any pattern. */
function matches(pattern: string, name: string): boolean {
  const [head = '', ...rest] = pattern.split('*')
  const tail = rest.pop()
  if (tail === undefined) return pattern === name
  if (!name.startsWith(head)) return false
  let at = head.length
  for (const piece of rest) {
    const next = name.indexOf(piece, at)
    if (next === -1) return false
    at = next + piece.length
  }
  return name.length - tail.length >= at && name.endsWith(tail)
}

/** A price as configured, with everything that was left out filled in. */
export function toPrice(settings: PriceSettings, configured: boolean): Price {
  const { tiers = [], image, request, webSearch } = settings
  const dearer = tiers.map((tier) => ({
    above: tier.aboveInputTokens,
    rates: toRates({ ...settings, ...tier }),
  }))
  const amounts = {
    rates: toRates(settings),
    tiers: dearer.toSorted((a, b) => b.above - a.above),
    image: parseDollars(image ?? '0'),
    request: parseDollars(request ?? '0'),
    webSearch: parseDollars(webSearch ?? '0'),
  }
  return { version: hashOf(amounts), ...amounts, configured }
}

function toRates(said: PriceSettings): Rates {
  const rate = (text: string | undefined, otherwise: bigint): bigint =>
    text === undefined ? otherwise : parseDollars(text) / TOKENS
  const input = rate(said.input, 0n)
  const output = rate(said.output, 0n)
  const cacheWrite = rate(said.cacheWrite, input)
  return {
    input,
    output,
    cachedInput: rate(said.cachedInput, input),
    cacheWrite,
    cacheWrite1h: rate(said.cacheWrite1h, cacheWrite),
    reasoning: rate(said.reasoning, output),
    inputAudio: rate(said.inputAudio, input),
    outputAudio: rate(said.outputAudio, output),
  }
}

function hashOf(amounts: object): string {
  const text = JSON.stringify(amounts, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

/**
 * What an answer cost, in picodollars: every token once, at the rate of its kind. A part that claims more tokens than
 * the whole has is cut to it, so that the cost never exceeds `reservationOf` the same totals.
 */
export function costOf(price: Price, usage: Usage, extras: Extras = {}): bigint {
  const rates = ratesFor(price, usage.inputTokens ?? 0)
  const prompt = parts(usage.inputTokens ?? 0, [
    [usage.cacheReadTokens, rates.cachedInput],
    [usage.cacheWrite1hTokens, rates.cacheWrite1h],
    [writtenForMinutes(usage), rates.cacheWrite],
    [usage.inputAudioTokens, rates.inputAudio],
  ])
  const answer = parts(usage.outputTokens ?? 0, [
    [usage.reasoningTokens, rates.reasoning],
    [usage.outputAudioTokens, rates.outputAudio],
  ])
  const tokens = prompt.cost + prompt.rest * rates.input + answer.cost + answer.rest * rates.output
  return tokens + priceOfExtras(price, { webSearches: usage.webSearches ?? 0, ...extras })
}

function priceOfExtras(price: Price, { images = 0, webSearches = 0 }: Extras): bigint {
  return price.request + price.image * BigInt(images) + price.webSearch * BigInt(webSearches)
}

function ratesFor(price: Price, inputTokens: number): Rates {
  return price.tiers.find((tier) => inputTokens > tier.above)?.rates ?? price.rates
}

/** Tokens written to a cache that are not kept for an hour. */
function writtenForMinutes(usage: Usage): number {
  const whole = usage.cacheWriteTokens ?? usage.cacheWrite5mTokens ?? 0
  return usage.cacheWriteTokens === undefined ? whole : Math.max(0, whole - (usage.cacheWrite1hTokens ?? 0))
}

/** Charges the parts of a number of tokens; gives their cost and how many tokens are left. */
function parts(
  whole: number,
  kinds: readonly (readonly [tokens: number | undefined, rate: bigint])[],
): { cost: bigint; rest: bigint } {
  let rest = whole
  let cost = 0n
  for (const [tokens, rate] of kinds) {
    if (!tokens) continue
    const charged = Math.min(tokens, rest)
    rest -= charged
    cost += BigInt(charged) * rate
  }
  return { cost, rest: BigInt(rest) }
}

/** The most that these numbers of tokens can cost, of whatever kind they turn out to be, in picodollars. */
export function reservationOf(
  price: Price,
  tokens: { input: number; output: number },
  extras: Extras = {},
): bigint {
  const reachable = [
    price.rates,
    ...price.tiers.filter((tier) => tokens.input > tier.above).map(({ rates }) => rates),
  ]
  const input = reachable.flatMap((rates) => [
    rates.input,
    rates.cachedInput,
    rates.cacheWrite,
    rates.cacheWrite1h,
    rates.inputAudio,
  ])
  const output = reachable.flatMap((rates) => [rates.output, rates.reasoning, rates.outputAudio])
  return (
    BigInt(tokens.input) * largest(input) +
    BigInt(tokens.output) * largest(output) +
    priceOfExtras(price, extras)
  )
}

function largest(amounts: readonly bigint[]): bigint {
  return amounts.reduce((most, amount) => (amount > most ? amount : most), 0n)
}
