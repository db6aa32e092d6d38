import { describe, expect, test } from 'bun:test'
import { targetWith } from '../../../../test/support/chat-completions.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { ChatRequest, Tool, ToolChoice } from '../../model/request.ts'
import { decodeRequest, encodeRequest } from './request.ts'

const base = { model: 'm', messages: [{ role: 'user', content: 'x' }] }
const weather: Tool = { type: 'function', name: 'weather', parameters: { type: 'object' } }
const patch: Tool = { type: 'custom', name: 'patch', grammar: { syntax: 'lark', definition: 'start: "a"' } }

function encoded(fields: Partial<ChatRequest>, capabilities: Partial<Capabilities> = {}) {
  const request: ChatRequest = {
    model: 'm',
    stream: false,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
    ...fields,
  }
  const { body, dropped } = encodeRequest(request, targetWith(capabilities))
  const { model: _, messages: __, ...sent } = body
  return { sent, lost: dropped.map(({ path, how, essential }) => `${essential ? 'refused' : how} ${path}`) }
}

describe('definitions, both ways', () => {
  const rows: [string, JsonObject, Tool][] = [
    ['without parameters', { type: 'function', function: { name: 'f' } }, { type: 'function', name: 'f' }],
    [
      'complete',
      {
        type: 'function',
        function: { name: 'f', description: 'd', parameters: { type: 'object' }, strict: false },
      },
      { type: 'function', name: 'f', description: 'd', parameters: { type: 'object' }, strict: false },
    ],
    [
      'marked',
      { type: 'function', function: { name: 'f' }, cache_control: { type: 'ephemeral', ttl: '1h' } },
      { type: 'function', name: 'f', cache: { ttl: '1h' } },
    ],
    ['free text', { type: 'custom', custom: { name: 'c' } }, { type: 'custom', name: 'c' }],
    [
      'with a grammar',
      {
        type: 'custom',
        custom: { name: 'c', format: { type: 'grammar', grammar: { syntax: 'regex', definition: 'a' } } },
      },
      { type: 'custom', name: 'c', grammar: { syntax: 'regex', definition: 'a' } },
    ],
    [
      'run by the provider',
      { type: 'vendor:advisor', x: 1 },
      { type: 'provider', dialect: 'chat-completions', wire: { type: 'vendor:advisor', x: 1 } },
    ],
  ]
  test.each(rows)('%s', (_, wire, tool) => {
    expect(decodeRequest({ ...base, tools: [structuredClone(wire)] }).tools).toEqual([tool])
    expect(encoded({ tools: [tool] }).sent['tools']).toEqual([wire])
  })

  test('the deprecated pair becomes tools, called one at a time', () => {
    const functions = [{ name: 'f', parameters: { type: 'object' } }]
    const request = decodeRequest({ ...base, functions, function_call: { name: 'f' } })
    expect(request.tools).toEqual([{ type: 'function', name: 'f', parameters: { type: 'object' } }])
    expect(request.toolChoice).toEqual({ type: 'tool', name: 'f' })
    expect(request.parallelToolCalls).toBe(false)
    expect(encodeRequest(request, targetWith({})).body).toMatchObject({
      tools: [{ type: 'function', function: functions[0] }],
      tool_choice: { type: 'function', function: { name: 'f' } },
    })
  })
})

describe('choice, both ways', () => {
  const rows: [Json, ToolChoice][] = [
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'required' }],
    [
      { type: 'function', function: { name: 'weather' } },
      { type: 'tool', name: 'weather' },
    ],
    [
      { type: 'custom', custom: { name: 'patch' } },
      { type: 'tool', name: 'patch', custom: true },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'weather' } }] },
      },
      { type: 'subset', mode: 'required', tools: [{ name: 'weather' }] },
    ],
  ]
  test.each(rows)('%j', (wire, choice) => {
    expect(decodeRequest({ ...base, tool_choice: wire }).toolChoice).toEqual(choice)
    expect(encoded({ tools: [weather, patch], toolChoice: choice }).sent['tool_choice']).toEqual(wire)
  })

  test('any is required', () => {
    expect(decodeRequest({ ...base, tool_choice: 'any' }).toolChoice).toEqual({ type: 'required' })
  })
})

describe('an upstream that can less', () => {
  test('no forcing', () => {
    const { sent, lost } = encoded(
      { tools: [weather], toolChoice: { type: 'required' } },
      { forcedToolChoice: false },
    )
    expect(sent['tool_choice']).toBe('auto')
    expect(lost).toEqual(['approximated toolChoice'])
  })

  test('no subset: the others are not offered', () => {
    const toolChoice: ToolChoice = { type: 'subset', mode: 'auto', tools: [{ name: 'weather' }] }
    const { sent, lost } = encoded({ tools: [weather, patch], toolChoice }, { allowedTools: false })
    expect(sent['tools']).toHaveLength(1)
    expect(sent['tool_choice']).toBe('auto')
    expect(lost).toEqual([])
  })

  test('no switch for parallel calls', () => {
    const off = encoded({ tools: [weather], parallelToolCalls: false }, { parallelToggle: false })
    expect(off).toMatchObject({ lost: ['dropped parallelToolCalls'] })
    expect(encoded({ tools: [weather], parallelToolCalls: true }, { parallelToggle: false }).lost).toEqual([])
  })

  test('no free-text tools: a function of one argument, also in the history', () => {
    const messages: ChatRequest['messages'] = [
      {
        role: 'assistant',
        content: [{ type: 'tool-call', id: 'a', name: 'patch', kind: 'custom', arguments: 'x "y"' }],
      },
    ]
    const request: ChatRequest = { model: 'm', stream: false, messages, tools: [patch] }
    const { body, dropped } = encodeRequest(request, targetWith({ customTools: false, prefill: true }))
    expect(body['tools']).toMatchObject([
      { type: 'function', function: { name: 'patch', parameters: { required: ['input'] } } },
    ])
    expect(JSON.stringify(body['messages'])).toContain('"arguments":"{\\"input\\":\\"x \\\\\\"y\\\\\\"\\"}"')
    expect(dropped).toMatchObject([{ path: 'tools[0]', how: 'approximated' }])
  })

  test('strict', () => {
    const strict: Tool = { ...weather, strict: true }
    expect(encoded({ tools: [strict] }, { strictTools: false }).lost).toEqual(['dropped tools[0].strict'])
  })

  test('names this wire does not take are changed alike everywhere', () => {
    const tool: Tool = { type: 'function', name: 'geo.search' }
    const { sent, lost } = encoded({ tools: [tool], toolChoice: { type: 'tool', name: 'geo.search' } })
    const [wire] = sent['tools'] as [{ function: { name: string } }]
    expect(wire.function.name).toMatch(/^geo_search_[0-9A-Za-z]{8}$/)
    expect(sent['tool_choice']).toEqual({ type: 'function', function: { name: wire.function.name } })
    expect(lost).toEqual(['approximated tools[0].name'])
  })
})

describe('tools of other providers', () => {
  const search: Tool = {
    type: 'provider',
    dialect: 'messages',
    capability: 'web-search',
    name: 'web_search',
    wire: {
      type: 'web_search_20250305',
      name: 'web_search',
      max_uses: 3,
      user_location: { type: 'approximate', city: 'Paris', country: 'FR' },
    },
  }
  test('web search is carried over, its settings as far as they go', () => {
    expect(encoded({ tools: [search] })).toEqual({
      sent: {
        web_search_options: {
          user_location: { type: 'approximate', approximate: { city: 'Paris', country: 'FR' } },
        },
      },
      lost: ['dropped tools[0].max_uses'],
    })
  })

  test('anything else is refused, never dropped in silence', () => {
    expect(encoded({ tools: [search] }, { webSearch: false }).lost).toEqual(['refused tools[0]'])
    const bash: Tool = {
      type: 'provider',
      dialect: 'messages',
      wire: { type: 'bash_20250124', name: 'bash' },
    }
    expect(encoded({ tools: [bash] }).lost).toEqual(['refused tools[0]'])
  })
})
