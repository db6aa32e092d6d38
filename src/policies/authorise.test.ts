import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../config/snapshot.ts'
import type { Identity, Reply } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import { authorise, type Barrier, barrierTo, isConfined, mayUse } from './authorise.ts'
import { callWith, requestWith, targetNamed } from './testing.ts'

const reply: Reply = { status: 200, headers: {}, body: 'in' }

/** Who has a key with these scopes. */
function holderOf(scopes: readonly string[]): Identity {
  const parts: Partial<KeyRecord> = { id: 'key_a', tenant: 'acme', scopes }
  return { tenant: 'acme', key: parts as KeyRecord }
}

const parts: Partial<Snapshot> = {
  aliases: new Map([
    ['fast', 'gpt-4.1-mini'],
    ['gpt-4', 'claude-opus'],
  ]),
  prices: {
    'cheap/*': { input: '0.5', output: '2' },
    'dear/*': { input: '0.5', output: '2.000001' },
    'tiered/*': { input: '1', output: '1', tiers: [{ aboveInputTokens: 200_000, input: '3' }] },
  },
  providers: {},
}
const snapshot = parts as Snapshot

const rows: [string, string[], string, boolean][] = [
  ['no scopes', [], 'anything', true],
  ['the name itself', ['gpt-4.1'], 'gpt-4.1', true],
  ['another name', ['gpt-4.1'], 'gpt-4.1-mini', false],
  ['a beginning', ['gpt-*'], 'gpt-4.1-mini', true],
  ['an end', ['*-mini'], 'gpt-4.1-mini', true],
  ['both ends', ['gpt-*-mini'], 'gpt-4.1-mini', true],
  ['both ends, overlapping', ['gpt-*-gpt-'], 'gpt-', false],
  ['one of several', ['claude-*', 'gpt-*'], 'gpt-5', true],
  ['a provider', ['openai/*'], 'openai/gpt-5', true],
  ['a provider in great letters', ['openai/*'], 'OpenAI/gpt-5', false],
  ['another provider’s same model', ['openai/*'], 'openrouter/openai/gpt-5', false],
  ['a space behind', ['gpt-4.1'], 'gpt-4.1 ', false],
  ['signs of regular expressions are signs', ['gpt.5'], 'gpt-5', false],
  ['a name that looks like a pattern', ['gpt-4.1'], '*', false],
  ['an empty name', ['a'], '', false],
  ['an alias of a model it is for', ['gpt-4.1-mini'], 'fast', true],
  ['an alias of a model it is not for', ['claude-*'], 'fast', false],
  ['an alias that looks like what it is for', ['gpt-*'], 'gpt-4', false],
  ['an alias by its own name', ['fast'], 'fast', false],
  ['scopes of targets say nothing of models', ['target:openai/*', 'region:eu', 'price:3'], 'anything', true],
  ['models and targets', ['gpt-*', 'target:openai/*'], 'gpt-5', true],
  ['models and targets, another model', ['gpt-*', 'target:openai/*'], 'claude', false],
  ['a prefix that is none', ['targets:openai/*'], 'gpt-5', false],
]

describe('what a key is for', () => {
  test.each(rows)('%s', async (_name, scopes, model, may) => {
    const identity = holderOf(scopes)
    expect(mayUse(identity, model, snapshot)).toBe(may)
    const call = callWith({ identity, snapshot, request: { ...requestWith([]), model } })
    const answered = (async () => authorise(async () => reply)(call))()
    if (may) return expect(await answered).toBe(reply)
    const error = await answered.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(GatewayError)
    expect(error).toMatchObject({
      kind: 'forbidden',
      status: 403,
      details: { param: 'model', code: 'model_not_allowed' },
    })
  })

  test('who has no key, in open mode, may use everything', () => {
    expect(mayUse({ tenant: 'open' }, 'anything', snapshot)).toBe(true)
    expect(isConfined({ tenant: 'open' })).toBe(false)
    expect(barrierTo({ tenant: 'open' }, targetNamed('a/b'), snapshot)).toBeUndefined()
  })
})

describe('where a key’s calls may go', () => {
  const table: [string, string[], string, string | undefined, Barrier | undefined][] = [
    ['anywhere without a word', ['gpt-*'], 'a/x', undefined, undefined],
    ['to a target', ['target:a/x'], 'a/x', undefined, undefined],
    ['not to another', ['target:a/x'], 'a/y', undefined, 'target'],
    ['to a provider', ['target:a/*'], 'a/y', undefined, undefined],
    ['not to one whose name begins like it', ['target:a/*'], 'ab/y', undefined, 'target'],
    ['to one of two', ['target:a/*', 'target:b/y'], 'b/y', undefined, undefined],
    ['not beside a model pattern that fits', ['target:a/*', 'b/*'], 'b/y', undefined, 'target'],
    ['to a region', ['region:eu*'], 'a/x', 'europe-west4', undefined],
    ['not to another region', ['region:eu*'], 'a/x', 'us-central1', 'region'],
    ['not to nowhere in particular', ['region:eu*'], 'a/x', undefined, 'region'],
    ['to both at once', ['target:a/*', 'region:eu'], 'a/x', 'eu', undefined],
    ['not to one of both', ['target:a/*', 'region:eu'], 'a/x', 'us', 'region'],
    ['to what costs as much', ['price:2'], 'cheap/x', undefined, undefined],
    ['not to what costs a trifle more', ['price:2'], 'dear/x', undefined, 'price'],
    ['not to what costs more for long prompts', ['price:2'], 'tiered/x', undefined, 'price'],
    ['to it with more', ['price:3'], 'tiered/x', undefined, undefined],
    ['not to what has no price', ['price:1000'], 'unknown/x', undefined, 'price'],
    ['the lower of two prices holds', ['price:100', 'price:1'], 'cheap/x', undefined, 'price'],
    ['a price that is none allows nothing', ['price:cheap'], 'cheap/x', undefined, 'price'],
  ]
  test.each(table)('%s', (_name, scopes, label, region, barrier) => {
    const target = targetNamed(label)
    target.model = label.split('/')[1] ?? ''
    target.settings = { ...target.settings, ...(region === undefined ? {} : { region }) }
    expect(barrierTo(holderOf(scopes), target, snapshot)).toBe(barrier as Barrier)
    expect(isConfined(holderOf(scopes))).toBe(scopes.some((scope) => scope.includes(':')))
  })
})
