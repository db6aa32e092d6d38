import type { JsonObject } from '../../src/protocol/model/json.ts'
import { f, g, type Row } from './row.ts'

const start = (counted: JsonObject = { input_tokens: 5, output_tokens: 1 }, id = 'msg_1'): JsonObject => ({
  type: 'message_start',
  message: { id, type: 'message', role: 'assistant', model: 'm', content: [], usage: counted },
})
const open = (index: number, block: JsonObject): JsonObject => ({
  type: 'content_block_start',
  index,
  content_block: block,
})
const delta = (index: number, piece: JsonObject): JsonObject => ({
  type: 'content_block_delta',
  index,
  delta: piece,
})
const close = (index: number): JsonObject => ({ type: 'content_block_stop', index })
const text = (index: number, words: string): JsonObject[] => [
  open(index, { type: 'text', text: '' }),
  delta(index, { type: 'text_delta', text: words }),
  close(index),
]
const end = (reason: string, counted: JsonObject = { output_tokens: 3 }): JsonObject[] => [
  { type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage: counted },
  { type: 'message_stop' },
]
const use = (index: number, name: string, input: JsonObject, ...pieces: string[]): JsonObject[] => [
  open(index, { type: 'tool_use', id: `toolu_${index}`, name, input }),
  ...pieces.map((piece) => delta(index, { type: 'input_json_delta', partial_json: piece })),
  close(index),
]

/** Messages upstream, chat completions client. */
export const messageRows: Row[] = [
  [
    'pings and events nobody knows',
    [start(), { type: 'ping' }, { type: 'brand_new' }, ...text(0, 'a'), ...end('end_turn')],
    { text: 'a', finish: 'stop', input: 5, output: 3 },
  ],
  ['no message_stop (14)', [start(), ...text(0, 'a')], { error: /message_stop/ }],
  ['message_start twice (20)', [start(), start(), ...text(0, 'a'), ...end('end_turn')], { text: 'a' }],
  [
    'a second message (20)',
    [start(), ...text(0, 'a'), start(undefined, 'msg_2'), ...text(1, 'b')],
    { error: /second message/ },
  ],
  [
    'calls between texts (21, 25)',
    [
      start(),
      ...text(0, 'x'),
      ...use(1, 'f', {}, '{"a":', '1}'),
      ...use(2, 'g', {}, ''),
      ...text(3, 'y'),
      ...end('tool_use'),
    ],
    { text: 'xy', calls: [f, g], finish: 'tool_calls' },
  ],
  [
    'input that comes with the start',
    [start(), ...use(0, 'f', { a: 1 }), ...end('tool_use')],
    { calls: [f] },
  ],
  [
    'gaps in the numbers (22)',
    [start(), ...text(0, 'a'), ...text(5, 'b'), ...end('end_turn')],
    { text: 'ab' },
  ],
  [
    'usage corrected at the end (80, 81)',
    [
      start({
        input_tokens: 43,
        cache_read_input_tokens: 10,
        cache_creation_input_tokens: 2,
        output_tokens: 1,
      }),
      ...text(0, 'a'),
      ...end('end_turn', { input_tokens: 61, output_tokens: 9 }),
    ],
    { input: 73, output: 9 },
  ],
  [
    'no usage at all (88)',
    [
      { type: 'message_start', message: { id: 'msg_1', content: [] } },
      ...text(0, 'a'),
      ...end('end_turn', {}),
    ],
    { text: 'a' },
  ],
  [
    'overloaded at once (12)',
    [{ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }],
    { status: 503, error: /Overloaded/ },
  ],
  [
    'overloaded in the middle (13)',
    [
      start(),
      open(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'a' }),
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
    ],
    { error: /Overloaded/ },
  ],
  [
    'a refusal without content',
    [
      start(),
      {
        type: 'message_delta',
        delta: { stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'No' } },
        usage: { output_tokens: 0 },
      },
      { type: 'message_stop' },
    ],
    { refusal: 'No', finish: 'content_filter' },
  ],
]
