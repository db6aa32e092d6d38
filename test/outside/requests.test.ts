import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/protocol/model/json.ts'
import { openStage, type Stage } from './stage.ts'

/** What an upstream receives for one setting of a client, and what the client is told it lost (protocol.md §2). */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

interface Row {
  /** The setting, added to a minimal request. */
  set: JsonObject
  to: string
  /** Members of the upstream's body. */
  gets: JsonObject
  lost?: string
}

const f = { type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }
const g = { type: 'function', function: { name: 'g' } }
const tools = [f, g]
const only = (mode: string): JsonObject => ({
  tools,
  tool_choice: { type: 'allowed_tools', allowed_tools: { mode, tools: [g] } },
})
const schema = {
  type: 'object',
  properties: { n: { type: 'integer' } },
  required: ['n'],
  additionalProperties: false,
}
const format = { response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema } } }
const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } }
const described = { description: 'The input must match this lark grammar:\nstart: "a"' }
const user = (content: unknown): JsonObject => ({ messages: [{ role: 'user', content }] }) as JsonObject

const sonnet = 'anthropic/claude-sonnet-4-5'
const opus = 'anthropic/claude-opus-5-5'
const flash = 'gemini/gemini-2.5-flash'
const pro = 'gemini/gemini-3-pro-preview'
const gpt4 = 'openai/gpt-4o'
const gpt5 = 'openai/gpt-5'
const calling = (config: JsonObject): JsonObject => ({ toolConfig: { functionCallingConfig: config } })

const fromChat: Row[] = [
  { set: { tools, tool_choice: 'none' }, to: sonnet, gets: { tool_choice: { type: 'none' } } },
  { set: { tools, tool_choice: 'required' }, to: sonnet, gets: { tool_choice: { type: 'any' } } },
  {
    set: { tools, tool_choice: 'required' },
    to: opus,
    gets: { tool_choice: { type: 'auto' }, system: 'You must call one of the tools now.' },
    lost: 'tool_choice',
  },
  { set: { tools, tool_choice: 'required' }, to: flash, gets: calling({ mode: 'ANY' }) },
  { set: { tools, tool_choice: g }, to: flash, gets: calling({ mode: 'ANY', allowedFunctionNames: ['g'] }) },
  { set: only('auto'), to: pro, gets: calling({ mode: 'VALIDATED', allowedFunctionNames: ['g'] }) },
  {
    set: only('required'),
    to: sonnet,
    gets: { tools: [{ name: 'g' }], tool_choice: { type: 'any' } },
    lost: 'tool_choice',
  },
  {
    set: { tools, parallel_tool_calls: false },
    to: sonnet,
    gets: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
  },
  { set: { tools, parallel_tool_calls: false }, to: flash, gets: {}, lost: 'parallel_tool_calls' },
  {
    set: { tools: [{ type: 'custom', custom: { name: 'patch', format: grammar } }] },
    to: sonnet,
    gets: { tools: [{ name: 'patch', ...described }] },
    lost: 'tools[0].grammar',
  },
  {
    set: { tools: [{ type: 'custom', custom: { name: 'patch', format: grammar } }] },
    to: pro,
    gets: { tools: [{ functionDeclarations: [{ name: 'patch', ...described }] }] },
    lost: 'tools[0].grammar, tools[0]',
  },
  {
    set: { functions: [{ name: 'f' }], function_call: { name: 'f' } },
    to: sonnet,
    gets: { tool_choice: { type: 'tool', name: 'f', disable_parallel_tool_use: true } },
  },
  { set: format, to: sonnet, gets: { output_config: { format: { type: 'json_schema', schema } } } },
  {
    set: format,
    to: flash,
    gets: { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: schema } },
  },
  {
    set: { response_format: { type: 'json_object' } },
    to: flash,
    gets: { generationConfig: { responseMimeType: 'application/json' } },
  },
  {
    set: { seed: 1, logit_bias: { 5: 1 }, presence_penalty: 0.5 },
    to: sonnet,
    gets: {},
    lost: 'seed, presence_penalty, logit_bias',
  },
  {
    set: { user: 'u', service_tier: 'default' },
    to: sonnet,
    gets: { metadata: { user_id: 'u' }, service_tier: 'standard_only' },
  },
  { set: { user: 'u', service_tier: 'flex' }, to: flash, gets: { serviceTier: 'flex' }, lost: 'user' },
  { set: { temperature: 1.5 }, to: sonnet, gets: { temperature: 1 }, lost: 'temperature' },
  { set: { temperature: 0, top_p: 0 }, to: flash, gets: { generationConfig: { temperature: 0, topP: 0 } } },
  { set: { temperature: 0.5 }, to: opus, gets: {}, lost: 'temperature' },
  { set: { max_tokens: 5, max_completion_tokens: 9 }, to: sonnet, gets: { max_tokens: 9 } },
  { set: { stop: 'END' }, to: flash, gets: { generationConfig: { stopSequences: ['END'] } } },
  { set: { n: 2 }, to: flash, gets: { generationConfig: { candidateCount: 2 } } },
  {
    set: { logprobs: true, top_logprobs: 3 },
    to: flash,
    gets: { generationConfig: { responseLogprobs: true, logprobs: 3 } },
  },
  { set: { reasoning_effort: 'none' }, to: sonnet, gets: { thinking: { type: 'disabled' } } },
  {
    set: { reasoning_effort: 'none' },
    to: opus,
    gets: { output_config: { effort: 'low' } },
    lost: 'reasoning_effort',
  },
  {
    set: { reasoning_effort: { effort: 'low' } },
    to: pro,
    gets: { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } },
  },
  {
    set: { reasoning_effort: 'low' },
    to: flash,
    gets: { generationConfig: { thinkingConfig: { thinkingBudget: 2048 } } },
  },
  {
    set: user([{ type: 'image_url', image_url: 'https://example.com/a.png' }]),
    to: sonnet,
    gets: { messages: [{ content: [{ source: { type: 'url', url: 'https://example.com/a.png' } }] }] },
  },
  {
    set: user([{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }]),
    to: sonnet,
    gets: { messages: [{ content: [{ cache_control: { type: 'ephemeral', ttl: '1h' } }] }] },
  },
  {
    set: {
      messages: [
        { role: 'developer', content: 's' },
        { role: 'user', content: 'x' },
      ],
      max_completion_tokens: 5,
    },
    to: 'deepseek/deepseek-chat',
    gets: { messages: [{ role: 'system' }, { role: 'user' }], max_tokens: 5 },
  },
]

const thinking = { type: 'enabled', budget_tokens: 5000 }
const fromMessages: Row[] = [
  { set: { thinking }, to: flash, gets: { generationConfig: { thinkingConfig: { thinkingBudget: 5000 } } } },
  { set: { thinking, output_config: { effort: 'high' } }, to: gpt5, gets: { reasoning_effort: 'high' } },
  { set: { thinking }, to: gpt4, gets: {}, lost: 'thinking' },
  {
    set: { thinking: { type: 'disabled' } },
    to: 'moonshot/kimi-k2.5',
    gets: { thinking: { type: 'disabled' } },
  },
  { set: { container: 'c', top_k: 5 }, to: gpt4, gets: {}, lost: 'top_k, container' },
  {
    set: { stop_sequences: ['a', 'b', 'c', 'd', 'e'] },
    to: gpt4,
    gets: { stop: ['a', 'b', 'c', 'd'] },
    lost: 'stop_sequences[4]',
  },
  {
    set: { metadata: { user_id: 'u' }, service_tier: 'standard_only' },
    to: gpt4,
    gets: { user: 'u', service_tier: 'default' },
  },
  {
    set: { system: [{ type: 'text', text: 's' }] },
    to: gpt5,
    gets: { messages: [{ role: 'developer' }, { role: 'user' }] },
  },
  {
    set: { output_config: { format: { type: 'json_schema', schema } } },
    to: gpt4,
    gets: { response_format: { type: 'json_schema', json_schema: { schema } } },
  },
]

const fronts = [
  { path: '/v1/chat/completions', rows: fromChat },
  { path: '/v1/messages', rows: fromMessages },
]

for (const { path, rows } of fronts)
  describe(path, () => {
    for (const { set, to, gets, lost } of rows)
      test(`${JSON.stringify(set).slice(0, 70)} → ${to}`, async () => {
        const minimal = { model: to, max_tokens: 8000, messages: [{ role: 'user', content: 'hi' }] }
        const { max_tokens: _, ...bare } = minimal
        const request = { ...(path === '/v1/messages' ? minimal : bare), ...set }
        const reply = await stage.post(path, request)
        expect(reply.status).toBe(200)
        expect(reply.headers.get('x-xjp-dropped')).toBe(lost ?? null)
        expect(reply.upstream.map((entry) => entry.body)).toMatchObject([gets])
        const strict = await stage.post(path, request, { 'x-xjp-strict': 'true' })
        expect(strict.status).toBe(lost === undefined ? 200 : 400)
        if (lost !== undefined) expect(strict.upstream).toEqual([])
      })
  })
