import { describe, expect, test } from 'bun:test'
import { requestWith, targetWith } from '../../../../test/support/messages.ts'
import { decodeCount, decodeCountRequest, encodeCount } from './count-tokens.ts'
import { fieldName } from './field-name.ts'
import { wireCallId, wireToolName } from './names.ts'
import { cleanSchema } from './schema.ts'
import { decodeUsage, encodeUsage, laterUsage } from './usage.ts'

describe('names', () => {
  test('legal ones stay', () => {
    expect([wireCallId('call_A-1'), wireToolName('get_x')]).toEqual(['call_A-1', 'get_x'])
  })
  test('others become legal, different ones different', () => {
    const ids = ['', 'a b', 'a.b', 'a:b', '调用', 'x'.repeat(200).concat('!')]
    for (const id of ids) {
      expect(wireCallId(id)).toMatch(/^[a-zA-Z0-9_-]+$/)
      expect(wireToolName(id)).toMatch(/^[a-zA-Z0-9_-]{1,128}$/)
    }
    expect(new Set(ids.map(wireCallId)).size).toBe(ids.length)
    expect(new Set(ids.map(wireToolName)).size).toBe(ids.length)
  })
})

describe('schemas for constrained decoding', () => {
  const table: [string, object, object, boolean][] = [
    ['objects are closed', { type: 'object' }, { type: 'object', additionalProperties: false }, false],
    [
      'constraints become words',
      { type: 'integer', description: 'Age', minimum: 1, multipleOf: 2 },
      { type: 'integer', description: 'Age (minimum: 1, multipleOf: 2)' },
      true,
    ],
    [
      'oneOf is anyOf',
      { oneOf: [{ type: 'object' }] },
      { anyOf: [{ type: 'object', additionalProperties: false }] },
      false,
    ],
    ['formats', { type: 'string', format: 'date' }, { type: 'string', format: 'date' }, false],
    [
      'an odd format',
      { type: 'string', format: 'phone' },
      { type: 'string', description: 'format: "phone"' },
      true,
    ],
    [
      'definitions move, references follow',
      { $schema: 'x', definitions: { a: { type: 'null' } }, items: { $ref: '#/definitions/a' } },
      { $defs: { a: { type: 'null' } }, items: { $ref: '#/$defs/a' } },
      false,
    ],
    [
      'an open map is weakened',
      { type: 'object', additionalProperties: { type: 'string' } },
      { type: 'object', additionalProperties: false },
      true,
    ],
    [
      'a property may bear the name of a keyword',
      { properties: { minimum: { type: 'number' } } },
      { properties: { minimum: { type: 'number' } }, additionalProperties: false },
      false,
    ],
  ]
  for (const [name, schema, expected, weakened] of table)
    test(name, () => {
      expect(cleanSchema({ ...schema }) as unknown).toEqual({ schema: expected, weakened })
      expect(cleanSchema(cleanSchema({ ...schema }).schema).weakened).toBe(false)
    })
})

describe('usage', () => {
  const wire = {
    input_tokens: 5,
    cache_read_input_tokens: 20,
    cache_creation_input_tokens: 10,
    cache_creation: { ephemeral_5m_input_tokens: 4, ephemeral_1h_input_tokens: 6 },
    output_tokens: 9,
    output_tokens_details: { thinking_tokens: 3 },
    server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
    service_tier: 'standard',
  }
  test('the prompt is the sum of what was fresh, read and written', () => {
    expect(decodeUsage(wire)).toEqual({
      inputTokens: 35,
      cacheReadTokens: 20,
      cacheWriteTokens: 10,
      cacheWrite5mTokens: 4,
      cacheWrite1hTokens: 6,
      outputTokens: 9,
      reasoningTokens: 3,
      webSearches: 2,
      raw: { dialect: 'messages', value: wire },
    })
  })
  test('there and back', () => {
    expect(encodeUsage(decodeUsage(wire), { estimatedInputTokens: 0 })).toEqual(wire)
  })
  test('absent is not zero, zero is zero', () => {
    expect(decodeUsage({ output_tokens: 0 })).toEqual({
      outputTokens: 0,
      raw: { dialect: 'messages', value: { output_tokens: 0 } },
    })
    expect(decodeUsage({ input_tokens: null, output_tokens: -1 }).inputTokens).toBeUndefined()
  })
  test('counts may come as text, and are never negative', () => {
    expect(decodeUsage({ input_tokens: '7', output_tokens: -1 })).toMatchObject({
      inputTokens: 7,
      outputTokens: 0,
    })
  })
  test('a cache larger than the prompt is not a negative count', () => {
    expect(
      encodeUsage({ inputTokens: 3, cacheReadTokens: 5 }, { estimatedInputTokens: 0 }).input_tokens,
    ).toBe(0)
  })
  test('null over a count says nothing', () => {
    expect(laterUsage({ a: 1, b: 2 }, { a: null, b: 3, c: null })).toEqual({ a: 1, b: 3, c: null })
  })
})

describe('counting tokens', () => {
  test('the body is checked like a message’s', () => {
    expect(decodeCountRequest({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] }).stream).toBe(false)
    expect(() => decodeCountRequest({ model: 'm' })).toThrow('messages')
  })
  test('only the prompt goes up', () => {
    const request = requestWith({ stream: true, temperature: 0.5, maxOutputTokens: 9, stop: ['x'] })
    expect(encodeCount(request, targetWith()).body).toEqual({
      model: 'upstream-model',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    })
  })
  test('the number', () => {
    expect([decodeCount({ input_tokens: 12 }), decodeCount({})]).toEqual([12, undefined])
  })
})

test('names of members', () => {
  expect(['topK', 'maxOutputTokens', 'model'].map(fieldName)).toEqual(['top_k', 'max_tokens', 'model'])
})
