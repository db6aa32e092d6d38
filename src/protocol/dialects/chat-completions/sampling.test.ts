import { describe, expect, test } from 'bun:test'
import { targetWith } from '../../../../test/support/chat-completions.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import { encodeRequest } from './request.ts'

function encoded(
  fields: Partial<ChatRequest>,
  capabilities: Partial<Capabilities>,
  target: Partial<UpstreamTarget> = {},
) {
  const request: ChatRequest = {
    model: 'm',
    stream: false,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
    ...fields,
  }
  const { body, dropped } = encodeRequest(request, targetWith(capabilities, target))
  const { model: _, messages: __, ...sent } = body
  return { sent, lost: dropped.map(({ path, how, essential }) => `${essential ? 'refused' : how} ${path}`) }
}

type Row = [string, Partial<ChatRequest>, Partial<Capabilities>, JsonObject, string[]]

describe('the target decides what is said', () => {
  const rows: Row[] = [
    [
      'the field for the bound',
      { maxOutputTokens: 9 },
      { maxTokensField: 'max_tokens' },
      { max_tokens: 9 },
      [],
    ],
    [
      'a bound above the model’s',
      { maxOutputTokens: 9 },
      { maxOutputTokens: 5 },
      { max_completion_tokens: 5 },
      ['approximated maxOutputTokens'],
    ],
    ['zero', { temperature: 0 }, {}, { temperature: 0 }, []],
    [
      'too hot',
      { temperature: 1.5 },
      { maxTemperature: 1 },
      { temperature: 1 },
      ['approximated temperature'],
    ],
    [
      'no sampling',
      { temperature: 0.5, topP: 0.5 },
      { sampling: 'none' },
      {},
      ['dropped temperature', 'dropped topP'],
    ],
    ['no sampling, defaults', { temperature: 1, topP: 1 }, { sampling: 'none' }, {}, []],
    [
      'one of two',
      { temperature: 0.5, topP: 0.5 },
      { sampling: 'one-of' },
      { temperature: 0.5 },
      ['dropped topP'],
    ],
    ['one of two, only top_p', { topP: 0.5 }, { sampling: 'one-of' }, { top_p: 0.5 }, []],
    [
      'while thinking',
      { temperature: 0.5, reasoning: { effort: 'low' } },
      { sampling: 'not-while-thinking' },
      { reasoning_effort: 'low' },
      ['dropped temperature'],
    ],
    [
      'not while thinking',
      { temperature: 0.5, reasoning: { effort: 'none' } },
      { sampling: 'not-while-thinking' },
      { temperature: 0.5, reasoning_effort: 'none' },
      [],
    ],
    [
      'hints without a field',
      {
        topK: 1,
        seed: 2,
        presencePenalty: 1,
        logitBias: { a: 1 },
        verbosity: 'low',
        metadata: {},
        serviceTier: 'flex',
      },
      {
        topK: false,
        seed: false,
        penalties: false,
        logitBias: false,
        verbosity: false,
        metadata: false,
        serviceTier: false,
      },
      {},
      ['topK', 'seed', 'presencePenalty', 'logitBias', 'verbosity', 'metadata', 'serviceTier'].map(
        (f) => `dropped ${f}`,
      ),
    ],
    [
      'neutral hints',
      { presencePenalty: 0, candidates: 1, serviceTier: 'auto' },
      { penalties: false, candidates: false, serviceTier: false },
      {},
      [],
    ],
    ['several answers', { candidates: 2 }, { candidates: false }, {}, ['refused candidates']],
    ['stops', { stop: ['a', 'b', 'c'] }, { maxStop: 2 }, { stop: ['a', 'b'] }, ['dropped stop[2]']],
    ['no stops', { stop: ['a'] }, { maxStop: 0 }, {}, ['dropped stop']],
    ['usage of streams', { stream: true }, {}, { stream: true, stream_options: { include_usage: true } }, []],
    ['streams without it', { stream: true }, { streamUsage: false }, { stream: true }, []],
    ['end user', { endUser: 'u' }, {}, { user: 'u' }, []],
    ['no end user', { endUser: 'u' }, { endUser: false }, {}, ['dropped endUser']],
    ['web search', { webSearch: { a: 1 } }, {}, { web_search_options: { a: 1 } }, []],
    ['no web search', { webSearch: {} }, { webSearch: false }, {}, ['refused webSearch']],
    ['a mark for the whole', { cache: {} }, {}, { cache_control: { type: 'ephemeral' } }, []],
    ['no such mark', { cache: {} }, { cacheMarks: 'breakpoint' }, {}, ['dropped cache']],
  ]
  test.each(rows)('%s', (_, fields, capabilities, sent, lost) => {
    expect(encoded(fields, capabilities)).toEqual({ sent, lost })
  })

  test('a long end user of another dialect is sent as a digest, always the same', () => {
    const user = { endUser: 'user_'.repeat(40) }
    const { sent } = encoded(user, {})
    expect(sent['user']).toMatch(/^[0-9A-Za-z]{32}$/)
    expect(encoded(user, {}).sent).toEqual(sent)
  })
})

describe('thinking (protocol.md §2.8.1)', () => {
  const effort = { reasoningStyle: 'effort' } as const
  const three = { efforts: ['low', 'high', 'max'] } as const
  const object = { reasoningStyle: 'reasoning-object' } as const
  const toggle = { reasoningStyle: 'toggle' } as const
  const both = { reasoningStyle: 'toggle-and-effort' } as const
  type Asked = NonNullable<ChatRequest['reasoning']>
  const rows: [string, Asked, Partial<Capabilities>, JsonObject, string[]][] = [
    ['a level', { effort: 'high' }, effort, { reasoning_effort: 'high' }, []],
    [
      'a level between',
      { effort: 'medium' },
      { ...effort, ...three },
      { reasoning_effort: 'high' },
      ['approximated reasoning.effort'],
    ],
    [
      'a level above',
      { effort: 'xhigh' },
      { ...effort, ...three },
      { reasoning_effort: 'high' },
      ['approximated reasoning.effort'],
    ],
    [
      'a level below',
      { effort: 'minimal' },
      { ...effort, ...three },
      { reasoning_effort: 'low' },
      ['approximated reasoning.effort'],
    ],
    ['no levels', { effort: 'low' }, { ...effort, efforts: [] }, {}, ['dropped reasoning.effort']],
    ['off', { mode: 'disabled' }, effort, { reasoning_effort: 'none' }, []],
    ['off by itself', { mode: 'disabled' }, { ...effort, ...three }, {}, []],
    [
      'cannot be off',
      { effort: 'none' },
      { ...effort, ...three, reasoningByDefault: true },
      { reasoning_effort: 'low' },
      ['approximated reasoning'],
    ],
    ['on', { mode: 'enabled' }, effort, { reasoning_effort: 'medium' }, []],
    ['on already', { mode: 'enabled' }, { ...effort, reasoningByDefault: true }, {}, []],
    ['as it likes', { mode: 'adaptive' }, effort, {}, []],
    ['no budget', { budgetTokens: 0 }, effort, { reasoning_effort: 'none' }, []],
    ['a small budget', { budgetTokens: 500 }, effort, { reasoning_effort: 'minimal' }, []],
    ['a budget', { budgetTokens: 8000 }, effort, { reasoning_effort: 'medium' }, []],
    ['the budget of a level', { budgetTokens: 8192 }, effort, { reasoning_effort: 'medium' }, []],
    ['a great budget', { budgetTokens: 60000 }, effort, { reasoning_effort: 'xhigh' }, []],
    [
      'object: level',
      { effort: 'low', exclude: true },
      object,
      { reasoning: { effort: 'low', exclude: true } },
      [],
    ],
    ['object: budget', { budgetTokens: 99 }, object, { reasoning: { max_tokens: 99 } }, []],
    ['object: on', { mode: 'enabled' }, object, { reasoning: { enabled: true } }, []],
    ['object: off', { mode: 'disabled' }, object, { reasoning: { enabled: false } }, []],
    ['object: level none', { effort: 'none' }, object, { reasoning: { effort: 'none' } }, []],
    ['toggle: on', { mode: 'enabled' }, toggle, { thinking: { type: 'enabled' } }, []],
    ['toggle: off', { mode: 'disabled' }, toggle, { thinking: { type: 'disabled' } }, []],
    [
      'toggle: never off',
      { effort: 'none' },
      { ...toggle, reasoningOff: false },
      {},
      ['approximated reasoning'],
    ],
    [
      'toggle: a level',
      { effort: 'low' },
      toggle,
      { thinking: { type: 'enabled' } },
      ['approximated reasoning'],
    ],
    [
      'both',
      { mode: 'enabled', effort: 'max' },
      { ...both, ...three },
      { thinking: { type: 'enabled' }, reasoning_effort: 'max' },
      [],
    ],
    [
      'both, on already',
      { effort: 'max' },
      { ...both, ...three, reasoningByDefault: true },
      { reasoning_effort: 'max' },
      [],
    ],
    ['both: off', { effort: 'none' }, both, { thinking: { type: 'disabled' } }, []],
    ['none', { effort: 'low' }, { reasoningStyle: 'none' }, {}, ['dropped reasoning']],
    ['none: off', { mode: 'disabled' }, { reasoningStyle: 'none' }, {}, []],
    ['none: hidden', { exclude: true }, { reasoningStyle: 'none' }, {}, []],
  ]
  test.each(rows)('%s', (_, reasoning, capabilities, sent, lost) => {
    expect(encoded({ reasoning }, capabilities)).toEqual({ sent, lost })
  })

  test.each([
    [100, 'low'],
    [300, 'medium'],
    [700, 'high'],
    [950, 'xhigh'],
  ])('a budget of %d in 1000 below 1024 tokens or by its share', (budgetTokens, level) => {
    const scaled = budgetTokens * 100
    const { sent } = encoded({ reasoning: { budgetTokens: scaled }, maxOutputTokens: 100_000 }, effort)
    expect(sent['reasoning_effort']).toBe(level)
  })

  const thinkingMap = [
    { budget: 8000, effort: 'high' },
    { budget: 4000, effort: 'medium' },
  ]
  test.each([
    [1024, 'low'],
    [3999, 'low'],
    [4000, 'medium'],
    [7999, 'medium'],
    [8000, 'high'],
    [100000, 'high'],
  ])('the operator’s table: %d is %s', (budgetTokens, level) => {
    const reasoning: Asked = { mode: 'enabled', budgetTokens }
    for (const style of ['effort', 'none'] as const)
      expect(encoded({ reasoning }, { reasoningStyle: style, efforts: [] }, { thinkingMap })).toEqual({
        sent: { reasoning_effort: level },
        lost: [],
      })
    expect(encoded({ reasoning }, toggle, { thinkingMap }).sent).toEqual({
      thinking: { type: 'enabled' },
      reasoning_effort: level,
    })
    expect(encoded({ reasoning }, object, { thinkingMap }).sent).toEqual({ reasoning: { effort: level } })
  })
})

describe('output format (protocol.md §2.10)', () => {
  const schema = { type: 'object' }
  test('a schema without a name gets one', () => {
    const { sent } = encoded({ format: { type: 'json-schema', schema } }, {})
    expect(sent).toEqual({
      response_format: { type: 'json_schema', json_schema: { name: 'response', schema } },
    })
  })

  test('without native schemas the model is told', () => {
    const request: ChatRequest = {
      model: 'm',
      stream: false,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }],
      format: { type: 'json-schema', schema },
    }
    const { body, dropped } = encodeRequest(request, targetWith({ jsonSchema: 'none' }))
    expect(body['response_format']).toEqual({ type: 'json_object' })
    expect(JSON.stringify(body['messages'])).toContain('JSON Schema')
    expect(dropped).toMatchObject([{ path: 'format', how: 'approximated' }])
  })

  test('JSON and tools that do not go together', () => {
    const tools: ChatRequest['tools'] = [{ type: 'function', name: 'f' }]
    const { sent, lost } = encoded({ format: { type: 'json' }, tools }, { jsonWithTools: false })
    expect(sent).not.toHaveProperty('response_format')
    expect(lost).toEqual(['dropped format'])
  })
})
