import { describe, expect, test } from 'bun:test'
import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import { hosts } from './capabilities/hosts.ts'
import { canonicalModel } from './capabilities/model-name.ts'
import { capabilitiesOf } from './capabilities.ts'
import { findProvider } from './list.ts'

type Row = [provider: string, model: string, facts: Partial<Capabilities>]

function check(dialect: DialectName, rows: readonly Row[]): void {
  test.each(rows)('%s %s → %j', (provider, model, facts) => {
    expect(capabilitiesOf(provider, dialect, model)).toMatchObject(facts)
  })
}

const full = ['low', 'medium', 'high', 'xhigh', 'max'] as const

/** protocol.md §2.8.3, row by row. */
describe('Claude over messages', () => {
  const budget = {
    reasoningStyle: 'budget',
    reasoningByDefault: false,
    forcedToolChoice: true,
    prefill: true,
  } as const
  const adaptive = { reasoningStyle: 'adaptive', prefill: false } as const
  check('messages', [
    [
      'anthropic',
      'claude-3-opus-latest',
      { reasoningStyle: 'none', maxOutputTokens: 4_096, jsonSchema: 'tool', prefill: true },
    ],
    ['anthropic', 'claude-3-5-sonnet-20241022', { reasoningStyle: 'none', maxOutputTokens: 8_192 }],
    ['anthropic', 'claude-3-7-sonnet-latest', { ...budget, maxOutputTokens: 64_000 }],
    [
      'anthropic',
      'claude-sonnet-4-0',
      { ...budget, sampling: 'not-while-thinking', jsonSchema: 'tool', topK: true },
    ],
    ['anthropic', 'claude-opus-4-20250514', { ...budget, maxOutputTokens: 32_000 }],
    ['anthropic', 'claude-opus-4-1-20250805', { ...budget, sampling: 'one-of', jsonSchema: 'native' }],
    [
      'anthropic',
      'claude-haiku-4-5',
      { ...budget, sampling: 'one-of', efforts: [], maxOutputTokens: 64_000 },
    ],
    ['anthropic', 'claude-opus-4-5', { ...budget, efforts: ['low', 'medium', 'high'] }],
    [
      'anthropic',
      'claude-sonnet-4-6',
      {
        ...adaptive,
        efforts: ['low', 'medium', 'high', 'max'],
        sampling: 'not-while-thinking',
        reasoningOff: true,
        reasoningByDefault: false,
        maxOutputTokens: 128_000,
      },
    ],
    [
      'anthropic',
      'claude-opus-4-7',
      { ...adaptive, efforts: full, sampling: 'none', topK: false, reasoningByDefault: false },
    ],
    ['anthropic', 'claude-opus-4-8', { ...adaptive, efforts: full, sampling: 'none', reasoningOff: true }],
    [
      'anthropic',
      'claude-sonnet-5',
      {
        ...adaptive,
        reasoningByDefault: true,
        reasoningOff: true,
        forcedToolChoice: true,
        systemAnywhere: true,
      },
    ],
    [
      'anthropic',
      'claude-opus-5-20260301',
      { ...adaptive, reasoningByDefault: true, reasoningOff: true, forcedToolChoice: true },
    ],
    ['anthropic', 'claude-fable-5', { reasoningOff: false, forcedToolChoice: true }],
    ['anthropic', 'claude-fable-5-1', { reasoningOff: false, forcedToolChoice: false }],
    [
      'anthropic',
      'claude-opus-5-5',
      { reasoningOff: false, forcedToolChoice: false, efforts: full, sampling: 'none' },
    ],
    [
      'anthropic',
      'claude-sonnet-5-5',
      { reasoningOff: false, forcedToolChoice: false, reasoningByDefault: true },
    ],
    [
      'anthropic',
      'claude-haiku-5-5',
      { reasoningOff: true, forcedToolChoice: true, reasoningByDefault: true },
    ],
    ['anthropic', 'claude-sonnet-7', { ...adaptive, forcedToolChoice: false, sampling: 'none' }],
    [
      'anthropic',
      'claude-sonnet-5',
      { betas: 'all', webSearch: true, cacheMarks: 'cache-control', opaqueDialect: 'messages' },
    ],
    [
      'vertex',
      'publishers/anthropic/models/claude-opus-4-5@20251101',
      {
        reasoningStyle: 'budget',
        efforts: ['low', 'medium', 'high'],
        imageUrl: false,
        systemAnywhere: false,
      },
    ],
    ['clewdr', 'claude-opus-4-8-thinking', { reasoningStyle: 'adaptive', betas: 'all' }],
    ['clewdr', 'claude-sonnet-5-thinking', { forcedToolChoice: true }],
    ['openrouter', 'anthropic/claude-sonnet-4.5', { reasoningStyle: 'budget', betas: [] }],
  ])
  test('Vertex takes a list of betas, not all', () => {
    expect(capabilitiesOf('vertex', 'messages', 'claude-opus-5').betas).toContain('context-1m-2025-08-07')
  })
})

/** protocol.md §1.1, §2.2, §2.8.1. */
describe('OpenAI over chat completions', () => {
  const reasons = {
    systemRole: 'developer',
    maxTokensField: 'max_completion_tokens',
    sampling: 'none',
    reasoningStyle: 'effort',
    penalties: false,
  } as const
  check('chat-completions', [
    [
      'openai',
      'gpt-4o',
      {
        systemRole: 'system',
        maxTokensField: 'max_tokens',
        sampling: 'all',
        reasoningStyle: 'none',
        documents: true,
        logprobs: true,
      },
    ],
    ['openai', 'gpt-4.1-mini', { maxOutputTokens: 32_768 }],
    ['openai', 'gpt-3.5-turbo', { images: false, jsonSchema: 'tool' }],
    ['openai', 'gpt-4o-audio-preview', { audio: true, images: false }],
    ['openai', 'gpt-4o-search-preview', { webSearch: true }],
    ['openai', 'o1-mini', { systemRole: 'first-user', reasoningStyle: 'none', sampling: 'none' }],
    ['openai', 'o3-mini', { ...reasons, efforts: ['low', 'medium', 'high'], parallelToggle: false }],
    ['openai', 'o4-mini', { ...reasons, maxStop: 0 }],
    [
      'openai',
      'gpt-5-mini',
      {
        ...reasons,
        efforts: ['minimal', 'low', 'medium', 'high'],
        customTools: true,
        verbosity: true,
        reasoningOff: false,
      },
    ],
    ['openai', 'gpt-5-chat-latest', { reasoningStyle: 'none', sampling: 'all' }],
    ['openai', 'gpt-5-pro', { efforts: ['high'] }],
    [
      'openai',
      'gpt-5.1',
      {
        efforts: ['none', 'low', 'medium', 'high'],
        sampling: 'not-while-thinking',
        reasoningOff: true,
        reasoningByDefault: false,
      },
    ],
    ['openai', 'gpt-5.4', { efforts: ['none', 'low', 'medium', 'high', 'xhigh'] }],
    ['openai', 'gpt-5.6-sol', { efforts: ['none', ...full], cacheMarks: 'breakpoint', sampling: 'none' }],
    ['openai', 'gpt-6', { ...reasons, efforts: [...full] }],
    ['openai', 'gpt-7-nano', { ...reasons, efforts: [...full] }],
    ['azure', 'gpt-5', { ...reasons, strictTools: true }],
    ['openai_compat', 'gpt-5', reasons],
    [
      'openrouter',
      'openai/gpt-5-mini',
      {
        systemRole: 'system',
        maxTokensField: 'max_tokens',
        reasoningStyle: 'reasoning-object',
        sampling: 'none',
      },
    ],
  ])
  test('Responses keeps the family’s efforts and has no stop sequences', () => {
    expect(capabilitiesOf('openai', 'responses', 'gpt-5.1')).toMatchObject({
      efforts: ['none', 'low', 'medium', 'high'],
      maxStop: 0,
      reasoningReplay: 'signed',
      opaqueDialect: 'responses',
    })
  })
})

/** protocol.md §1.4, §2.6, §2.8.1, §2.8.4. */
describe('Gemini over generateContent', () => {
  check('generate-content', [
    [
      'vertex',
      'publishers/google/models/gemini-1.5-pro-002',
      {
        reasoningStyle: 'none',
        schemaForm: 'openapi-subset',
        jsonWithTools: false,
        functionCallIds: false,
        candidates: true,
        thoughtSignatures: false,
      },
    ],
    ['gemini', 'gemini-2.0-flash', { reasoningStyle: 'none', schemaForm: 'json-schema', penalties: true }],
    [
      'gemini',
      'gemini-2.5-flash',
      {
        reasoningStyle: 'thinking-budget',
        budget: { min: 0, max: 24_576 },
        reasoningOff: true,
        penalties: false,
        functionCallIds: true,
      },
    ],
    ['gemini', 'gemini-2.5-flash-lite', { budget: { min: 512, max: 24_576 }, reasoningByDefault: false }],
    ['gemini', 'models/gemini-2.5-pro', { budget: { min: 128, max: 32_768 }, reasoningOff: false }],
    ['gemini', 'gemini-2.5-flash-image', { reasoningStyle: 'none' }],
    ['vertex', 'gemini-2.5-flash', { penalties: true, functionCallIds: false, imageUrl: true }],
    [
      'gemini',
      'gemini-3-flash-preview',
      {
        reasoningStyle: 'thinking-level',
        efforts: ['minimal', 'low', 'medium', 'high'],
        thoughtSignatures: true,
        toolResultMedia: true,
        jsonWithTools: true,
      },
    ],
    ['gemini', 'gemini-3-pro-preview', { efforts: ['low', 'medium', 'high'], reasoningOff: false }],
    ['gemini', 'gemini-3.7-flash', { efforts: ['low', 'medium', 'high'] }],
    ['gemini', 'gemini-4-hydrogen', { efforts: ['low', 'medium', 'high', 'xhigh'] }],
    ['gemini', 'gemini-9-ultra', { reasoningStyle: 'thinking-level', thoughtSignatures: true }],
    ['gemini', 'gemini-flash-latest', { reasoningStyle: 'thinking-level' }],
    ['gemini', 'gemma-3-27b-it', { systemRole: 'first-user', reasoningStyle: 'none' }],
    ['vertex', 'gemini-3-pro', { maxStop: 5, webSearch: true, cacheMarks: 'none', topK: true }],
  ])
})

/** protocol.md §1.5. */
describe('others over chat completions', () => {
  check('chat-completions', [
    [
      'deepseek',
      'deepseek-v4',
      {
        reasoningStyle: 'toggle-and-effort',
        efforts: ['low', 'high', 'max'],
        reasoningReplay: 'always',
        reasoningByDefault: true,
        sampling: 'not-while-thinking',
        seed: false,
        topK: false,
      },
    ],
    [
      'deepseek',
      'deepseek-chat',
      {
        reasoningStyle: 'toggle',
        reasoningByDefault: false,
        reasoningReplay: 'tool-turns',
        systemRole: 'system',
      },
    ],
    [
      'deepseek',
      'deepseek-reasoner',
      {
        reasoningStyle: 'toggle-and-effort',
        reasoningOff: false,
        reasoningByDefault: true,
        reasoningReplay: 'always',
      },
    ],
    [
      'together',
      'deepseek-ai/DeepSeek-R1',
      { reasoningReplay: 'never', reasoningField: 'reasoning_content' },
    ],
    [
      'moonshot',
      'kimi-k2.5',
      {
        reasoningStyle: 'toggle',
        reasoningOff: true,
        forcedToolChoice: true,
        sampling: 'none',
        imageUrl: false,
        prefill: true,
      },
    ],
    [
      'openai_compat',
      'kimi-k2.5',
      { reasoningStyle: 'none', forcedToolChoice: true, reasoningReplay: 'tool-turns', imageUrl: true },
    ],
    ['moonshot', 'kimi-k2.6', { reasoningStyle: 'toggle', forcedToolChoice: false }],
    ['moonshot', 'kimi-k2.7-code', { reasoningStyle: 'none', reasoningOff: false, forcedToolChoice: false }],
    [
      'moonshot',
      'kimi-k3',
      { reasoningStyle: 'effort', efforts: ['low', 'high', 'max'], reasoningOff: false },
    ],
    ['moonshot', 'kimi-k2-0905-preview', { reasoningStyle: 'none', sampling: 'all', maxTemperature: 1 }],
    [
      'groq',
      'openai/gpt-oss-120b',
      {
        reasoningStyle: 'effort',
        efforts: ['low', 'medium', 'high'],
        maxTokensField: 'max_completion_tokens',
        reasoningField: 'reasoning',
      },
    ],
    [
      'groq',
      'llama-3.3-70b-versatile',
      { reasoningStyle: 'none', topK: false, logprobs: false, images: false },
    ],
    ['groq', 'meta-llama/llama-4-scout-17b-16e-instruct', { images: true }],
    ['groq', 'qwen/qwen3-32b', { reasoningStyle: 'effort', efforts: ['none'], reasoningOff: true }],
    [
      'xai',
      'grok-4',
      { reasoningStyle: 'none', penalties: false, maxStop: 0, reasoningField: 'reasoning_content' },
    ],
    ['xai', 'grok-3-mini', { reasoningStyle: 'effort', efforts: ['low', 'high'] }],
    [
      'mistral',
      'mistral-large-latest',
      {
        callId: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 },
        streamUsage: false,
        endUser: false,
      },
    ],
    ['mistral', 'mistral-small-latest', { reasoningStyle: 'effort', efforts: ['none', 'high'] }],
    ['mistral', 'some-tuned-model', { callId: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 } }],
    [
      'cerebras',
      'zai-glm-4.7',
      { reasoningStyle: 'effort', efforts: ['none'], maxTokensField: 'max_completion_tokens' },
    ],
    ['zai', 'glm-5.3', { reasoningStyle: 'toggle-and-effort', forcedToolChoice: false }],
    ['zai', 'glm-4.7', { reasoningStyle: 'toggle', images: false }],
    ['zai', 'glm-4.6v', { images: true, video: true }],
    ['alibaba', 'qwen3-max', { reasoningStyle: 'toggle', topK: true }],
    ['alibaba', 'qwen3-coder-plus', { reasoningStyle: 'none' }],
    ['vllm', 'Qwen/Qwen3-8B', { reasoningStyle: 'toggle', reasoningField: 'reasoning', topK: true }],
    [
      'ollama',
      'qwen3:0.6b',
      {
        reasoningStyle: 'effort',
        imageUrl: false,
        forcedToolChoice: false,
        candidates: false,
        logitBias: false,
      },
    ],
    ['ollama', 'llava', { imageUrl: false, images: true }],
    [
      'openrouter',
      'anthropic/claude-3.5-sonnet',
      { cacheMarks: 'cache-control', reasoningStyle: 'reasoning-object', video: true },
    ],
    ['openrouter', 'moonshotai/kimi-k2.6', { forcedToolChoice: false, reasoningStyle: 'reasoning-object' }],
    ['openrouter', 'google/gemini-2.5-flash', { cacheMarks: 'cache-control', reasoningReplay: 'signed' }],
    ['openrouter', 'z-ai/glm-4.6', { reasoningReplay: 'tool-turns', reasoningOff: true }],
    ['openrouter', 'deepseek/deepseek-v4', { reasoningReplay: 'always', reasoningOff: true }],
    ['together', 'deepseek-ai/DeepSeek-V4', { reasoningStyle: 'none', reasoningOff: false }],
    [
      'openrouter',
      'qwen/qwen3-30b-a3b-instruct-2507',
      { reasoningStyle: 'reasoning-object', documentUrl: true },
    ],
    [
      'openai_compat',
      'nobody-knows',
      { reasoningStyle: 'none', sampling: 'all', images: true, maxTokensField: 'max_tokens' },
    ],
    ['custom_http', 'nobody-knows', { systemRole: 'system', streamUsage: true }],
  ])
})

describe('vendors’ messages endpoints have a reduced profile (protocol.md §5.4)', () => {
  check('messages', [
    ['deepseek', 'deepseek-v4', { reasoningStyle: 'budget', efforts: [], betas: [], cacheMarks: 'none' }],
    ['moonshot', 'kimi-k3', { reasoningStyle: 'budget', betas: [] }],
    ['ollama', 'gpt-oss:20b', { reasoningStyle: 'budget', imageUrl: false }],
  ])
})

test('configuration stands over everything, and does not stay', () => {
  const plain = capabilitiesOf('openai', 'chat-completions', 'gpt-4o')
  const changed = capabilitiesOf('openai', 'chat-completions', 'gpt-4o', { maxStop: 1 })
  expect(changed).toEqual({ ...plain, maxStop: 1 })
  expect(capabilitiesOf('openai', 'chat-completions', 'gpt-4o')).toBe(plain)
})

test('every dialect gives a complete profile at every provider', () => {
  const complete = Object.keys(capabilitiesOf('nobody', 'chat-completions', 'x'))
  for (const provider of Object.keys(hosts))
    for (const dialect of ['chat-completions', 'messages', 'responses', 'generate-content'] as const)
      for (const model of ['claude-opus-5', 'gpt-6', 'gemini-4-pro', 'kimi-k3', 'x']) {
        const known = capabilitiesOf(provider, dialect, model)
        expect(Object.keys(known)).toEqual(expect.arrayContaining(complete))
        expect(known.opaqueDialect).toBe(dialect)
      }
})

test('facts are only kept for providers that exist', () => {
  expect(Object.keys(hosts).filter((id) => findProvider(id)?.id !== id)).toEqual([])
})

test('a flood of invented names is forgotten', () => {
  const first = capabilitiesOf('openai', 'chat-completions', 'flood-0')
  for (let index = 0; index <= 5_000; index += 1)
    capabilitiesOf('openai', 'chat-completions', `flood-${index}`)
  const again = capabilitiesOf('openai', 'chat-completions', 'flood-0')
  expect(again).not.toBe(first)
  expect(again).toEqual(first)
})

test('canonical names', () => {
  const names = [
    'publishers/anthropic/models/claude-opus-4@20250514',
    'anthropic/claude-sonnet-4.5',
    'models/Gemini-2.5-Pro',
    'accounts/fireworks/models/glm-4p6',
    'gpt-5.1',
  ]
  expect(names.map(canonicalModel)).toEqual([
    'claude-opus-4',
    'claude-sonnet-4-5',
    'gemini-2.5-pro',
    'glm-4p6',
    'gpt-5.1',
  ])
})
