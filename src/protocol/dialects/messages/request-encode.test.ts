import { describe, expect, test } from 'bun:test'
import { requestWith, targetWith } from '../../../../test/support/messages.ts'
import type { Block } from '../../model/block.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest, Tool } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import { encodeRequest } from './request-encode.ts'

interface Case {
  name: string
  request?: Partial<ChatRequest>
  capabilities?: Partial<Capabilities>
  target?: Partial<UpstreamTarget>
  /** Members of the body that must be so; undefined: must be absent. */
  body?: Record<string, unknown>
  /** `how path` of each loss, in order. */
  losses?: string[]
}

function run({ request, capabilities, target }: Case) {
  return encodeRequest(requestWith(request), targetWith(capabilities, target))
}

function check(cases: readonly Case[]): void {
  for (const entry of cases)
    test(entry.name, () => {
      const { body, dropped } = run(entry)
      for (const [member, value] of Object.entries(entry.body ?? {}))
        expect({ [member]: body[member] as unknown }).toEqual({ [member]: value })
      expect(dropped.map(({ how, path, essential }) => `${essential ? 'refused' : how} ${path}`)).toEqual(
        entry.losses ?? [],
      )
    })
}

const user = (...content: Block[]) => ({ messages: [{ role: 'user' as const, content }] })
const text = (words: string): Block => ({ type: 'text', text: words })
const wireText = (words: string) => ({ type: 'text', text: words })
const call = (id: string, more: Partial<Extract<Block, { type: 'tool-call' }>> = {}): Block => ({
  type: 'tool-call',
  id,
  name: 'f',
  kind: 'function',
  arguments: '{"a":1}',
  ...more,
})
const result = (callId: string, words = 'ok'): Block => ({
  type: 'tool-result',
  callId,
  content: [text(words)],
})
const f: Tool = { type: 'function', name: 'f', parameters: { type: 'object', properties: {} } }
const wireF = { name: 'f', input_schema: { type: 'object', properties: {} } }

describe('bounds and sampling', () => {
  check([
    { name: 'the output bound is always sent', body: { max_tokens: 32_000 } },
    { name: 'a bound of the client stays', request: { maxOutputTokens: 5 }, body: { max_tokens: 5 } },
    {
      name: 'a bound above the model’s is lowered',
      request: { maxOutputTokens: 100_000 },
      body: { max_tokens: 64_000 },
      losses: ['approximated maxOutputTokens'],
    },
    {
      name: 'everything where everything is legal',
      request: { temperature: 0, topP: 0.5, topK: 3, stop: ['x'] },
      body: { temperature: 0, top_p: 0.5, top_k: 3, stop_sequences: ['x'] },
    },
    {
      name: 'a temperature above 1 is clamped',
      request: { temperature: 1.7 },
      body: { temperature: 1 },
      losses: ['approximated temperature'],
    },
    {
      name: 'temperature or top_p',
      request: { temperature: 0.5, topP: 0.5 },
      capabilities: { sampling: 'one-of' },
      body: { temperature: 0.5, top_p: undefined },
      losses: ['dropped topP'],
    },
    {
      name: 'top_p alone',
      request: { topP: 0.5 },
      capabilities: { sampling: 'one-of' },
      body: { top_p: 0.5 },
    },
    {
      name: 'no sampling at all, defaults are no loss',
      request: { temperature: 1, topP: 0.9, topK: 4 },
      capabilities: { sampling: 'none' },
      body: { temperature: undefined, top_p: undefined, top_k: undefined },
      losses: ['dropped topP', 'dropped topK'],
    },
    {
      name: 'none while it thinks',
      request: { temperature: 0.2, reasoning: { mode: 'enabled', budgetTokens: 2000 } },
      capabilities: { sampling: 'not-while-thinking' },
      body: { temperature: undefined },
      losses: ['dropped temperature'],
    },
    { name: 'no top_k', request: { topK: 1 }, capabilities: { topK: false }, losses: ['dropped topK'] },
    {
      name: 'blank stop sequences and too many',
      request: { stop: [' ', 'a', 'b'] },
      capabilities: { maxStop: 1 },
      body: { stop_sequences: ['a'] },
      losses: ['dropped stop', 'dropped stop'],
    },
    {
      name: 'settings without a place',
      request: {
        seed: 1,
        presencePenalty: 1,
        logprobs: true,
        cacheKey: 'k',
        extensions: { 'chat-completions': { store: true } },
      },
      losses: [
        'dropped seed',
        'dropped presencePenalty',
        'dropped logprobs',
        'dropped cacheKey',
        'dropped store',
      ],
    },
    { name: 'several answers', request: { candidates: 2 }, losses: ['refused candidates'] },
    { name: 'spoken answers', request: { modalities: ['text', 'audio'] }, losses: ['refused modalities'] },
    {
      name: 'identity and tier',
      request: { endUser: 'u', serviceTier: 'default', extensions: { messages: { metadata: { a: 1 } } } },
      body: { metadata: { a: 1, user_id: 'u' }, service_tier: 'standard_only' },
    },
    {
      name: 'an unknown tier',
      request: { serviceTier: 'flex' },
      body: { service_tier: undefined },
      losses: ['dropped serviceTier'],
    },
  ])
})

describe('thinking', () => {
  const adaptive = { reasoningStyle: 'adaptive', sampling: 'none' } as const
  check([
    { name: 'nothing said', body: { thinking: undefined, output_config: undefined } },
    {
      name: 'a budget with room stays',
      request: { maxOutputTokens: 4000, reasoning: { mode: 'enabled', budgetTokens: 2000 } },
      body: { max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 2000 } },
    },
    {
      name: 'a budget without room raises the bound',
      request: { maxOutputTokens: 1000, reasoning: { mode: 'enabled', budgetTokens: 2000 } },
      body: { max_tokens: 3000, thinking: { type: 'enabled', budget_tokens: 2000 } },
    },
    {
      name: 'a budget is never below 1024',
      request: { reasoning: { mode: 'enabled', budgetTokens: 100 } },
      body: { thinking: { type: 'enabled', budget_tokens: 1024 } },
      losses: ['approximated reasoning.budgetTokens'],
    },
    {
      name: 'no room for 1024: no thinking',
      request: { maxOutputTokens: 1500, reasoning: { mode: 'enabled', budgetTokens: 2000 } },
      capabilities: { maxOutputTokens: 1600 },
      body: { max_tokens: 1500, thinking: { type: 'disabled' } },
      losses: ['approximated reasoning.budgetTokens', 'approximated reasoning'],
    },
    {
      name: 'an effort becomes a budget on top of the visible bound',
      request: { maxOutputTokens: 500, reasoning: { effort: 'medium' } },
      capabilities: { efforts: [] },
      body: {
        max_tokens: 8692,
        thinking: { type: 'enabled', budget_tokens: 8192 },
        output_config: undefined,
      },
    },
    {
      name: 'the raised bound is capped',
      request: { maxOutputTokens: 4000, reasoning: { effort: 'max' } },
      capabilities: { efforts: [], maxOutputTokens: 8000 },
      body: { max_tokens: 8000, thinking: { type: 'enabled', budget_tokens: 6976 } },
    },
    {
      name: 'effort none switches off',
      request: { reasoning: { effort: 'none' } },
      body: { thinking: { type: 'disabled' } },
    },
    {
      name: 'a model that always thinks',
      request: { reasoning: { mode: 'disabled' } },
      capabilities: { ...adaptive, reasoningOff: false, reasoningByDefault: true },
      body: { thinking: undefined, output_config: { effort: 'low' } },
      losses: ['approximated reasoning'],
    },
    {
      name: 'adaptive: effort of another dialect, shown',
      request: { reasoning: { effort: 'high' } },
      capabilities: adaptive,
      body: { thinking: { type: 'adaptive', display: 'summarized' }, output_config: { effort: 'high' } },
    },
    {
      name: 'adaptive: effort of another dialect, hidden',
      request: { reasoning: { effort: 'high', exclude: true } },
      capabilities: adaptive,
      body: { thinking: { type: 'adaptive', display: 'omitted' } },
    },
    {
      name: 'adaptive: effort in this dialect’s words does not switch thinking on',
      request: {
        reasoning: { effort: 'low' },
        extensions: { messages: { 'xjp:effort': 'low' } },
      },
      capabilities: adaptive,
      body: { thinking: undefined, output_config: { effort: 'low' } },
    },
    {
      name: 'adaptive: a budget becomes an effort by its share',
      request: {
        maxOutputTokens: 10_000,
        reasoning: { mode: 'enabled', budgetTokens: 4000 },
        extensions: { messages: { thinking: {} } },
      },
      capabilities: adaptive,
      body: { thinking: { type: 'adaptive' }, output_config: { effort: 'medium' } },
      losses: ['approximated reasoning.budgetTokens'],
    },
    {
      name: 'adaptive: a budget becomes an effort by the map',
      request: {
        reasoning: { mode: 'enabled', budgetTokens: 7999 },
        extensions: { messages: { thinking: {} } },
      },
      capabilities: adaptive,
      target: {
        thinkingMap: [
          { budget: 8000, effort: 'high' },
          { budget: 4000, effort: 'medium' },
        ],
      },
      body: { output_config: { effort: 'medium' } },
      losses: ['approximated reasoning.budgetTokens'],
    },
    {
      name: 'adaptive: the largest threshold reached decides',
      request: {
        reasoning: { mode: 'enabled', budgetTokens: 9000 },
        extensions: { messages: { thinking: {} } },
      },
      capabilities: adaptive,
      target: {
        thinkingMap: [
          { budget: 4000, effort: 'medium' },
          { budget: 8000, effort: 'high' },
        ],
      },
      body: { output_config: { effort: 'high' } },
      losses: ['approximated reasoning.budgetTokens'],
    },
    {
      name: 'adaptive: no levels at all',
      request: {
        reasoning: { effort: 'low' },
        extensions: { messages: { 'xjp:effort': 'low' } },
      },
      capabilities: { ...adaptive, efforts: [] },
      body: { output_config: undefined },
      losses: ['dropped reasoning.effort'],
    },
    {
      name: 'adaptive: a level the model has not',
      request: { reasoning: { effort: 'xhigh' } },
      capabilities: { ...adaptive, efforts: ['low', 'high'] },
      body: { output_config: { effort: 'high' } },
      losses: ['approximated reasoning.effort'],
    },
    {
      name: 'adaptive asked of a model with budgets',
      request: { reasoning: { mode: 'adaptive' }, extensions: { messages: { thinking: {} } } },
      capabilities: { efforts: [] },
      body: { max_tokens: 48_384, thinking: { type: 'enabled', budget_tokens: 16_384 } },
    },
    {
      name: 'a model that cannot think',
      request: { reasoning: { effort: 'high' } },
      capabilities: { reasoningStyle: 'none' },
      body: { thinking: undefined },
      losses: ['dropped reasoning'],
    },
    {
      name: 'a forced tool and a budget exclude each other',
      request: {
        tools: [f],
        toolChoice: { type: 'required' },
        reasoning: { mode: 'enabled', budgetTokens: 2000 },
      },
      body: { tool_choice: { type: 'any' }, thinking: { type: 'disabled' } },
      losses: ['approximated reasoning'],
    },
    {
      name: 'calls without their signed thinking: thinking is off',
      request: {
        tools: [f],
        reasoning: { mode: 'enabled', budgetTokens: 2000 },
        messages: [
          { role: 'user', content: [text('q')] },
          { role: 'assistant', content: [{ type: 'thinking', text: 'foreign' }, call('c')] },
          { role: 'user', content: [result('c')] },
        ],
      },
      body: { thinking: { type: 'disabled' } },
      losses: ['approximated reasoning'],
    },
    {
      name: 'a kind of thinking newer than we are',
      request: { extensions: { messages: { thinking: { type: 'dreaming', depth: 2 } } } },
      body: { thinking: { type: 'dreaming', depth: 2 } },
    },
  ])
})

describe('tools', () => {
  const auto: Partial<ChatRequest> = { tools: [f], toolChoice: { type: 'auto' } }
  check([
    {
      name: 'no tools',
      request: { toolChoice: { type: 'auto' } },
      body: { tools: undefined, tool_choice: undefined },
    },
    {
      name: 'a tool without parameters',
      request: { tools: [{ type: 'function', name: 'f' }] },
      body: { tools: [wireF] },
    },
    {
      name: 'one call at a time',
      request: { ...auto, parallelToolCalls: false },
      body: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    },
    {
      name: 'one call at a time needs a choice to stand in',
      request: { tools: [f], parallelToolCalls: false },
      body: { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    },
    {
      name: 'a named tool that cannot be forced',
      request: { tools: [f], toolChoice: { type: 'tool', name: 'f' } },
      capabilities: { forcedToolChoice: false },
      body: { tool_choice: { type: 'auto' }, system: 'You must call the tool f now.' },
      losses: ['approximated toolChoice'],
    },
    {
      name: 'a subset',
      request: {
        tools: [f, { type: 'function', name: 'g' }],
        toolChoice: { type: 'subset', mode: 'required', tools: [{ name: 'f' }] },
      },
      body: { tools: [wireF], tool_choice: { type: 'any' } },
      losses: ['approximated toolChoice'],
    },
    {
      name: 'a free-text tool is a function with one string',
      request: {
        tools: [{ type: 'custom', name: 'patch', description: 'd' }],
        messages: [
          {
            role: 'assistant',
            content: [call('c', { name: 'patch', kind: 'custom', arguments: '*** "x"' })],
          },
          { role: 'user', content: [result('c')] },
        ],
      },
      body: {
        tools: [
          {
            name: 'patch',
            description: 'd',
            input_schema: {
              type: 'object',
              properties: {
                input: { type: 'string', description: 'The whole input of the tool, as plain text.' },
              },
              required: ['input'],
            },
          },
        ],
        messages: [
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 'c', name: 'patch', input: { input: '*** "x"' } }],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'ok' }] },
        ],
      },
    },
    {
      name: 'a tool of this vendor passes',
      request: {
        tools: [
          {
            type: 'provider',
            dialect: 'messages',
            name: 'bash',
            wire: { type: 'bash_20250124', name: 'bash' },
          },
        ],
      },
      body: { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    },
    {
      name: 'a tool of another vendor is refused',
      request: { tools: [{ type: 'provider', dialect: 'responses', wire: { type: 'code_interpreter' } }] },
      losses: ['refused tools[0]'],
    },
    {
      name: 'web search of chat completions',
      request: {
        webSearch: {
          search_context_size: 'low',
          user_location: { type: 'approximate', approximate: { city: 'Oslo', country: 'NO' } },
        },
      },
      body: {
        tools: [
          {
            type: 'web_search_20250305',
            name: 'web_search',
            user_location: { type: 'approximate', city: 'Oslo', country: 'NO' },
          },
        ],
      },
      losses: ['dropped webSearch.search_context_size'],
    },
    {
      name: 'web search of Responses',
      request: {
        tools: [
          {
            type: 'provider',
            dialect: 'responses',
            capability: 'web-search',
            wire: { type: 'web_search', filters: { allowed_domains: ['a.b'] } },
          },
        ],
      },
      body: { tools: [{ type: 'web_search_20250305', name: 'web_search', allowed_domains: ['a.b'] }] },
    },
    {
      name: 'web search where there is none',
      request: { webSearch: {} },
      capabilities: { webSearch: false },
      losses: ['refused webSearch'],
    },
    {
      name: 'calls in history without tools: stubs, and none may be called',
      request: {
        messages: [
          { role: 'assistant', content: [call('c')] },
          { role: 'user', content: [result('c')] },
        ],
      },
      body: {
        tools: [{ ...wireF, description: 'No longer available.' }].map(
          ({ name, description, input_schema }) => ({ name, description, input_schema }),
        ),
        tool_choice: { type: 'none' },
      },
    },
    {
      name: 'a name this wire does not allow',
      request: { tools: [{ type: 'function', name: 'a.b' }], toolChoice: { type: 'tool', name: 'a.b' } },
      body: {
        tools: [{ name: 'a_b_6SceUAXP', input_schema: { type: 'object', properties: {} } }],
        tool_choice: { type: 'tool', name: 'a_b_6SceUAXP' },
      },
      losses: ['approximated tools[0].name'],
    },
    {
      name: 'members of a beta the target has not',
      request: { tools: [{ ...f, extensions: { messages: { defer_loading: true } } }] },
      capabilities: { betas: ['context-management-2025-06-27'] },
      body: { tools: [wireF] },
      losses: ['dropped tools[0].defer_loading'],
    },
  ])
})

describe('content', () => {
  const image = (source: Extract<Block, { type: 'media' }>['source']): Block => ({
    type: 'media',
    kind: 'image',
    source,
  })
  const document = (source: Extract<Block, { type: 'media' }>['source']): Block => ({
    type: 'media',
    kind: 'document',
    source,
  })
  const content = (...blocks: JsonObject[]) => ({ messages: [{ role: 'user', content: blocks }] })
  check([
    {
      name: 'an image',
      request: user(image({ type: 'base64', mediaType: 'image/JPG', data: 'x' })),
      body: content({ type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'x' } }),
    },
    {
      name: 'an image whose type only its bytes tell',
      request: user(image({ type: 'base64', mediaType: 'image/*', data: 'R0lGODlh' })),
      body: content({ type: 'image', source: { type: 'base64', media_type: 'image/gif', data: 'R0lGODlh' } }),
    },
    {
      name: 'an image of another kind',
      request: user(image({ type: 'base64', mediaType: 'image/bmp', data: 'x' })),
      losses: ['refused messages[0].content[0]', 'approximated messages'],
    },
    {
      name: 'an address where addresses are not read',
      request: user(text('a'), image({ type: 'url', url: 'https://x' })),
      capabilities: { imageUrl: false },
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'a model that sees nothing',
      request: user(text('a'), image({ type: 'url', url: 'https://x' })),
      capabilities: { images: false },
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'sound',
      request: user(text('a'), {
        type: 'media',
        kind: 'audio',
        source: { type: 'base64', mediaType: 'audio/wav', data: 'x' },
      }),
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'a PDF with a name',
      request: user({
        type: 'media',
        kind: 'document',
        filename: 'a.pdf',
        source: { type: 'base64', mediaType: 'application/pdf', data: 'x' },
      }),
      body: content({
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: 'x' },
        title: 'a.pdf',
      }),
    },
    {
      name: 'plain text as bytes',
      request: user(document({ type: 'base64', mediaType: 'text/csv', data: 'w6Qs5paH' })),
      body: content({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'ä,文' } }),
    },
    {
      name: 'blocks as a document',
      request: user(document({ type: 'blocks', blocks: [text('x')] })),
      body: content({ type: 'document', source: { type: 'content', content: [wireText('x')] } }),
    },
    {
      name: 'a spreadsheet',
      request: user(text('a'), document({ type: 'base64', mediaType: 'application/x-xls', data: 'x' })),
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'no documents, policy text',
      request: user(document({ type: 'text', mediaType: 'text/plain', text: 'words' })),
      capabilities: { documents: false },
      target: { documentPolicy: 'text' },
      body: content(wireText('words')),
      losses: ['approximated messages[0].content[0]'],
    },
    {
      name: 'no documents, policy reject',
      request: user(text('a'), document({ type: 'text', mediaType: 'text/plain', text: 'words' })),
      capabilities: { documents: false },
      target: { documentPolicy: 'reject' },
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'a file in the store of another vendor',
      request: user(text('a'), image({ type: 'file', id: 'f', dialect: 'responses' })),
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'thinking goes back with its own signature only',
      request: {
        messages: [
          text('q'),
          {
            type: 'thinking' as const,
            text: 'mine',
            opaque: [{ dialect: 'messages' as const, kind: 'signature' as const, value: 's' }],
          },
          {
            type: 'thinking' as const,
            text: 'other maker',
            opaque: [{ dialect: 'messages' as const, kind: 'signature' as const, value: 's', maker: 'x/y' }],
          },
          { type: 'thinking' as const, text: 'unsigned' },
          {
            type: 'thinking' as const,
            text: '',
            redacted: true,
            opaque: [
              { dialect: 'messages' as const, kind: 'redacted' as const, value: 'd', maker: 'vendor/model' },
            ],
          },
          text('a'),
        ].map((block, index) => ({
          role: index === 0 ? ('user' as const) : ('assistant' as const),
          content: [block],
        })),
      },
      body: {
        messages: [
          { role: 'user', content: [wireText('q')] },
          {
            role: 'assistant',
            content: [
              { type: 'thinking', thinking: 'mine', signature: 's' },
              { type: 'redacted_thinking', data: 'd' },
              wireText('a'),
            ],
          },
        ],
      },
    },
    {
      name: 'a host that wants thinking back unsigned',
      request: { messages: [{ role: 'assistant', content: [{ type: 'thinking', text: 't' }, text('a')] }] },
      capabilities: { reasoningReplay: 'always' },
      body: {
        messages: [
          { role: 'assistant', content: [{ type: 'thinking', thinking: 't', signature: '' }, wireText('a')] },
        ],
      },
    },
    {
      name: 'arguments that are no JSON',
      request: {
        tools: [f],
        messages: [
          { role: 'assistant', content: [call('c', { arguments: '{"a":' })] },
          { role: 'user', content: [result('c')] },
        ],
      },
      body: {
        messages: [
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 'c', name: 'f', input: { _raw_arguments: '{"a":' } }],
          },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: 'ok' }] },
        ],
      },
    },
    {
      name: 'media of a result beside it',
      request: {
        tools: [f],
        messages: [
          { role: 'assistant', content: [call('c')] },
          {
            role: 'user',
            content: [
              {
                type: 'tool-result',
                callId: 'c',
                isError: true,
                content: [text('t'), image({ type: 'url', url: 'https://x' })],
              },
            ],
          },
        ],
      },
      capabilities: { toolResultMedia: false },
      body: {
        messages: [
          { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } }] },
          {
            role: 'user',
            content: [
              { type: 'tool_result', tool_use_id: 'c', content: 't', is_error: true },
              wireText('Returned by tool call c:'),
              { type: 'image', source: { type: 'url', url: 'https://x' } },
            ],
          },
        ],
      },
      losses: ['approximated messages[1].content[0]'],
    },
    {
      name: 'what others made: a block of theirs, citations, names',
      request: {
        messages: [
          { role: 'user', name: 'Ada', content: [text('q')] },
          {
            role: 'assistant',
            content: [
              { type: 'unknown', dialect: 'responses', wire: { type: 'image_generation_call' } },
              { type: 'text', text: 'a', citations: [{ url: 'https://x' }] },
            ],
          },
        ],
      },
      losses: [
        'dropped messages[0].name',
        'dropped messages[1].content[0]',
        'dropped messages[1].content[1].citations',
      ],
    },
    {
      name: 'an unknown block of another dialect in a question',
      request: user(text('q'), { type: 'unknown', dialect: 'responses', wire: { type: 'x' } }),
      losses: ['refused messages[0].content[1]'],
    },
    {
      name: 'a refusal in history is text',
      request: {
        messages: [
          { role: 'user', content: [text('q')] },
          { role: 'assistant', content: [{ type: 'refusal', text: 'no' }] },
        ],
      },
      body: {
        messages: [
          { role: 'user', content: [wireText('q')] },
          { role: 'assistant', content: [wireText('no')] },
        ],
      },
    },
  ])
})

describe('form of the output', () => {
  const format = {
    type: 'json-schema',
    schema: { type: 'object', properties: { n: { type: 'integer', minimum: 1 } } },
  } as const
  const hidden = {
    name: 'xjp_json_output',
    description: 'Gives the final answer. Call it once, when the answer is complete.',
    input_schema: format.schema,
  }
  check([
    {
      name: 'native, closed and with constraints in words',
      request: { format },
      body: {
        output_config: {
          format: {
            type: 'json_schema',
            schema: {
              type: 'object',
              properties: { n: { type: 'integer', description: 'minimum: 1' } },
              additionalProperties: false,
            },
          },
        },
      },
      losses: ['approximated format.schema'],
    },
    {
      name: 'a hidden tool',
      request: { format },
      capabilities: { jsonSchema: 'tool' },
      body: {
        tools: [hidden],
        tool_choice: { type: 'tool', name: 'xjp_json_output', disable_parallel_tool_use: true },
      },
    },
    {
      name: 'a hidden tool among others',
      request: { format, tools: [f] },
      capabilities: { jsonSchema: 'tool' },
      body: { tools: [wireF, hidden], tool_choice: { type: 'any' } },
    },
    {
      name: 'not at all',
      request: { format },
      capabilities: { jsonSchema: 'none' },
      body: {
        system: `Answer with JSON that matches this JSON Schema and nothing else: ${JSON.stringify(format.schema)}`,
      },
      losses: ['approximated format.schema'],
    },
    {
      name: 'JSON without a schema',
      request: { format: { type: 'json' } },
      body: { system: 'Answer with one JSON object and nothing else: no prose, no code fence.' },
      losses: ['approximated format'],
    },
    { name: 'text', request: { format: { type: 'text' } }, body: { output_config: undefined } },
  ])
})

describe('system prompts', () => {
  const system = (words: string, more: object = {}) => ({
    role: 'system' as const,
    content: [{ type: 'text' as const, text: words, ...more }],
  })
  const ask = { role: 'user' as const, content: [text('q')] }
  const later = { messages: [ask, system('s'), { role: 'user' as const, content: [text('r')] }] }
  check([
    { name: 'one is a string', request: { messages: [system('s'), ask] }, body: { system: 's' } },
    {
      name: 'several and marked ones stay apart',
      request: { messages: [system('a'), system('b', { cache: { ttl: '1h' } }), ask] },
      body: {
        system: [wireText('a'), { ...wireText('b'), cache_control: { type: 'ephemeral', ttl: '1h' } }],
      },
    },
    {
      name: 'an empty one is left out',
      request: { messages: [system(''), ask] },
      body: { system: undefined },
    },
    {
      name: 'between turns, where that is legal',
      request: later,
      body: {
        messages: [
          { role: 'user', content: [wireText('q')] },
          { role: 'system', content: [wireText('s')] },
          { role: 'user', content: [wireText('r')] },
        ],
      },
    },
    {
      name: 'between turns, where it is not',
      request: later,
      capabilities: { systemAnywhere: false },
      body: {
        messages: [
          {
            role: 'user',
            content: [wireText('q'), wireText('<system-reminder>\ns\n</system-reminder>'), wireText('r')],
          },
        ],
      },
      losses: ['approximated messages[1]'],
    },
    {
      name: 'nothing but a system prompt',
      request: { messages: [system('s')] },
      body: { system: 's', messages: [{ role: 'user', content: [wireText('Continue.')] }] },
      losses: ['approximated messages'],
    },
  ])
})

describe('cache marks', () => {
  const marked = (words: string, ttl?: string): Block => ({
    type: 'text',
    text: words,
    cache: ttl === undefined ? {} : { ttl },
  })
  test('only the last four are sent', () => {
    const blocks = ['1', '2', '3', '4', '5'].map((words) => marked(words))
    const { body, dropped } = run({ name: '', request: { ...user(...blocks), tools: [{ ...f, cache: {} }] } })
    const marks = JSON.stringify(body).match(/"text":"\d","cache_control"/g)
    expect(marks).toHaveLength(4)
    expect(JSON.stringify(body.tools)).not.toContain('cache_control')
    expect(dropped.map(({ path }) => path)).toEqual(['cache'])
  })
  check([
    {
      name: 'a mark for everything counts as one',
      request: { ...user(marked('1'), marked('2'), marked('3'), marked('4')), cache: {} },
      body: { cache_control: { type: 'ephemeral' } },
      losses: ['dropped cache'],
    },
    {
      name: 'lifetimes of other dialects',
      request: user(marked('1', '30m')),
      body: {
        messages: [
          { role: 'user', content: [{ ...wireText('1'), cache_control: { type: 'ephemeral', ttl: '1h' } }] },
        ],
      },
      losses: ['approximated cache.ttl'],
    },
    {
      name: 'a target without marks',
      request: user(marked('1'), marked('2')),
      capabilities: { cacheMarks: 'none' },
      body: { messages: [{ role: 'user', content: [wireText('1'), wireText('2')] }] },
      losses: ['dropped cache'],
    },
    {
      name: 'a scope only goes to the vendor itself',
      request: user({ type: 'text', text: '1', cache: { rest: { scope: 'global' } } }),
      capabilities: { betas: [] },
      body: {
        messages: [{ role: 'user', content: [{ ...wireText('1'), cache_control: { type: 'ephemeral' } }] }],
      },
      losses: ['dropped cache.rest'],
    },
  ])
})

describe('members outside the model', () => {
  check([
    {
      name: 'go back to this dialect',
      request: { extensions: { messages: { context_management: { edits: [] }, inference_geo: 'eu' } } },
      body: { context_management: { edits: [] }, inference_geo: 'eu' },
    },
    {
      name: 'stay behind with their beta',
      request: { extensions: { messages: { context_management: { edits: [] }, speed: 'fast' } } },
      capabilities: { betas: ['context-management-2025-06-27'] },
      body: { context_management: { edits: [] }, speed: undefined },
      losses: ['dropped speed'],
    },
    {
      name: 'servers of tools are never left out in silence',
      request: { extensions: { messages: { mcp_servers: [{ name: 'x' }] } } },
      capabilities: { betas: [] },
      losses: ['refused mcp_servers'],
    },
  ])
})

test('the request is not written into', () => {
  const request = requestWith({
    tools: [
      {
        type: 'provider',
        dialect: 'messages',
        wire: { type: 'x_1', name: 'x', cache_control: { type: 'ephemeral' } },
      },
    ],
    ...user(...['1', '2', '3', '4', '5'].map((words): Block => ({ type: 'text', text: words, cache: {} }))),
  })
  const before = structuredClone(request)
  encodeRequest(request, targetWith())
  expect(request).toEqual(before)
})
