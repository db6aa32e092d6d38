import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../model/json.ts'
import type { Usage } from '../../model/usage.ts'
import { decodeUsage, encodeUsage } from './usage.ts'

describe('how this wire counts (protocol.md §2.13)', () => {
  const rows: [string, JsonObject, Usage][] = [
    [
      'plain',
      { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      { inputTokens: 3, outputTokens: 2 },
    ],
    [
      'details',
      {
        prompt_tokens: 9,
        completion_tokens: 5,
        total_tokens: 14,
        prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2, audio_tokens: 1 },
        completion_tokens_details: { reasoning_tokens: 3, audio_tokens: 1 },
      },
      {
        inputTokens: 9,
        outputTokens: 5,
        cacheReadTokens: 4,
        cacheWriteTokens: 2,
        inputAudioTokens: 1,
        reasoningTokens: 3,
        outputAudioTokens: 1,
      },
    ],
    [
      'reasoning left out of completion (26 + 227 + 307 = 560)',
      {
        prompt_tokens: 307,
        completion_tokens: 26,
        total_tokens: 560,
        completion_tokens_details: { reasoning_tokens: 227 },
      },
      { inputTokens: 307, outputTokens: 253, reasoningTokens: 227 },
    ],
    [
      'reasoning not even named',
      { prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 },
      { inputTokens: 35, outputTokens: 74, reasoningTokens: 62 },
    ],
    [
      'cache hits by another name',
      { prompt_tokens: 9, prompt_cache_hit_tokens: 4 },
      { inputTokens: 9, cacheReadTokens: 4 },
    ],
    ['not nested', { cached_tokens: 0, reasoning_tokens: 0 }, { cacheReadTokens: 0, reasoningTokens: 0 }],
    ['numbers as text, nulls', { prompt_tokens: '7', prompt_tokens_details: null }, { inputTokens: 7 }],
    ['zero is a value', { prompt_tokens: 0, completion_tokens: 0 }, { inputTokens: 0, outputTokens: 0 }],
    ['nothing', {}, {}],
  ]
  test.each(rows)('%s', (_, wire, usage) => {
    expect(decodeUsage(wire)).toEqual({ ...usage, raw: { dialect: 'chat-completions', value: wire } })
  })

  test('for a client: ours on top of what the upstream said', () => {
    const wire = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5, cost: 0.1 }
    expect(encodeUsage(decodeUsage(wire))).toEqual(wire)
    expect(encodeUsage({ inputTokens: 9, outputTokens: 5, cacheReadTokens: 4, reasoningTokens: 0 })).toEqual({
      prompt_tokens: 9,
      completion_tokens: 5,
      total_tokens: 14,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 0 },
    })
  })
})
