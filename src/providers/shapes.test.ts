import { describe, expect, test } from 'bun:test'
import { httpProvider } from '../../test/providers/settings.ts'
import type { JsonObject } from '../protocol/model/json.ts'
import type { Operation } from './provider.ts'

const schema = { $schema: 'https://json-schema.org/draft/2020-12/schema', properties: {} }
const tool = { type: 'function', function: { name: 'f', parameters: schema } }
const plainTool = {
  type: 'function',
  function: { name: 'f', parameters: { type: 'object', properties: {} } },
}
const asked = { role: 'user', content: 'x' }
const called = { role: 'assistant', content: null, tool_calls: [{ id: '1' }] }
const begun = { role: 'assistant', content: 'y' }

/** Vendor, model, the body as encoded, the body as sent. */
const rows: [string, string, JsonObject, JsonObject][] = [
  ...['deepseek', 'moonshot', 'mistral'].map((vendor): [string, string, JsonObject, JsonObject] => [
    vendor,
    'm',
    { messages: [{ role: 'developer', content: 's' }, asked], max_completion_tokens: 5, max_tokens: 9 },
    { messages: [{ role: 'system', content: 's' }, asked], max_tokens: 5 },
  ]),
  ['moonshot', 'kimi-k3', { messages: [asked, begun] }, { messages: [asked, { ...begun, partial: true }] }],
  ['moonshot', 'kimi-k3', { messages: [asked], tools: [tool] }, { messages: [asked], tools: [plainTool] }],
  [
    'deepseek',
    'deepseek-v4',
    { messages: [asked, called, begun] },
    { messages: [asked, { ...called, reasoning_content: '' }, begun] },
  ],
  [
    'deepseek',
    'deepseek-v4',
    { messages: [{ ...called, reasoning_content: 'hm' }] },
    { messages: [{ ...called, reasoning_content: 'hm' }] },
  ],
  ['mistral', 'm', { seed: 7, messages: [asked] }, { random_seed: 7, messages: [asked] }],
  ['mistral', 'm', { messages: [begun] }, { messages: [{ ...begun, prefix: true }] }],
  ['groq', 'qwen/qwen3-32b', {}, { reasoning_format: 'parsed' }],
  ['groq', 'qwen/qwen3-32b', { reasoning_format: 'hidden' }, { reasoning_format: 'hidden' }],
  ['groq', 'qwen/qwen3-32b', { include_reasoning: false }, { include_reasoning: false }],
  ['groq', 'llama-3.3-70b', {}, {}],
  ['alibaba', 'qwen3-max', { thinking: { type: 'enabled' } }, { enable_thinking: true }],
  ['siliconflow', 'Qwen/Qwen3-8B', { thinking: { type: 'disabled' } }, { enable_thinking: false }],
  [
    'vllm',
    'q',
    { thinking: { type: 'disabled' }, chat_template_kwargs: { a: 1 } },
    { chat_template_kwargs: { enable_thinking: false, a: 1 } },
  ],
  ['minimax', 'm', {}, { reasoning_split: true }],
  ['gemini', 'g', { contents: [], model: 'g', stream: true }, { contents: [] }],
  ['custom_http', 'g', { contents: [], model: 'g' }, { contents: [] }],
  ['custom_http', 'g', { messages: [], model: 'g' }, { messages: [], model: 'g' }],
]

describe('bodies as each vendor wants them', () => {
  test.each(rows)('%s %s %j → %j', (name, model, body, shaped) => {
    const before = structuredClone(body)
    const operation: Operation = 'generate'
    expect(httpProvider(name).shape?.(body, model, operation)).toEqual(shaped)
    expect(body).toEqual(before)
  })

  test('a body in another dialect is left alone', () => {
    const body = { messages: [asked, begun] }
    expect(httpProvider('moonshot').shape?.(body, 'kimi-k3', 'stream', 'messages')).toBe(body)
  })

  test('vendors that want nothing changed have no shape, so that bytes can pass', () => {
    for (const id of ['openrouter', 'openai', 'anthropic', 'clewdr', 'openai_compat'])
      expect([id, httpProvider(id).shape]).toEqual([id, undefined])
  })
})
