import anthropic from './anthropic.json' with { type: 'json' }
import deepseek from './deepseek.json' with { type: 'json' }
import free from './free.json' with { type: 'json' }
import gemini from './gemini.json' with { type: 'json' }
import groq from './groq.json' with { type: 'json' }
import mistral from './mistral.json' with { type: 'json' }
import moonshot from './moonshot.json' with { type: 'json' }
import openai from './openai.json' with { type: 'json' }
import openrouter from './openrouter.json' with { type: 'json' }
import xai from './xai.json' with { type: 'json' }

/** US dollars for a million tokens, as decimal texts; `request`, `image` and `webSearch` in dollars each. */
interface Rates {
  input?: string
  output?: string
  cachedInput?: string
  cacheWrite?: string
  cacheWrite1h?: string
  reasoning?: string
  inputAudio?: string
  outputAudio?: string
}

export interface ShippedPrice extends Rates {
  image?: string
  request?: string
  webSearch?: string
  tiers?: ({ aboveInputTokens: number } & Rates)[]
}

/** One file of prices: a vendor's public price list at a date. */
export interface PriceFile {
  source: string
  /** The day on which the list was read. */
  date: string
  /** Ids of the providers that charge these prices. */
  providers: string[]
  /** By the upstream's own name of a model; `*` stands for any characters, the most exact pattern counts. */
  models: Record<string, ShippedPrice>
}

export const priceFiles: readonly PriceFile[] = [
  openai,
  anthropic,
  gemini,
  deepseek,
  moonshot,
  mistral,
  xai,
  groq,
  openrouter,
  free,
]

const byProvider = new Map<string, [pattern: string, price: ShippedPrice][]>()
for (const file of priceFiles)
  for (const provider of file.providers)
    byProvider.set(provider, [...(byProvider.get(provider) ?? []), ...Object.entries(file.models)])

/** The prices that ship for a provider, by model pattern. */
export function shippedPrices(
  provider: string,
): readonly (readonly [pattern: string, price: ShippedPrice])[] {
  return byProvider.get(provider) ?? []
}
