import { describe, expect, test } from 'bun:test'
import type { Reply } from '../pipeline/call.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { KeyRecord } from '../store/ports/keys.ts'
import { authorise, mayUse } from './authorise.ts'
import { callWith, requestWith } from './testing.ts'

const reply: Reply = { status: 200, headers: {}, body: 'in' }

/** A key as far as scopes go. */
function keyFor(scopes: readonly string[]): KeyRecord {
  const parts: Partial<KeyRecord> = { id: 'key_a', tenant: 'acme', scopes }
  return parts as KeyRecord
}

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
  ['signs of regular expressions are signs', ['gpt.4'], 'gpt-4', false],
  ['a name that looks like a pattern', ['gpt-4.1'], '*', false],
  ['an empty name', ['a'], '', false],
]

describe('what a key is for', () => {
  test.each(rows)('%s', async (_name, scopes, model, may) => {
    const identity = { tenant: 'acme', key: keyFor(scopes) }
    expect(mayUse(identity, model)).toBe(may)
    const call = callWith({ identity, request: { ...requestWith([]), model } })
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
    expect(mayUse({ tenant: 'open' }, 'anything')).toBe(true)
  })
})
