import type { JsonObject } from '../../src/protocol/model/json.ts'
import { f, g, type Row } from './row.ts'

const chunk = (delta: JsonObject, finish: string | null = null, more: JsonObject = {}): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
})
const fragment = (call: JsonObject): JsonObject => chunk({ tool_calls: [call] })
const begun = (index: number, id: string, name: string, text: string): JsonObject =>
  fragment({ index, id, type: 'function', function: { name, arguments: text } })
const more = (index: number, text: string): JsonObject => fragment({ index, function: { arguments: text } })
const stop = chunk({}, 'stop')
const called = chunk({}, 'tool_calls')
const DONE = '[DONE]'
const usage = { prompt_tokens: 307, completion_tokens: 26, total_tokens: 333 }

/** Chat completions upstream, messages client. Numbers are those of protocol.md §3. */
export const chatRows: Row[] = [
  [
    'an empty role, no tools as null (30)',
    [chunk({ role: '', content: 'a', tool_calls: null }), stop, DONE],
    { text: 'a', finish: 'end_turn' },
  ],
  ['no [DONE] behind a finish', [chunk({ content: 'a' }), stop], { text: 'a', finish: 'end_turn' }],
  ['[DONE] without a finish', [chunk({ content: 'a' }), DONE], { text: 'a', finish: 'end_turn' }],
  ['neither finish nor [DONE] (14)', [chunk({ content: 'a' })], { error: /ended early/ }],
  [
    'usage on the finishing chunk',
    [chunk({ content: 'a' }), chunk({}, 'stop', { usage }), DONE],
    { input: 307, output: 26 },
  ],
  [
    'usage behind it, without choices (85)',
    [chunk({ content: 'a' }), stop, { id: 'x', usage }, DONE],
    { input: 307, output: 26 },
  ],
  [
    'completion tokens without the reasoning (86)',
    [
      chunk({ content: 'a' }),
      chunk({}, 'stop', {
        usage: { ...usage, total_tokens: 560, completion_tokens_details: { reasoning_tokens: 227 } },
      }),
      DONE,
    ],
    { input: 307, output: 253 },
  ],
  [
    'a first chunk without choices',
    [{ id: '', choices: [], prompt_filter_results: [] }, chunk({ content: 'a' }), stop, DONE],
    { text: 'a' },
  ],
  [
    'comments and no blank behind the colon (1, 7)',
    `: PROCESSING\n\ndata:${JSON.stringify(chunk({ content: 'data: a' }))}\r\n\r\ndata:${JSON.stringify(stop)}\r\n\r\ndata:[DONE]`,
    { text: 'data: a' },
  ],
  [
    'garbage behind the end',
    `data: ${JSON.stringify(chunk({ content: 'a' }))}\n\ndata: ${JSON.stringify(stop)}\n\ndata: [DONE]\n\ndata: {bad\n\n`,
    { text: 'a' },
  ],
  [
    'an event that is not JSON',
    `data: ${JSON.stringify(chunk({ content: 'a' }))}\n\ndata: {"id":\n\n`,
    { error: /not a JSON object/ },
  ],
  [
    'an error as the first event (12)',
    [{ error: { message: 'no quota', code: 'insufficient_quota' } }],
    { status: 429, error: /no quota/ },
  ],
  [
    'an error with a number in the middle (13, 89)',
    [chunk({ content: 'a' }), { error: { code: 502, message: 'died' } }],
    { error: /died/ },
  ],
  [
    'an error beside a finish',
    [chunk({ content: 'a' }), chunk({ content: '' }, 'error', { error: { code: 502, message: 'gone' } })],
    { error: /gone/ },
  ],
  ['an error that is null', [chunk({ content: 'a' }, null, { error: null }), stop, DONE], { text: 'a' }],
  [
    'two calls, both at index 0 (28)',
    [begun(0, 'c1', 'f', '{"a":1}'), begun(0, 'c2', 'g', '{}'), called, DONE],
    { calls: [f, g] },
  ],
  [
    'two calls in turns (24)',
    [
      begun(0, 'c1', 'f', ''),
      begun(1, 'c2', 'g', ''),
      more(0, '{"a"'),
      more(1, '{'),
      more(0, ':1}'),
      more(1, '}'),
      called,
      DONE,
    ],
    { calls: [f, g] },
  ],
  [
    'no index (28)',
    [
      fragment({ id: 'c1', function: { name: 'f', arguments: '{"a":1}' } }),
      fragment({ id: 'c2', function: { name: 'g', arguments: '{}' } }),
      stop,
      DONE,
    ],
    { calls: [f, g], finish: 'tool_use' },
  ],
  [
    'the id on each fragment (23)',
    [begun(0, 'c1', 'f', '{"a"'), begun(0, 'c1', 'f', ':1}'), called, DONE],
    { calls: [f] },
  ],
  [
    'the name later than the id (29)',
    [
      fragment({ index: 0, id: 'c1', function: { arguments: '' } }),
      fragment({ index: 0, function: { name: 'f', arguments: '{"a":' } }),
      fragment({ index: 0, function: { name: '', arguments: '1}' } }),
      called,
      DONE,
    ],
    { calls: [f] },
  ],
  [
    'no id',
    [fragment({ index: 0, function: { name: 'f', arguments: '{"a":1}' } }), called, DONE],
    { calls: [f] },
  ],
  [
    'arguments as an object',
    [fragment({ index: 0, id: 'c1', type: null, function: { name: 'f', arguments: { a: 1 } } }), stop, DONE],
    { calls: [f], finish: 'tool_use' },
  ],
  [
    'a call without arguments (27)',
    [fragment({ index: 0, id: 'c1', function: { name: 'g' } }), called, DONE],
    { calls: [g] },
  ],
  [
    'the wrapper for parallel calls (36)',
    [
      begun(
        0,
        'c1',
        'multi_tool_use.parallel',
        '{"tool_uses":[{"recipient_name":"functions.f","parameters":{"a":1}},{"recipient_name":"functions.g","parameters":{}}]}',
      ),
      called,
      DONE,
    ],
    { calls: [f, g] },
  ],
  [
    'text around a call (25)',
    [chunk({ content: 'x' }), begun(0, 'c1', 'g', '{}'), chunk({ content: 'y' }), called, DONE],
    { text: 'xy', calls: [g] },
  ],
  [
    'reasoning under two names (52)',
    [chunk({ reasoning: 'r', reasoning_content: 'r' }), chunk({ content: 'a' }), stop, DONE],
    { thinking: 'r', text: 'a' },
  ],
  [
    'content as a list',
    [
      chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'r' }] }] }),
      chunk({ content: [{ type: 'text', text: 'a' }] }),
      stop,
      DONE,
    ],
    { thinking: 'r', text: 'a' },
  ],
  [
    'a refusal',
    [chunk({ content: null, refusal: '' }), chunk({ refusal: 'No' }), stop, DONE],
    { text: 'No', finish: 'refusal' },
  ],
  [
    'a finish nobody knows (87)',
    [chunk({ content: 'a' }), chunk({}, 'weird'), DONE],
    { text: 'a', finish: 'end_turn' },
  ],
  [
    'no resources',
    [chunk({ reasoning_content: 'r' }), chunk({}, 'insufficient_system_resource'), DONE],
    { error: /insufficient_system_resource/ },
  ],
]
