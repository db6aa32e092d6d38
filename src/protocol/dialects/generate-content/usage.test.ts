import { describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../model/json.ts'
import { decodeUsage } from './usage.ts'

describe('usage (protocol.md §2.13)', () => {
  const rows: { what: string; wire: JsonObject; usage: JsonObject }[] = [
    {
      what: 'thoughts are output, tool-use prompts are input',
      wire: {
        promptTokenCount: 10,
        toolUsePromptTokenCount: 5,
        cachedContentTokenCount: 4,
        candidatesTokenCount: 7,
        thoughtsTokenCount: 20,
        totalTokenCount: 42,
      },
      usage: { inputTokens: 15, cacheReadTokens: 4, outputTokens: 27, reasoningTokens: 20 },
    },
    {
      what: 'numbers as strings',
      wire: { promptTokenCount: '3', candidatesTokenCount: '2' },
      usage: { inputTokens: 3, outputTokens: 2 },
    },
    { what: 'traffic type only', wire: { trafficType: 'ON_DEMAND' }, usage: {} },
    {
      what: 'zero output is left out by proto3',
      wire: { promptTokenCount: 9, totalTokenCount: 9 },
      usage: { inputTokens: 9, outputTokens: 0 },
    },
    {
      what: 'a prompt alone says nothing of the output',
      wire: { promptTokenCount: 9 },
      usage: { inputTokens: 9 },
    },
    {
      what: 'negatives are zero',
      wire: { promptTokenCount: -1, candidatesTokenCount: 1 },
      usage: { inputTokens: 0, outputTokens: 1 },
    },
    {
      what: 'audio by modality',
      wire: {
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 1 },
          { modality: 'AUDIO', tokenCount: 8 },
        ],
      },
      usage: { inputAudioTokens: 8 },
    },
    {
      what: 'nonsense is not reported',
      wire: { promptTokenCount: 'many', candidatesTokenCount: null },
      usage: {},
    },
  ]
  for (const { what, wire, usage } of rows)
    test(what, () => {
      expect(decodeUsage(wire) as object).toEqual({
        ...usage,
        raw: { dialect: 'generate-content', value: wire },
      })
    })
})
