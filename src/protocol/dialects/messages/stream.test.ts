import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeContext, MAKER } from '../../../../test/support/messages.ts'
import type { AnswerEvent } from '../../model/event.ts'
import { fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import { decodeAnswer } from './answer.ts'
import { decodeStream } from './stream.ts'

const start = (message: JsonObject = {}) => ({
  type: 'message_start',
  message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], ...message },
})
const open = (index: number, content_block: JsonObject) => ({
  type: 'content_block_start',
  index,
  content_block,
})
const piece = (index: number, delta: JsonObject) => ({ type: 'content_block_delta', index, delta })
const close = (index: number) => ({ type: 'content_block_stop', index })
const finish = (delta: JsonObject = { stop_reason: 'end_turn' }, more: JsonObject = {}) => ({
  type: 'message_delta',
  delta,
  ...more,
})
const stop = { type: 'message_stop' }
const text = (index: number, words: string) => [
  open(index, { type: 'text', text: '' }),
  piece(index, { type: 'text_delta', text: words }),
  close(index),
]

function decode(...events: readonly (JsonObject | string)[]): AnswerEvent[] {
  const machine = decodeStream(decodeContext())
  const out = events.flatMap((event) =>
    machine.push({ data: typeof event === 'string' ? event : JSON.stringify(event) }),
  )
  return [...out, ...machine.end()]
}

/** Kind and message of the error a stream ends in. */
function failure(...events: readonly (JsonObject | string)[]) {
  const last = decode(...events).at(-1)
  return last?.type === 'answer-error' ? [last.error.kind, last.error.message] : undefined
}

describe('blocks', () => {
  const table: [string, JsonObject[], object[]][] = [
    ['text', text(0, 'Hi'), [{ type: 'text', text: 'Hi' }]],
    [
      'cited text',
      [
        open(0, { type: 'text', text: '', citations: [] }),
        piece(0, { type: 'text_delta', text: 'Hi' }),
        piece(0, {
          type: 'citations_delta',
          citation: { type: 'char_location', cited_text: 'q', document_title: 't' },
        }),
        close(0),
      ],
      [
        {
          type: 'text',
          text: 'Hi',
          citations: [
            {
              title: 't',
              quote: 'q',
              wire: {
                dialect: 'messages',
                value: { type: 'char_location', cited_text: 'q', document_title: 't' },
              },
            },
          ],
        },
      ],
    ],
    [
      'signed thinking',
      [
        open(0, { type: 'thinking', thinking: '', signature: '' }),
        piece(0, { type: 'thinking_delta', thinking: 'hm' }),
        piece(0, { type: 'signature_delta', signature: 's' }),
        close(0),
      ],
      [
        {
          type: 'thinking',
          text: 'hm',
          opaque: [{ dialect: 'messages', kind: 'signature', value: 's', maker: MAKER }],
        },
      ],
    ],
    [
      'unsigned thinking',
      [open(0, { type: 'thinking', thinking: 'hm' }), close(0)],
      [{ type: 'thinking', text: 'hm' }],
    ],
    [
      'redacted thinking',
      [open(0, { type: 'redacted_thinking', data: 'd' }), close(0)],
      [
        {
          type: 'thinking',
          text: '',
          redacted: true,
          opaque: [{ dialect: 'messages', kind: 'redacted', value: 'd', maker: MAKER }],
        },
      ],
    ],
    [
      'a call in pieces',
      [
        open(0, { type: 'tool_use', id: 'i', name: 'n', input: {} }),
        piece(0, { type: 'input_json_delta', partial_json: '' }),
        piece(0, { type: 'input_json_delta', partial_json: '{"a"' }),
        piece(0, { type: 'input_json_delta', partial_json: ':1}' }),
        close(0),
      ],
      [{ type: 'tool-call', id: 'i', name: 'n', kind: 'function', arguments: '{"a":1}' }],
    ],
    [
      'a call without arguments',
      [
        open(0, { type: 'tool_use', id: 'i', name: 'n', input: {} }),
        piece(0, { type: 'input_json_delta', partial_json: '' }),
        close(0),
      ],
      [{ type: 'tool-call', id: 'i', name: 'n', kind: 'function', arguments: '{}' }],
    ],
    [
      'a call that came whole, and one without an id',
      [open(0, { type: 'tool_use', name: 'n', input: { a: 1 } }), close(0)],
      [
        {
          type: 'tool-call',
          id: 'toolu_000000000000000000000000',
          idMade: true,
          name: 'n',
          kind: 'function',
          arguments: '{"a":1}',
        },
      ],
    ],
    [
      'a call of the provider, and its result',
      [
        open(0, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
        piece(0, { type: 'input_json_delta', partial_json: '{"query":"q"}' }),
        close(0),
        open(1, { type: 'web_search_tool_result', tool_use_id: 's', content: [] }),
        close(1),
      ],
      [
        {
          type: 'tool-call',
          id: 's',
          name: 'web_search',
          kind: 'server',
          arguments: '{"query":"q"}',
          extensions: { messages: { type: 'server_tool_use' } },
        },
        {
          type: 'unknown',
          dialect: 'messages',
          wire: { type: 'web_search_tool_result', tool_use_id: 's', content: [] },
        },
      ],
    ],
    [
      'a block we do not know',
      [
        open(0, { type: 'compaction', content: null }),
        piece(0, { type: 'compaction_delta', content: 'c' }),
        close(0),
      ],
      [
        {
          type: 'unknown',
          dialect: 'messages',
          wire: {
            type: 'compaction',
            content: null,
            xjp_deltas: [{ type: 'compaction_delta', content: 'c' }],
          },
        },
      ],
    ],
    [
      'the hidden JSON tool is text',
      [
        open(0, { type: 'tool_use', id: 'i', name: 'xjp_json_output', input: {} }),
        piece(0, { type: 'input_json_delta', partial_json: '{"n":' }),
        piece(0, { type: 'input_json_delta', partial_json: '1}' }),
        close(0),
      ],
      [{ type: 'text', text: '{"n":1}' }],
    ],
    [
      'a start that never came',
      [piece(3, { type: 'text_delta', text: 'Hi' })],
      [{ type: 'text', text: 'Hi' }],
    ],
    [
      'a stop that never came',
      [open(0, { type: 'text', text: '' }), piece(0, { type: 'text_delta', text: 'a' }), ...text(1, 'b')],
      [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    ],
  ]
  for (const [name, events, blocks] of table)
    test(name, () => {
      const answer = fold(decode(start(), ...events, finish(), stop))
      expect(answer.candidates[0]?.blocks as unknown).toEqual(blocks)
    })

  test('blocks that came inside message_start', () => {
    const input = { player: 1 }
    const answer = fold(
      decode(
        start({ content: [{ type: 'tool_use', id: 'i', name: 'n', input }], stop_reason: 'tool_use' }),
        stop,
      ),
    )
    expect(answer.candidates).toEqual([
      {
        blocks: [{ type: 'tool-call', id: 'i', name: 'n', kind: 'function', arguments: '{"player":1}' }],
        finish: { reason: 'tool-calls', raw: 'tool_use' },
      },
    ])
  })

  test('every block is ended before the answer', () => {
    const events = decode(
      start(),
      open(0, { type: 'text', text: '' }),
      piece(0, { type: 'text_delta', text: 'a' }),
      finish(),
      stop,
    )
    expect(events.slice(-2).map(({ type }) => type)).toEqual(['block-end', 'answer-end'])
  })
})

describe('the end', () => {
  const table: [string, JsonObject, object][] = [
    ['end_turn', { stop_reason: 'end_turn', stop_sequence: null }, { reason: 'stop', raw: 'end_turn' }],
    ['max_tokens', { stop_reason: 'max_tokens' }, { reason: 'length', raw: 'max_tokens' }],
    [
      'stop_sequence',
      { stop_reason: 'stop_sequence', stop_sequence: 'x' },
      { reason: 'stop-sequence', raw: 'stop_sequence', stopSequence: 'x' },
    ],
    ['pause_turn', { stop_reason: 'pause_turn' }, { reason: 'pause', raw: 'pause_turn' }],
    ['a new reason', { stop_reason: 'bored' }, { reason: 'other', raw: 'bored' }],
    ['no reason', {}, { reason: 'other' }],
    [
      'refusal',
      { stop_reason: 'refusal', stop_details: { type: 'refusal', category: 'cyber', explanation: 'no' } },
      {
        reason: 'refusal',
        raw: 'refusal',
        explanation: 'no',
        details: { type: 'refusal', category: 'cyber', explanation: 'no' },
      },
    ],
  ]
  for (const [name, delta, expected] of table)
    test(name, () => {
      expect(fold(decode(start(), finish(delta), stop)).candidates[0]?.finish as unknown).toEqual(expected)
    })

  test('a hidden JSON tool alone is no tool call, beside a real one it is', () => {
    const hidden = [open(0, { type: 'tool_use', id: 'i', name: 'xjp_json_output', input: {} }), close(0)]
    const real = [open(1, { type: 'tool_use', id: 'j', name: 'f', input: {} }), close(1)]
    const reason = (...events: JsonObject[]) =>
      fold(decode(start(), ...events, finish({ stop_reason: 'tool_use' }), stop)).candidates[0]?.finish.reason
    expect([reason(...hidden), reason(...hidden, ...real)]).toEqual(['stop', 'tool-calls'])
  })

  test('what the model has no member for is kept', () => {
    const { extensions } = fold(
      decode(
        start({ container: { id: 'c1' } }),
        { type: 'weather', sky: 'blue' },
        finish(
          { stop_reason: 'end_turn', container: { id: 'c2' } },
          { context_management: { applied_edits: [] } },
        ),
        stop,
      ),
    )
    expect(extensions).toEqual({
      messages: {
        container: { id: 'c2' },
        context_management: { applied_edits: [] },
        xjp_events: [{ type: 'weather', sky: 'blue' }],
      },
    })
  })

  test('nothing after the end counts', () => {
    expect(decode(start(), finish(), stop, ...text(0, 'late')).at(-1)?.type).toBe('answer-end')
  })
})

describe('usage', () => {
  const usage = {
    input_tokens: 43,
    cache_read_input_tokens: 7,
    cache_creation_input_tokens: 0,
    output_tokens: 1,
  }
  const table: [string, JsonObject, object][] = [
    [
      'the later report replaces, it is never added',
      { input_tokens: 61, output_tokens: 20 },
      { inputTokens: 68, cacheReadTokens: 7, outputTokens: 20 },
    ],
    ['null says nothing', { input_tokens: null, output_tokens: 2 }, { inputTokens: 50, outputTokens: 2 }],
    ['a reported zero is a value', { output_tokens: 0 }, { inputTokens: 50, outputTokens: 0 }],
  ]
  for (const [name, later, expected] of table)
    test(name, () => {
      expect(fold(decode(start({ usage }), finish(undefined, { usage: later }), stop)).usage).toMatchObject(
        expected,
      )
    })

  test('no report, no usage', () => {
    expect(fold(decode(start(), finish(), stop)).usage).toBeUndefined()
  })
})

describe('faults', () => {
  const broken = 'The upstream stream ended before its message_stop event'
  const table: [string, (JsonObject | string)[], [string, string]][] = [
    ['nothing came', [], ['upstream_invalid', broken]],
    ['cut in a block', [start(), open(0, { type: 'text', text: '' })], ['upstream_invalid', broken]],
    ['cut before message_stop', [start(), finish()], ['upstream_invalid', broken]],
    ['a sentinel of another protocol is no end', [start(), '[DONE]'], ['upstream_invalid', broken]],
    ['not JSON', ['<html>'], ['upstream_invalid', 'The upstream sent an event that is not JSON: <html>']],
    [
      'an error event',
      [start(), { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, stop],
      ['overloaded', 'Overloaded'],
    ],
    [
      'a bare error',
      [{ error: { type: 'rate_limit_error', message: 'Slow down' } }],
      ['rate_limited', 'Slow down'],
    ],
    [
      'a second message inside the first',
      [start(), ...text(0, 'a'), start({ id: 'msg_2' })],
      ['upstream_invalid', 'The upstream began a second message inside the first'],
    ],
    [
      'arguments of a call that never began',
      [start(), piece(4, { type: 'input_json_delta', partial_json: '{}' })],
      ['upstream_invalid', 'The upstream sent a piece of block 4, which it never started'],
    ],
  ]
  for (const [name, events, expected] of table)
    test(name, () => {
      expect(failure(...events)).toEqual(expected)
      expect(decode(...events).filter(({ type }) => type === 'answer-error')).toHaveLength(1)
    })

  test('an overload in a stream keeps its status', () => {
    const last = decode(start(), { type: 'error', error: { type: 'overloaded_error', message: 'x' } }).at(-1)
    expect(last?.type === 'answer-error' && last.error.status).toBe(529)
  })

  test('a repeated start of the same message is nothing', () => {
    const events = decode(start(), ...text(0, 'a'), start(), ...text(1, 'b'), finish(), stop)
    expect(events.filter(({ type }) => type === 'answer-start')).toHaveLength(1)
    expect(fold(events).candidates[0]?.blocks).toHaveLength(2)
  })
})

describe('properties', () => {
  const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 })
  const block = fc.oneof(
    words.map((text): JsonObject => ({ type: 'text', text })),
    fc
      .record({ thinking: words, signature: fc.constantFrom('s1', 's2') })
      .map((entry): JsonObject => ({ type: 'thinking', ...entry })),
    fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }).map(
      (input): JsonObject => ({
        type: 'tool_use',
        id: 'toolu_1',
        name: 'f',
        input: JSON.parse(JSON.stringify(input)),
      }),
    ),
  )

  test('any split into pieces folds to the same answer as the whole', () => {
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 4 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
        (content, sizes) => {
          const events = content.flatMap((wire, index) => inPieces(wire, index, sizes))
          const streamed = fold(decode(start(), ...events, finish({ stop_reason: 'tool_use' }), stop))
          const whole = fold(
            decodeAnswer({ ...start().message, content, stop_reason: 'tool_use' }, decodeContext()),
          )
          expect(streamed).toEqual(whole)
        },
      ),
      { numRuns: 400, seed: 20_261_120 },
    )
  })

  function inPieces(wire: JsonObject, index: number, sizes: Iterator<number>): JsonObject[] {
    const cut = (value: string, delta: (part: string) => JsonObject): JsonObject[] => {
      const parts: JsonObject[] = []
      for (let place = 0; place < value.length; ) {
        const size = Number(sizes.next().value)
        parts.push(piece(index, delta(value.slice(place, place + size))))
        place += size
      }
      return parts
    }
    if (wire.type === 'text')
      return [
        open(index, { type: 'text', text: '' }),
        ...cut(String(wire.text), (text) => ({ type: 'text_delta', text })),
        close(index),
      ]
    if (wire.type === 'thinking')
      return [
        open(index, { type: 'thinking', thinking: '', signature: '' }),
        ...cut(String(wire.thinking), (thinking) => ({ type: 'thinking_delta', thinking })),
        piece(index, { type: 'signature_delta', signature: wire.signature }),
        close(index),
      ]
    return [
      open(index, { ...wire, input: {} }),
      ...cut(JSON.stringify(wire.input), (partial_json) => ({ type: 'input_json_delta', partial_json })),
      close(index),
    ]
  }
})
