import { describe, expect, test } from 'bun:test'
import { EMPTY_ENVELOPE, wrapOpaque } from '../../model/envelope.ts'
import { GatewayError } from '../../model/error.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import { decodeRequest } from './request.ts'

function decode(changes: JsonObject) {
  return decodeRequest({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...changes })
}

/** The one block of a user message. */
function decodeBlock(block: JsonObject) {
  return decode({ messages: [{ role: 'user', content: [block] }] }).messages[0]?.content[0]
}

describe('the body', () => {
  test('the least that is legal', () => {
    expect(decode({})).toEqual({
      model: 'm',
      stream: false,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
    })
  })

  const members: [string, JsonObject, JsonObject][] = [
    ['max_tokens', { max_tokens: 64_000 }, { maxOutputTokens: 64_000 }],
    ['max_tokens 0 warms a cache', { max_tokens: 0 }, { maxOutputTokens: 0 }],
    ['sampling', { temperature: 0, top_p: 1, top_k: 5 }, { temperature: 0, topP: 1, topK: 5 }],
    ['null is absent', { temperature: null, stream: null, tools: null }, {}],
    ['stop_sequences', { stop_sequences: ['a', 'b'] }, { stop: ['a', 'b'] }],
    ['stream', { stream: true }, { stream: true }],
    ['the user', { metadata: { user_id: 'u' } }, { endUser: 'u' }],
    ['the ordinary tier', { service_tier: 'standard_only' }, { serviceTier: 'default' }],
    ['any tier', { service_tier: 'auto' }, { serviceTier: 'auto' }],
    ['a mark for everything', { cache_control: { type: 'ephemeral', ttl: '1h' } }, { cache: { ttl: '1h' } }],
    ['choice any', { tool_choice: { type: 'any' } }, { toolChoice: { type: 'required' } }],
    ['choice none', { tool_choice: { type: 'none' } }, { toolChoice: { type: 'none' } }],
    [
      'choice of one tool, one call at a time',
      { tool_choice: { type: 'tool', name: 't', disable_parallel_tool_use: true } },
      { toolChoice: { type: 'tool', name: 't' }, parallelToolCalls: false },
    ],
    [
      'effort in this dialect’s own words',
      { output_config: { effort: 'xhigh' } },
      { reasoning: { effort: 'xhigh' }, extensions: { messages: { 'xjp:effort': 'xhigh' } } },
    ],
    [
      'a schema',
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
      { format: { type: 'json-schema', schema: { type: 'object' } } },
    ],
    [
      'a schema in the older place',
      { output_format: { type: 'json_schema', schema: { type: 'object' } } },
      { format: { type: 'json-schema', schema: { type: 'object' } } },
    ],
    [
      'what the model has no member for is kept where it was',
      { container: 'c', metadata: { user_id: 'u', trace: 1 }, output_config: { task_budget: { total: 9 } } },
      {
        endUser: 'u',
        extensions: {
          messages: { container: 'c', metadata: { trace: 1 }, output_config: { task_budget: { total: 9 } } },
        },
      },
    ],
  ]
  for (const [name, wire, expected] of members)
    test(name, () => {
      expect(decode(wire)).toEqual({ ...decode({}), ...expected })
    })

  const thinking: [string, JsonObject, JsonObject, JsonObject][] = [
    ['enabled', { type: 'enabled', budget_tokens: 2048 }, { mode: 'enabled', budgetTokens: 2048 }, {}],
    ['adaptive', { type: 'adaptive', display: 'omitted' }, { mode: 'adaptive', display: 'omitted' }, {}],
    ['between tools', { type: 'between_tools' }, { mode: 'between-tools' }, {}],
    ['disabled', { type: 'disabled' }, { mode: 'disabled' }, {}],
    [
      'with more',
      { type: 'adaptive', block_binding: { a: 1 } },
      { mode: 'adaptive' },
      { block_binding: { a: 1 } },
    ],
  ]
  for (const [name, wire, reasoning, kept] of thinking)
    test(`thinking ${name}`, () => {
      const request = decode({ thinking: wire })
      expect(request.reasoning).toEqual(reasoning)
      expect(request.extensions?.messages?.thinking).toEqual(kept)
    })

  test('a kind of thinking that is newer than we are is kept whole', () => {
    expect(decode({ thinking: { type: 'dreaming' } }).extensions).toEqual({
      messages: { thinking: { type: 'dreaming' } },
    })
  })

  test('a system prompt is the first message, its blocks and marks apart', () => {
    const system = [
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b', cache_control: { type: 'ephemeral' } },
    ]
    expect(decode({ system }).messages[0]).toEqual({
      role: 'system',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b', cache: {} },
      ],
    })
    expect(decode({ system: 'x' }).messages[0]?.content).toEqual([{ type: 'text', text: 'x' }])
    expect(decode({ system: '' }).messages).toHaveLength(1)
  })

  test('tools', () => {
    const schema = { type: 'object', properties: {} }
    const { tools } = decode({
      tools: [
        { name: 'f', description: 'd', input_schema: schema, strict: true, defer_loading: true },
        { type: 'custom', name: 'g', input_schema: schema, cache_control: { type: 'ephemeral', scope: 'x' } },
        { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
        { type: 'bash_20250124', name: 'bash' },
      ],
    })
    expect(tools).toEqual([
      {
        type: 'function',
        name: 'f',
        description: 'd',
        parameters: schema,
        strict: true,
        extensions: { messages: { defer_loading: true } },
      },
      {
        type: 'function',
        name: 'g',
        parameters: schema,
        cache: { rest: { scope: 'x' } },
        extensions: { messages: { type: 'custom' } },
      },
      {
        type: 'provider',
        dialect: 'messages',
        name: 'web_search',
        capability: 'web-search',
        wire: { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
      },
      {
        type: 'provider',
        dialect: 'messages',
        name: 'bash',
        wire: { type: 'bash_20250124', name: 'bash' },
      },
    ])
  })
})

describe('content blocks', () => {
  const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBE' }
  const blocks: [string, JsonObject, object][] = [
    ['text', { type: 'text', text: 'a' }, { type: 'text', text: 'a' }],
    [
      'text with a citation',
      {
        type: 'text',
        text: 'a',
        citations: [{ type: 'web_search_result_location', url: 'u', title: 't', cited_text: 'q' }],
      },
      {
        type: 'text',
        text: 'a',
        citations: [
          {
            url: 'u',
            title: 't',
            quote: 'q',
            wire: {
              dialect: 'messages',
              value: { type: 'web_search_result_location', url: 'u', title: 't', cited_text: 'q' },
            },
          },
        ],
      },
    ],
    [
      'image by address',
      {
        type: 'image',
        source: { type: 'url', url: 'https://x/y.png' },
        cache_control: { type: 'ephemeral' },
      },
      { type: 'media', kind: 'image', source: { type: 'url', url: 'https://x/y.png' }, cache: {} },
    ],
    [
      'image whose address is its content',
      { type: 'image', source: { type: 'url', url: 'data:image/jpg;base64,AAAA' } },
      { type: 'media', kind: 'image', source: { type: 'base64', mediaType: 'image/jpeg', data: 'AAAA' } },
    ],
    [
      'image from the file store, scaled',
      {
        type: 'image',
        source: { type: 'file', file_id: 'f' },
        transformations: { oversized_image: 'error' },
      },
      {
        type: 'media',
        kind: 'image',
        source: { type: 'file', id: 'f', dialect: 'messages' },
        extensions: { messages: { transformations: { oversized_image: 'error' } } },
      },
    ],
    [
      'document, bytes',
      { type: 'document', source, title: 't', context: 'c', citations: { enabled: true } },
      {
        type: 'media',
        kind: 'document',
        source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBE' },
        title: 't',
        context: 'c',
        citations: true,
      },
    ],
    [
      'document, text',
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } },
      { type: 'media', kind: 'document', source: { type: 'text', mediaType: 'text/plain', text: 'x' } },
    ],
    [
      'document, blocks',
      { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
      { type: 'media', kind: 'document', source: { type: 'blocks', blocks: [{ type: 'text', text: 'x' }] } },
    ],
    [
      'signed thinking',
      { type: 'thinking', thinking: 't', signature: 's' },
      thinking('t', native('signature', 's')),
    ],
    [
      'thinking, unsigned',
      { type: 'thinking', thinking: 't', signature: '' },
      { type: 'thinking', text: 't' },
    ],
    [
      'thinking, stand-in',
      { type: 'thinking', thinking: 't', signature: EMPTY_ENVELOPE },
      { type: 'thinking', text: 't' },
    ],
    [
      'redacted',
      { type: 'redacted_thinking', data: 'd' },
      { ...thinking('', native('redacted', 'd')), redacted: true },
    ],
    [
      'call',
      { type: 'tool_use', id: 'i', name: 'n', input: { a: 1 }, caller: { type: 'direct' } },
      {
        type: 'tool-call',
        id: 'i',
        name: 'n',
        kind: 'function',
        arguments: '{"a":1}',
        extensions: { messages: { caller: { type: 'direct' } } },
      },
    ],
    [
      'call of the provider',
      { type: 'mcp_tool_use', id: 'i', name: 'n', input: {}, server_name: 's' },
      {
        type: 'tool-call',
        id: 'i',
        name: 'n',
        kind: 'server',
        arguments: '{}',
        extensions: { messages: { type: 'mcp_tool_use', server_name: 's' } },
      },
    ],
    [
      'result, a string',
      { type: 'tool_result', tool_use_id: 'i', content: 'ok', is_error: false },
      { type: 'tool-result', callId: 'i', content: [{ type: 'text', text: 'ok' }], isError: false },
    ],
    [
      'result, nothing',
      { type: 'tool_result', tool_use_id: 'i' },
      { type: 'tool-result', callId: 'i', content: [] },
    ],
    [
      'result with a reference',
      { type: 'tool_result', tool_use_id: 'i', content: [{ type: 'tool_reference', tool_name: 'n' }] },
      {
        type: 'tool-result',
        callId: 'i',
        content: [{ type: 'unknown', dialect: 'messages', wire: { type: 'tool_reference', tool_name: 'n' } }],
      },
    ],
    [
      'a block we do not know',
      { type: 'container_upload', file_id: 'f', cache_control: { type: 'ephemeral' } },
      {
        type: 'unknown',
        dialect: 'messages',
        wire: { type: 'container_upload', file_id: 'f', cache_control: { type: 'ephemeral' } },
        cache: {},
      },
    ],
    [
      'a block named like a member of Object',
      { type: 'constructor' },
      { type: 'unknown', dialect: 'messages', wire: { type: 'constructor' } },
    ],
  ]
  for (const [name, wire, expected] of blocks)
    test(name, () => {
      expect(decodeBlock(wire) as unknown).toEqual(expected)
    })

  test('a search result is text for others and itself for this dialect', () => {
    const wire = { type: 'search_result', title: 'T', source: 'S', content: [{ type: 'text', text: 'x' }] }
    expect(decodeBlock(wire) as unknown).toEqual({
      type: 'text',
      text: 'T (S)\nx',
      extensions: { messages: { xjp_original: wire } },
    })
  })

  test('foreign signatures come out of their envelopes', () => {
    const opaque: Opaque = { dialect: 'responses', kind: 'encrypted', value: 'a.b', maker: 'v/m' }
    const second: Opaque = {
      dialect: 'chat-completions',
      kind: 'reasoning-details',
      value: '{"x":","}',
      maker: 'v/m',
    }
    const signature = [opaque, second].map((entry) => wrapOpaque(entry, 'messages', 'signature')).join(',')
    expect(decodeBlock({ type: 'thinking', thinking: 't', signature })).toEqual({
      type: 'thinking',
      text: 't',
      opaque: [opaque, second],
    })
  })

  test('the signature that travelled before a call returns to the call', () => {
    const signature: Opaque = {
      dialect: 'generate-content',
      kind: 'thought-signature',
      value: 'z',
      maker: 'v/m',
    }
    const data = wrapOpaque(signature, 'messages', 'redacted')
    const { messages } = decode({
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'redacted_thinking', data },
            { type: 'tool_use', id: 'i', name: 'n', input: {} },
          ],
        },
      ],
    })
    expect(messages[0]?.content).toEqual([
      { type: 'tool-call', id: 'i', name: 'n', kind: 'function', arguments: '{}', signature },
    ])
  })
})

describe('faults name their place', () => {
  const user = (content: Json) => ({ messages: [{ role: 'user', content }] })
  const faults: [string, JsonObject][] = [
    ['model', { model: '' }],
    ['model', { model: 7 }],
    ['messages', { messages: [] }],
    ['messages', { messages: 'Hi' }],
    ['messages[0]', { messages: ['Hi'] }],
    ['messages[0].role', { messages: [{ role: 'tool', content: '' }] }],
    ['messages[0].role', { messages: [{ content: '' }] }],
    ['messages[0].content', { messages: [{ role: 'user' }] }],
    ['messages[0].content[0].type', user([{}])],
    ['messages[0].content[1].text', user([{ type: 'text', text: 'a' }, { type: 'text' }])],
    ['messages[0].content[0].source.type', user([{ type: 'image', source: { type: 'text', data: 'x' } }])],
    ['messages[0].content[0].source.type', user([{ type: 'image', source: { type: 'toString' } }])],
    [
      'messages[0].content[0].source.data',
      user([{ type: 'image', source: { type: 'base64', media_type: 'image/png' } }]),
    ],
    ['messages[0].content[0].input', user([{ type: 'tool_use', id: 'i', name: 'n', input: '{}' }])],
    [
      'messages[0].content[0].content[0].text',
      user([{ type: 'tool_result', tool_use_id: 'i', content: [{ type: 'text' }] }]),
    ],
    [
      'messages[0].content[0].cache_control.type',
      user([{ type: 'text', text: 'a', cache_control: { type: 'forever' } }]),
    ],
    [
      'messages[0].content[0].cache_control',
      user([{ type: 'thinking', thinking: 't', signature: 's', cache_control: { type: 'ephemeral' } }]),
    ],
    ['system[0].type', { system: [{ type: 'image', source: { type: 'url', url: 'u' } }] }],
    ['max_tokens', { max_tokens: 1.5 }],
    ['max_tokens', { max_tokens: -1 }],
    ['temperature', { temperature: 1.1 }],
    ['top_p', { top_p: -0.1 }],
    ['top_k', { top_k: -1 }],
    ['stream', { stream: 'yes' }],
    ['stop_sequences[1]', { stop_sequences: ['a', 1] }],
    ['tools[0].name', { tools: [{ input_schema: {} }] }],
    ['tools[0].input_schema', { tools: [{ name: 'f' }] }],
    ['tool_choice.type', { tool_choice: {} }],
    ['tool_choice.name', { tool_choice: { type: 'tool' } }],
    ['thinking.type', { thinking: {} }],
    ['thinking.budget_tokens', { thinking: { type: 'enabled' } }],
    ['thinking.budget_tokens', { thinking: { type: 'enabled', budget_tokens: 0 } }],
    ['output_config.format.schema', { output_config: { format: { type: 'json_schema' } } }],
    ['metadata.user_id', { metadata: { user_id: 1 } }],
  ]
  for (const [param, changes] of faults)
    test(`${param}: ${JSON.stringify(changes).slice(0, 90)}`, () => {
      const fault = caught(() => decode(changes))
      expect(fault).toBeInstanceOf(GatewayError)
      const { kind, details, message } = fault as GatewayError
      expect([kind, details.param, message.startsWith(param)]).toEqual(['invalid_request', param, true])
    })
})

function native(kind: 'signature' | 'redacted', value: string): Opaque {
  return { dialect: 'messages', kind, value }
}

function thinking(text: string, ...opaque: Opaque[]) {
  return { type: 'thinking', text, opaque }
}

function caught(act: () => unknown): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  return undefined
}
