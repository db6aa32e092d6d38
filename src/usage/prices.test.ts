import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { PriceSettings, Snapshot } from '../config/snapshot.ts'
import type { Usage } from '../protocol/model/usage.ts'
import { findProvider } from '../providers/list.ts'
import { priceFiles } from '../providers/prices/list.ts'
import { parseDollars } from './money.ts'
import { costOf, priceOf, reservationOf, toPrice } from './prices.ts'
import { snapshotWith } from './testing.ts'

/** A fraction of whole numbers: the oracle knows no rounding. */
interface Fraction {
  over: bigint
  under: bigint
}

const fraction = (over: bigint, under = 1n): Fraction => ({ over, under })
const add = (a: Fraction, b: Fraction): Fraction =>
  fraction(a.over * b.under + b.over * a.under, a.under * b.under)
const times = (a: Fraction, b: Fraction): Fraction => fraction(a.over * b.over, a.under * b.under)

/** A decimal text as a fraction, read in another way than the code under test reads it. */
function decimal(text: string): Fraction {
  const [whole = '0', places = ''] = text.split('.')
  return fraction(BigInt(whole + places), 10n ** BigInt(places.length))
}

/** Dollars for tokens at dollars a million. */
function charge(tokens: number, rate: string | undefined): Fraction {
  return times(fraction(BigInt(tokens), 1_000_000n), decimal(rate ?? '0'))
}

/** What the price list says in words, computed the long way. */
function oracle(price: PriceSettings, usage: Required<Tokens>, images: number): Fraction {
  const tier = [...(price.tiers ?? [])]
    .sort((a, b) => a.aboveInputTokens - b.aboveInputTokens)
    .filter(({ aboveInputTokens }) => usage.inputTokens > aboveInputTokens)
    .at(-1)
  const said = { ...price, ...tier }
  const write5m = usage.cacheWriteTokens - usage.cacheWrite1hTokens
  const fresh = usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens - usage.inputAudioTokens
  const plain = usage.outputTokens - usage.reasoningTokens - usage.outputAudioTokens
  return [
    charge(fresh, said.input),
    charge(usage.cacheReadTokens, said.cachedInput ?? said.input),
    charge(write5m, said.cacheWrite ?? said.input),
    charge(usage.cacheWrite1hTokens, said.cacheWrite1h ?? said.cacheWrite ?? said.input),
    charge(usage.inputAudioTokens, said.inputAudio ?? said.input),
    charge(plain, said.output),
    charge(usage.reasoningTokens, said.reasoning ?? said.output),
    charge(usage.outputAudioTokens, said.outputAudio ?? said.output),
    times(fraction(BigInt(images)), decimal(price.image ?? '0')),
    decimal(price.request ?? '0'),
    times(fraction(BigInt(usage.webSearches)), decimal(price.webSearch ?? '0')),
  ].reduce(add)
}

type Tokens = Pick<
  Usage,
  | 'inputTokens'
  | 'cacheReadTokens'
  | 'cacheWriteTokens'
  | 'cacheWrite1hTokens'
  | 'inputAudioTokens'
  | 'outputTokens'
  | 'reasoningTokens'
  | 'outputAudioTokens'
  | 'webSearches'
>

const amount = fc
  .tuple(fc.nat(2_000), fc.nat(999_999), fc.nat(6))
  .map(([whole, places, length]) =>
    length === 0 ? `${whole}` : `${whole}.${`${places}`.padStart(6, '0').slice(0, length)}`,
  )
const maybe = fc.option(amount, { nil: undefined })
const rates = {
  input: maybe,
  output: maybe,
  cachedInput: maybe,
  cacheWrite: maybe,
  cacheWrite1h: maybe,
  reasoning: maybe,
  inputAudio: maybe,
  outputAudio: maybe,
}
const prices = fc
  .record({
    ...rates,
    image: maybe,
    request: maybe,
    webSearch: maybe,
    tiers: fc.uniqueArray(fc.record({ aboveInputTokens: fc.nat(2_000_000), ...rates }), {
      maxLength: 3,
      selector: (tier) => tier.aboveInputTokens,
    }),
  })
  .map((price) => said(price) as PriceSettings)

/** Without the members that are undefined, as the configuration gives them. */
function said(value: object): object {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .map(([name, member]) => [name, Array.isArray(member) ? member.map(said) : member]),
  )
}

/** Tokens whose parts fit into their whole. */
const tokens = fc
  .tuple(
    fc.array(fc.nat(3_000_000), { minLength: 5, maxLength: 5 }),
    fc.array(fc.nat(500_000), { minLength: 3, maxLength: 3 }),
    fc.nat(20),
  )
  .map(
    ([
      [fresh = 0, read = 0, write = 0, hour = 0, audio = 0],
      [plain = 0, thought = 0, spoken = 0],
      searches,
    ]) => ({
      inputTokens: fresh + read + write + hour + audio,
      cacheReadTokens: read,
      cacheWriteTokens: write + hour,
      cacheWrite1hTokens: hour,
      inputAudioTokens: audio,
      outputTokens: plain + thought + spoken,
      reasoningTokens: thought,
      outputAudioTokens: spoken,
      webSearches: searches,
    }),
  )

describe('C11: money is exact', () => {
  const cases = 100_000

  test(`${cases} prices and usages against fractions: no difference of 10⁻¹² dollars`, () => {
    let n = 0
    fc.assert(
      fc.property(prices, tokens, fc.nat(30), (settings, usage, images) => {
        n += 1
        const cost = costOf(toPrice(settings, true), usage, { images })
        const exact = oracle(settings, usage, images)
        if (cost * exact.under !== exact.over * parseDollars('1'))
          throw new Error(`${cost} is not ${exact.over}/${exact.under}`)
      }),
      { numRuns: cases },
    )
    console.info(`C11: n=${n}, wrong=0`)
  }, 120_000)

  test('a reservation is never below what the same tokens can cost, whatever kind they are', () => {
    const anyCount = fc.option(fc.nat(4_000_000), { nil: undefined })
    fc.assert(
      fc.property(
        prices,
        fc.record({
          inputTokens: anyCount,
          cacheReadTokens: anyCount,
          cacheWriteTokens: anyCount,
          cacheWrite5mTokens: anyCount,
          cacheWrite1hTokens: anyCount,
          inputAudioTokens: anyCount,
          outputTokens: anyCount,
          reasoningTokens: anyCount,
          outputAudioTokens: anyCount,
        }),
        fc.nat(1_000),
        (settings, usage, more) => {
          const price = toPrice(settings, true)
          const reserved = reservationOf(price, {
            input: (usage.inputTokens ?? 0) + more,
            output: (usage.outputTokens ?? 0) + more,
          })
          expect(reserved >= costOf(price, said(usage))).toBe(true)
        },
      ),
      { numRuns: 20_000 },
    )
  }, 60_000)
})

function snapshot(configured: Record<string, PriceSettings>, types: Record<string, string> = {}): Snapshot {
  const providers = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { name, type }]))
  return snapshotWith({ prices: configured, providers: providers as unknown as Snapshot['providers'] })
}

/** Dollars for a million prompt tokens. */
function inputPrice(from: Snapshot, provider: string, model: string): number | undefined {
  const price = priceOf(from, provider, model)
  return price && Number(price.rates.input) / 1e6
}

describe('which price counts', () => {
  test('the most exact pattern, the order in the file only among equals', () => {
    const from = snapshot({
      'openai/*': { input: '1' },
      'openai/gpt-4*': { input: '2' },
      'openai/gpt-4.1': { input: '3' },
      'openai/gpt-4*mini': { input: '4' },
      '*': { input: '9' },
    })
    expect(inputPrice(from, 'openai', 'gpt-4.1')).toBe(3)
    expect(inputPrice(from, 'openai', 'gpt-4.1-mini')).toBe(4)
    expect(inputPrice(from, 'openai', 'gpt-4o')).toBe(2)
    expect(inputPrice(from, 'openai', 'o3')).toBe(1)
    expect(inputPrice(from, 'elsewhere', 'o3')).toBe(9)
  })

  test('the name in the configuration before the type, the configuration before what ships', () => {
    const from = snapshot(
      { 'second/gpt-4.1': { input: '7' }, 'openai/gpt-4.1': { input: '8' } },
      { second: 'openai', third: 'openai', own: 'openai-compat' },
    )
    expect(inputPrice(from, 'second', 'gpt-4.1')).toBe(7)
    expect(inputPrice(from, 'third', 'gpt-4.1')).toBe(8)
    expect(inputPrice(from, 'third', 'gpt-4.1-mini')).toBe(0.4)
    expect(inputPrice(from, 'own', 'gpt-4.1')).toBeUndefined()
  })

  test('models with dates, paths and versions find their price', () => {
    const from = snapshot({})
    expect(inputPrice(from, 'openai', 'gpt-4.1-2025-04-14')).toBe(2)
    expect(inputPrice(from, 'openai', 'gpt-4.1-mini-2025-04-14')).toBe(0.4)
    expect(inputPrice(from, 'vertex', 'publishers/google/models/gemini-1.5-pro-002')).toBe(1.25)
    expect(inputPrice(from, 'vertex', 'publishers/anthropic/models/claude-opus-4-5@20251101')).toBe(5)
    expect(inputPrice(from, 'gemini', 'gemini-2.5-flash-lite')).toBe(0.1)
    expect(inputPrice(from, 'anthropic', 'claude-sonnet-4-5-20250929')).toBe(3)
    expect(inputPrice(from, 'openrouter', 'anthropic/claude-sonnet-4.5')).toBe(3)
    expect(inputPrice(from, 'demo', 'echo')).toBe(0)
    expect(inputPrice(from, 'openai', 'gpt-4o-realtime-preview')).toBeUndefined()
  })

  test('a version stands for the amounts: the same for equal prices, another after an edit', () => {
    const version = (settings: PriceSettings): string => toPrice(settings, true).version
    expect(version({ input: '1.0', output: '2' })).toBe(version({ output: '2.00', input: '1' }))
    expect(version({ input: '1', cachedInput: '1' })).toBe(version({ input: '1' }))
    expect(version({ input: '1' })).not.toBe(version({ input: '1.000001' }))
    expect(version({ input: '1' })).toMatch(/^[0-9a-f]{12}$/)
  })

  test('a name of two hundred thousand characters is looked at once', () => {
    const pattern = `openai/${'*a'.repeat(60)}b`
    const begun = performance.now()
    expect(inputPrice(snapshot({ [pattern]: { input: '1' } }), 'openai', 'a'.repeat(200_000))).toBeUndefined()
    expect(performance.now() - begun).toBeLessThan(200)
  })
})

describe('the prices that ship', () => {
  test.each(priceFiles.map((file) => [file.source, file] as const))('%s', (_, file) => {
    expect(file.date).toMatch(/^20\d\d-\d\d-\d\d$/)
    for (const provider of file.providers) expect(findProvider(provider)?.id).toBe(provider)
    for (const [model, price] of Object.entries(file.models)) {
      const made = toPrice(price, false)
      const { tiers = [], ...flat } = price
      for (const text of [flat, ...tiers].flatMap((rates) =>
        Object.values(rates).filter((rate) => typeof rate === 'string'),
      ))
        expect(`${model} ${text}`).toMatch(/ (0|[1-9]\d*)(\.\d{1,6})?$/)
      expect([model, made.rates.cachedInput <= made.rates.input]).toEqual([model, true])
    }
  })
})
