import { describe, expect, test } from 'bun:test'
import { targetWith } from '../../../../test/support/chat-completions.ts'
import { GatewayError } from '../../model/error.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest } from '../../model/request.ts'
import { decodeRequest, encodeRequest } from './request.ts'

const hello = { role: 'user', content: 'hello' }
const base = { model: 'm', messages: [hello] }

function failure(body: JsonObject): { kind: string; param: string | undefined; message: string } {
  try {
    decodeRequest(body)
  } catch (error) {
    if (error instanceof GatewayError)
      return { kind: error.kind, param: error.details.param, message: error.message }
    throw error
  }
  throw new Error('the body was accepted')
}

describe('a body that is not a request names the place', () => {
  const part = (value: JsonObject | string) => ({ ...base, messages: [{ role: 'user', content: [value] }] })
  const call = (value: JsonObject) => ({ ...base, messages: [{ role: 'assistant', tool_calls: [value] }] })
  const rows: [string, JsonObject][] = [
    ['model', { messages: [hello] }],
    ['model', { ...base, model: '' }],
    ['messages', { model: 'm' }],
    ['messages', { model: 'm', messages: [] }],
    ['messages', { model: 'm', messages: 'hello' }],
    ['messages[0]', { model: 'm', messages: ['hello'] }],
    ['messages[0].role', { model: 'm', messages: [{ content: 'x' }] }],
    ['messages[0].role', { model: 'm', messages: [{ role: 'robot', content: 'x' }] }],
    ['messages[0].content', { model: 'm', messages: [{ role: 'user' }] }],
    ['messages[0].content', { model: 'm', messages: [{ role: 'user', content: 5 }] }],
    ['messages[1].content[0]', { model: 'm', messages: [hello, { role: 'user', content: ['x'] }] }],
    ['messages[0].content[0].type', part({ text: 'x' })],
    ['messages[0].content[0].text', part({ type: 'text', text: null })],
    ['messages[0].content[0].image_url', part({ type: 'image_url' })],
    ['messages[0].content[0].image_url.url', part({ type: 'image_url', image_url: {} })],
    [
      'messages[0].content[0].input_audio.format',
      part({ type: 'input_audio', input_audio: { data: 'AA==' } }),
    ],
    ['messages[0].content[0].file', part({ type: 'file', file: { filename: 'a.pdf' } })],
    ['messages[0].content[0].cache_control', part({ type: 'text', text: 'x', cache_control: 'yes' })],
    ['messages[0].tool_call_id', { model: 'm', messages: [{ role: 'tool', content: 'x' }] }],
    ['messages[0].tool_calls[0].type', call({ id: 'a', type: 'http', function: { name: 'f' } })],
    ['messages[0].tool_calls[0].function', call({ id: 'a' })],
    ['messages[0].tool_calls[0].function.name', call({ id: 'a', function: { arguments: '{}' } })],
    [
      'messages[0].tool_calls[0].function.arguments',
      call({ id: 'a', function: { name: 'f', arguments: 5 } }),
    ],
    ['messages[0]', { model: 'm', messages: [{ role: 'function', name: 'f', content: 'x' }] }],
    ['temperature', { ...base, temperature: 2.1 }],
    ['temperature', { ...base, temperature: '1' }],
    ['top_p', { ...base, top_p: -0.1 }],
    ['n', { ...base, n: 0 }],
    ['n', { ...base, n: 1.5 }],
    ['max_completion_tokens', { ...base, max_completion_tokens: 0 }],
    ['max_tokens', { ...base, max_tokens: 'many' }],
    ['presence_penalty', { ...base, presence_penalty: 3 }],
    ['stop', { ...base, stop: 5 }],
    ['stop[1]', { ...base, stop: ['a', 5] }],
    ['top_logprobs', { ...base, top_logprobs: 21 }],
    ['stream', { ...base, stream: 'yes' }],
    ['stream_options.include_usage', { ...base, stream_options: { include_usage: 1 } }],
    ['tools', { ...base, tools: {} }],
    ['tools[0].function', { ...base, tools: [{ type: 'function' }] }],
    ['tools[0].function.name', { ...base, tools: [{ type: 'function', function: {} }] }],
    ['tools[0].function.parameters', { ...base, tools: [{ function: { name: 'f', parameters: '{}' } }] }],
    ['functions[0].name', { ...base, functions: [{}] }],
    ['tool_choice', { ...base, tool_choice: 'maybe' }],
    ['tool_choice.type', { ...base, tool_choice: { type: 'maybe' } }],
    ['tool_choice.function.name', { ...base, tool_choice: { type: 'function', function: {} } }],
    [
      'tool_choice.allowed_tools.tools',
      { ...base, tool_choice: { type: 'allowed_tools', allowed_tools: {} } },
    ],
    ['function_call', { ...base, function_call: 'maybe' }],
    ['reasoning_effort', { ...base, reasoning_effort: 3 }],
    ['reasoning.max_tokens', { ...base, reasoning: { max_tokens: -1 } }],
    ['thinking.budget_tokens', { ...base, thinking: { budget_tokens: 'all' } }],
    ['response_format.type', { ...base, response_format: {} }],
    ['response_format.json_schema', { ...base, response_format: { type: 'json_schema' } }],
    ['modalities[0]', { ...base, modalities: [1] }],
  ]
  test.each(rows)('%s in %j', (path, body) => {
    const { kind, param, message } = failure(body)
    expect({ kind, param }).toEqual({ kind: 'invalid_request', param: path })
    expect(message.startsWith(path)).toBe(true)
    expect(message).toMatch(/expected|required|comes before/)
  })
})

describe('members of the request', () => {
  const rows: [string, JsonObject, Partial<ChatRequest>][] = [
    ['the newer bound wins', { max_tokens: 5, max_completion_tokens: 7 }, { maxOutputTokens: 7 }],
    ['the older bound', { max_tokens: 5 }, { maxOutputTokens: 5 }],
    ['zero is a value', { temperature: 0, top_p: 0, seed: 0 }, { temperature: 0, topP: 0, seed: 0 }],
    ['null is absent', { temperature: null, stop: null, tools: null, reasoning: null }, {}],
    ['one stop', { stop: 'a' }, { stop: ['a'] }],
    ['several stops', { stop: ['a', 'b'] }, { stop: ['a', 'b'] }],
    ['usage asked for', { stream: true, stream_options: { include_usage: true } }, { includeUsage: true }],
    ['text format', { response_format: { type: 'text' } }, { format: { type: 'text' } }],
    ['JSON mode', { response_format: { type: 'json_object' } }, { format: { type: 'json' } }],
    [
      'schema',
      {
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'n', schema: { type: 'object' }, strict: true },
        },
      },
      { format: { type: 'json-schema', name: 'n', schema: { type: 'object' }, strict: true } },
    ],
    ['effort', { reasoning_effort: 'xhigh' }, { reasoning: { effort: 'xhigh' } }],
    [
      'effort as an object',
      { reasoning_effort: { effort: 'low', summary: 'auto' } },
      { reasoning: { effort: 'low', display: 'auto' } },
    ],
    [
      'reasoning object',
      { reasoning: { max_tokens: 2000, exclude: true } },
      { reasoning: { budgetTokens: 2000, exclude: true } },
    ],
    ['reasoning switched off', { reasoning: { enabled: false } }, { reasoning: { mode: 'disabled' } }],
    [
      'thinking object',
      { thinking: { type: 'enabled', budget_tokens: 4000 } },
      { reasoning: { mode: 'enabled', budgetTokens: 4000 } },
    ],
    ['thoughts left out', { include_reasoning: false }, { reasoning: { exclude: true } }],
    ['web search', { web_search_options: {} }, { webSearch: {} }],
    ['automatic cache mark', { cache_control: { type: 'ephemeral', ttl: '1h' } }, { cache: { ttl: '1h' } }],
    ['end user', { user: 'u' }, { endUser: 'u' }],
    ['end user by both names', { user: 'u', safety_identifier: 's' }, { endUser: 's' }],
  ]
  test.each(rows)('%s', (_, body, expected) => {
    const { extensions: _bag, messages: _messages, ...decoded } = decodeRequest({ ...base, ...body })
    const stream = body['stream'] === true
    const found: Partial<ChatRequest> = Object.fromEntries(
      Object.entries(decoded).filter(([key]) => key in expected || !(key in base)),
    )
    expect(found).toEqual({ stream, ...expected })
  })
})

describe('what the model has no place for goes back where it was', () => {
  const rows: [string, JsonObject][] = [
    ['unknown fields', { store: true, provider: { order: ['a'] }, transforms: ['x'] }],
    ['words outside the ladder', { reasoning_effort: 'default' }],
    ['members of thinking', { thinking: { type: 'enabled', keep: 'all' } }],
    ['only such members', { thinking: { clear_thinking: false } }],
    ['formats of one server', { response_format: { type: 'regex', regex: 'a+' } }],
    [
      'members of the schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'n', schema: {}, x: 1 } } },
    ],
    ['stream options', { stream: true, stream_options: { include_obfuscation: false, include_usage: true } }],
    ['the second name of the end user', { user: 'u', safety_identifier: 's' }],
    ['members of a tool', { tools: [{ type: 'function', x: 1, function: { name: 'f', y: 2 } }] }],
    ['tools of the upstream', { tools: [{ type: 'vendor:advisor', parameters: { a: 1 } }] }],
    ['members of a message', { messages: [{ ...hello, prefix: true }] }],
    ['members of a part', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', x: 1 }] }] }],
    [
      'members inside a part',
      {
        messages: [
          { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a/b', x: 1 } }] },
        ],
      },
    ],
    ['unknown parts', { messages: [{ role: 'user', content: [{ type: 'hologram', hologram: { a: 1 } }] }] }],
    [
      'members of a call',
      {
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}', y: 1 }, x: 1 }],
          },
        ],
      },
    ],
    ['earlier audio', { messages: [{ role: 'assistant', content: 'a', audio: { id: 'audio_1' } }] }],
  ]
  test.each(rows)('%s', (_, fields) => {
    const body: JsonObject = { ...base, ...fields }
    const target = targetWith(
      { reasoningStyle: 'toggle-and-effort', reasoningReplay: 'never' },
      { model: 'm' },
    )
    const { body: sent, dropped } = encodeRequest(decodeRequest(structuredClone(body)), target)
    expect(sent).toEqual(body)
    expect(dropped).toEqual([])
  })

  test('our own notes are never sent', () => {
    const body = decodeRequest({ ...base, user: 'u', functions: [{ name: 'f' }] })
    expect(JSON.stringify(encodeRequest(body, targetWith({})).body)).not.toContain('xjp:')
  })
})
