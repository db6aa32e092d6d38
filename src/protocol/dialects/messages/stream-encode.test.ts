import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  answerContext,
  decodeContext,
  framesOf,
  MAKER,
  requestWith,
} from '../../../../test/support/messages.ts'
import type { Answer } from '../../model/answer.ts'
import type { Block } from '../../model/block.ts'
import { EMPTY_ENVELOPE, wrapOpaque } from '../../model/envelope.ts'
import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent } from '../../model/event.ts'
import { expand } from '../../model/expand.ts'
import type { Finish } from '../../model/finish.ts'
import { fold } from '../../model/fold.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { AnswerContext } from '../dialect.ts'
import { encodeAnswer } from './answer.ts'
import { grammarFault } from './grammar.ts'
import { decodeStream } from './stream.ts'
import { encodeStream } from './stream-encode.ts'

const stop: Finish = { reason: 'stop' }

function answer(...blocks: Block[]): Answer {
  return { candidates: [{ blocks, finish: stop }] }
}

function encode(events: readonly AnswerEvent[], context: AnswerContext = answerContext()) {
  const encoder = encodeStream(context)
  const stream = encoder.push(events)
  const frames = framesOf(stream)
  return { frames, wires: frames.map(({ data }) => JSON.parse(data) as JsonObject), dropped: encoder.dropped }
}

/** `start type`, deltas and `stop`, one line a frame, of everything between message_start and message_delta. */
function body(events: readonly AnswerEvent[], context?: AnswerContext): string[] {
  const { frames, wires } = encode(events, context)
  expect(grammarFault(frames)).toBeUndefined()
  return wires.slice(1, -2).map((wire) => {
    const { index, content_block: block, delta } = wire
    if (isObject(block)) return `${index} ${JSON.stringify(block)}`
    return isObject(delta) ? `${index} ${JSON.stringify(delta)}` : `${index} stop`
  })
}

describe('the frame of a message', () => {
  test('begins with the id, the model the client asked for and the best known usage', () => {
    const usage = { inputTokens: 50, cacheReadTokens: 40, outputTokens: 3 }
    const { wires } = encode([
      { type: 'answer-start', id: 'chatcmpl-1', model: 'theirs' },
      { type: 'usage', usage },
      { type: 'answer-end', finishes: [stop] },
    ])
    expect(wires).toEqual([
      {
        type: 'message_start',
        message: {
          id: 'msg_abcdefghijklmnopqrstuvwx',
          type: 'message',
          role: 'assistant',
          model: 'public-model',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: {
            input_tokens: 10,
            cache_creation_input_tokens: 0,
            cache_read_input_tokens: 40,
            cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
            output_tokens: 0,
          },
        },
      },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null },
        usage: {
          input_tokens: 10,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 40,
          cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
          output_tokens: 3,
        },
      },
      { type: 'message_stop' },
    ])
  })

  test('says its estimate first when the upstream counts last', () => {
    const { wires } = encode([
      { type: 'answer-start', id: 'msg_9' },
      { type: 'block-start', index: 0, block: { type: 'text', text: 'a' } },
      { type: 'block-end', index: 0 },
      { type: 'usage', usage: { inputTokens: 11, outputTokens: 2, reasoningTokens: 1 } },
      { type: 'answer-end', finishes: [stop] },
    ])
    expect(wires[0]).toMatchObject({ message: { id: 'msg_9', usage: { input_tokens: 7, output_tokens: 0 } } })
    expect(wires.at(-2)).toMatchObject({
      usage: { input_tokens: 11, output_tokens: 2, output_tokens_details: { thinking_tokens: 1 } },
    })
  })

  test('ends with what the model has no member for, each at its level', () => {
    const extensions = {
      messages: {
        container: { id: 'c' },
        context_management: {},
        xjp_events: [{ type: 'weather', sky: 'blue' }],
      },
    }
    const { wires } = encode([{ type: 'answer-start' }, { type: 'answer-end', finishes: [stop], extensions }])
    expect(wires.slice(1, -1)).toEqual([
      { type: 'weather', sky: 'blue' },
      expect.objectContaining({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null, stop_details: null, container: { id: 'c' } },
        context_management: {},
      }),
    ])
  })

  test('an error ends it and nothing follows', () => {
    const encoder = encodeStream(answerContext())
    const error = new GatewayError('upstream_failed', 'It broke')
    const stream = encoder.push([
      { type: 'answer-start' },
      { type: 'block-start', index: 0, block: { type: 'text', text: 'a' } },
      { type: 'answer-error', error },
      { type: 'answer-end', finishes: [stop] },
    ])
    expect(grammarFault(framesOf(stream))).toBeUndefined()
    expect(framesOf(stream).at(-1)).toEqual({
      event: 'error',
      data: '{"type":"error","error":{"type":"api_error","message":"It broke"},"request_id":"req_1"}',
    })
    expect(encoder.push([{ type: 'block-end', index: 0 }])).toBe('')
  })

  const reasons: [string, Finish, Block[], string][] = [
    ['stop', stop, [], 'end_turn'],
    [
      'stop with calls',
      stop,
      [{ type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '{}' }],
      'tool_use',
    ],
    [
      'calls',
      { reason: 'tool-calls' },
      [{ type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '{}' }],
      'tool_use',
    ],
    ['calls that are not there', { reason: 'tool-calls' }, [], 'end_turn'],
    ['length', { reason: 'length', raw: 'length' }, [], 'max_tokens'],
    ['filter', { reason: 'content-filter' }, [], 'refusal'],
    ['a refusal in words', stop, [{ type: 'refusal', text: 'no' }], 'refusal'],
    ['other', { reason: 'other', raw: 'weird' }, [], 'end_turn'],
    ['this dialect’s own word', { reason: 'stop', raw: 'compaction' }, [], 'compaction'],
    ['context window', { reason: 'context-window' }, [], 'model_context_window_exceeded'],
  ]
  for (const [name, finish, blocks, expected] of reasons)
    test(`stop reason: ${name}`, () => {
      const { wires } = encode(expand({ candidates: [{ blocks, finish }] }))
      expect(wires.at(-2)).toMatchObject({ delta: { stop_reason: expected } })
      expect(encodeAnswer({ candidates: [{ blocks, finish }] }, answerContext()).body.stop_reason).toBe(
        expected,
      )
    })

  test('an explained refusal of another dialect', () => {
    const { wires } = encode(
      expand({ candidates: [{ blocks: [], finish: { reason: 'refusal', explanation: 'no' } }] }),
    )
    expect(wires.at(-2)).toMatchObject({
      delta: { stop_details: { type: 'refusal', category: null, explanation: 'no' } },
    })
  })
})

describe('blocks', () => {
  const foreign: Opaque = {
    dialect: 'chat-completions',
    kind: 'reasoning-details',
    value: '{}',
    maker: 'x/y',
  }
  const signed: Opaque = { dialect: 'messages', kind: 'signature', value: 's', maker: MAKER }
  const table: [string, Block[], string[]][] = [
    [
      'text',
      [{ type: 'text', text: 'a"' }],
      ['0 {"type":"text","text":""}', '0 {"type":"text_delta","text":"a\\""}', '0 stop'],
    ],
    ['no empty text', [{ type: 'text', text: '' }], []],
    [
      'a refusal',
      [{ type: 'refusal', text: 'no' }],
      ['0 {"type":"text","text":""}', '0 {"type":"text_delta","text":"no"}', '0 stop'],
    ],
    [
      'thinking with its own signature',
      [{ type: 'thinking', text: 't', opaque: [signed] }],
      [
        '0 {"type":"thinking","thinking":"","signature":""}',
        '0 {"type":"thinking_delta","thinking":"t"}',
        '0 {"type":"signature_delta","signature":"s"}',
        '0 stop',
      ],
    ],
    [
      'thinking without any',
      [{ type: 'thinking', text: 't' }],
      [
        '0 {"type":"thinking","thinking":"","signature":""}',
        '0 {"type":"thinking_delta","thinking":"t"}',
        `0 {"type":"signature_delta","signature":"${EMPTY_ENVELOPE}"}`,
        '0 stop',
      ],
    ],
    [
      'hidden thinking of another dialect',
      [{ type: 'thinking', text: '', opaque: [foreign] }],
      [
        '0 {"type":"thinking","thinking":"","signature":""}',
        `0 {"type":"signature_delta","signature":"${wrapOpaque(foreign, 'messages', 'signature')}"}`,
        '0 stop',
      ],
    ],
    ['nothing thought', [{ type: 'thinking', text: '' }], []],
    [
      'redacted thinking',
      [
        {
          type: 'thinking',
          text: '',
          redacted: true,
          opaque: [{ dialect: 'messages', kind: 'redacted', value: 'd' }],
        },
      ],
      ['0 {"type":"redacted_thinking","data":"d"}', '0 stop'],
    ],
    [
      'a call',
      [{ type: 'tool-call', id: 'call_1', name: 'f', kind: 'function', arguments: '{"a":1}' }],
      [
        '0 {"type":"tool_use","id":"call_1","name":"f","input":{}}',
        '0 {"type":"input_json_delta","partial_json":"{\\"a\\":1}"}',
        '0 stop',
      ],
    ],
    [
      'a call without arguments',
      [{ type: 'tool-call', id: 'call_1', name: 'f', kind: 'function', arguments: '{}' }],
      [
        '0 {"type":"tool_use","id":"call_1","name":"f","input":{}}',
        '0 {"type":"input_json_delta","partial_json":""}',
        '0 stop',
      ],
    ],
    [
      'a call of a free-text tool',
      [{ type: 'tool-call', id: 'call_1', name: 'f', kind: 'custom', arguments: 'a\n"b"' }],
      [
        '0 {"type":"tool_use","id":"call_1","name":"f","input":{}}',
        '0 {"type":"input_json_delta","partial_json":"{\\"input\\":\\""}',
        '0 {"type":"input_json_delta","partial_json":"a\\\\n\\\\\\"b\\\\\\""}',
        '0 {"type":"input_json_delta","partial_json":"\\"}"}',
        '0 stop',
      ],
    ],
    [
      'text after a call is a block of its own',
      [
        { type: 'text', text: 'a' },
        { type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '{}' },
        { type: 'text', text: 'b' },
      ],
      [
        '0 {"type":"text","text":""}',
        '0 {"type":"text_delta","text":"a"}',
        '0 stop',
        '1 {"type":"tool_use","id":"i","name":"f","input":{}}',
        '1 {"type":"input_json_delta","partial_json":""}',
        '1 stop',
        '2 {"type":"text","text":""}',
        '2 {"type":"text_delta","text":"b"}',
        '2 stop',
      ],
    ],
    [
      'a block of this dialect we do not know',
      [{ type: 'unknown', dialect: 'messages', wire: { type: 'fallback', to: 'x' } }],
      ['0 {"type":"fallback","to":"x"}', '0 stop'],
    ],
  ]
  for (const [name, blocks, expected] of table)
    test(name, () => {
      expect(body(expand(answer(...blocks)))).toEqual(expected)
    })

  test('an empty object that goes on is not held back', () => {
    const piece = (text: string): AnswerEvent => ({
      type: 'block-delta',
      index: 0,
      delta: { type: 'text', text },
    })
    const events = expand(answer({ type: 'tool-call', id: 'i', name: 'f', kind: 'function', arguments: '' }))
    events.splice(2, 0, piece('{}'), piece(' '))
    expect(body(events).slice(1, 3)).toEqual([
      '0 {"type":"input_json_delta","partial_json":"{}"}',
      '0 {"type":"input_json_delta","partial_json":" "}',
    ])
  })

  test('an id that is not legal here is replaced, the same way every time', () => {
    const call: Block = { type: 'tool-call', id: 'a:1', name: 'f', kind: 'function', arguments: '{}' }
    const [first] = body(expand(answer(call)))
    expect(first).toMatch(/"id":"toolu_[0-9A-Za-z]{14}"/)
    expect(body(expand(answer(call)))[0]).toBe(first as string)
    const { body: whole } = encodeAnswer(answer(call), answerContext())
    expect(first).toContain(String((whole.content as JsonObject[])[0]?.id))
  })

  test('the signature of a foreign call travels before it, when the client asked for thinking', () => {
    const signature: Opaque = {
      dialect: 'generate-content',
      kind: 'thought-signature',
      value: 'z',
      maker: 'g/m',
    }
    const call: Block = {
      type: 'tool-call',
      id: 'i',
      name: 'f',
      kind: 'function',
      arguments: '{}',
      signature,
    }
    const asked = answerContext({ request: requestWith({ reasoning: { mode: 'adaptive' } }) })
    const carrier = { type: 'redacted_thinking', data: wrapOpaque(signature, 'messages', 'redacted') }
    expect(body(expand(answer(call)), asked)[0]).toBe(`0 ${JSON.stringify(carrier)}`)
    expect(encodeAnswer(answer(call), asked).body.content).toMatchObject([carrier, { type: 'tool_use' }])
    expect(body(expand(answer(call)))[0]).toContain('tool_use')
  })
})

describe('content without a place', () => {
  const image: Block = { type: 'media', kind: 'image', source: { type: 'url', url: 'https://x' } }
  const theirs: Block = { type: 'unknown', dialect: 'responses', wire: { type: 'x' } }
  const ran: Block = { type: 'tool-call', id: 'i', name: 'search', kind: 'server', arguments: '{}' }
  for (const block of [image, theirs, ran])
    test(`${block.type}: left out and reported, or refused`, () => {
      const events = expand(answer({ type: 'text', text: 'a' }, block))
      const lenient = encode(events)
      expect(lenient.wires.filter(({ type }) => type === 'content_block_start')).toHaveLength(1)
      expect(lenient.dropped.map(({ how, path }) => `${how} ${path}`)).toEqual(['dropped content[1]'])
      const whole = encodeAnswer(fold(events), answerContext())
      expect(whole.dropped).toEqual([...lenient.dropped])
      const strict = answerContext({ strict: true })
      expect(() => encode(events, strict)).toThrow(GatewayError)
      expect(() => encodeAnswer(fold(events), strict)).toThrow(GatewayError)
    })

  test('citations that only have an address', () => {
    const cited: Block = { type: 'text', text: 'a', citations: [{ url: 'https://x' }] }
    const { dropped } = encode(expand(answer(cited)))
    expect(dropped.map(({ path }) => path)).toEqual(['content[0].citations'])
    expect(encodeAnswer(answer(cited), answerContext()).dropped).toHaveLength(1)
  })
})

describe('overlapping blocks', () => {
  test('parallel calls are written one after the other', () => {
    const call = (id: string): Block => ({
      type: 'tool-call',
      id,
      name: 'f',
      kind: 'function',
      arguments: '',
    })
    const piece = (index: number, text: string): AnswerEvent => ({
      type: 'block-delta',
      index,
      delta: { type: 'text', text },
    })
    const events: AnswerEvent[] = [
      { type: 'answer-start' },
      { type: 'block-start', index: 0, block: call('a') },
      piece(0, '{"x"'),
      { type: 'block-start', index: 1, block: call('b') },
      piece(1, '{"y"'),
      piece(0, ':1}'),
      piece(1, ':2}'),
      { type: 'block-end', index: 1 },
      { type: 'block-end', index: 0 },
      { type: 'answer-end', finishes: [{ reason: 'tool-calls' }] },
    ]
    expect(body(events)).toEqual([
      '0 {"type":"tool_use","id":"a","name":"f","input":{}}',
      '0 {"type":"input_json_delta","partial_json":"{\\"x\\""}',
      '0 {"type":"input_json_delta","partial_json":":1}"}',
      '0 stop',
      '1 {"type":"tool_use","id":"b","name":"f","input":{}}',
      '1 {"type":"input_json_delta","partial_json":"{\\"y\\""}',
      '1 {"type":"input_json_delta","partial_json":":2}"}',
      '1 stop',
    ])
  })

  const words = fc.string({ unit: 'binary', maxLength: 8 })
  const block: fc.Arbitrary<Block> = fc.oneof(
    words.map((text): Block => ({ type: 'text', text })),
    words.map((text): Block => ({ type: 'refusal', text })),
    fc.record({ text: words, value: fc.option(words, { nil: undefined }) }).map(
      ({ text, value }): Block => ({
        type: 'thinking',
        text,
        ...(value === undefined
          ? {}
          : { opaque: [{ dialect: 'generate-content', kind: 'thought-signature', value }] }),
      }),
    ),
    fc.record({ id: words, value: fc.dictionary(words, fc.integer(), { maxKeys: 2 }) }).map(
      ({ id, value }): Block => ({
        type: 'tool-call',
        id,
        name: 'f',
        kind: 'function',
        arguments: JSON.stringify(value),
      }),
    ),
    words.map((text): Block => ({ type: 'tool-call', id: 'c', name: 'f', kind: 'custom', arguments: text })),
    fc.constant<Block>({ type: 'media', kind: 'image', source: { type: 'url', url: 'https://x' } }),
  )
  const generated = fc.record({
    blocks: fc.array(block, { maxLength: 5 }),
    order: fc.infiniteStream(fc.nat(1000)),
  })

  test('any interleaving of any blocks is a legal stream, however it is batched', () => {
    fc.assert(
      fc.property(generated, ({ blocks, order }) => {
        const events = interleave(blocks, order)
        const inOne = encode(events)
        expect(grammarFault(inOne.frames)).toBeUndefined()
        const encoder = encodeStream(answerContext())
        expect(framesOf(events.map((event) => encoder.push([event])).join(''))).toHaveLength(
          inOne.frames.length,
        )
      }),
      { numRuns: 600, seed: 7 },
    )
  })

  test('and says what the whole answer says', () => {
    fc.assert(
      fc.property(generated, ({ blocks, order }) => {
        const events = interleave(blocks, order)
        const { frames } = encode(events)
        const decoder = decodeStream(decodeContext())
        const received = fold([...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()])
        const direct = encodeAnswer(fold(events), answerContext()).body
        expect(encodeAnswer(received, answerContext({ maker: 'x' })).body.content).toEqual(
          direct.content as JsonObject[],
        )
      }),
      { numRuns: 600, seed: 8 },
    )
  })

  /** Events of the blocks, every block in pieces, the pieces of different blocks mixed; blocks begin in order. */
  function interleave(blocks: readonly Block[], order: Iterator<number>): AnswerEvent[] {
    const choose = (limit: number): number => Number(order.next().value) % limit
    const queues = blocks.map((entry, index) => eventsOf(entry, index, choose))
    const out: AnswerEvent[] = [{ type: 'answer-start', id: 'x' }]
    let begun = 0
    while (queues.some((queue) => queue.length > 0)) {
      const candidates = queues.filter((queue, index) => queue.length > 0 && index <= begun)
      const queue = candidates[choose(candidates.length)]
      const event = queue?.shift()
      if (event?.type === 'block-start') begun = event.index + 1
      if (event) out.push(event)
    }
    return [...out, { type: 'answer-end', finishes: [stop] }]
  }

  function eventsOf(entry: Block, index: number, choose: (limit: number) => number): AnswerEvent[] {
    const [start, ...rest] = expand(answer(entry)).slice(1, -1)
    const split = rest.flatMap((event): AnswerEvent[] => {
      if (event.type !== 'block-delta' || event.delta.type !== 'text') return [event]
      const { text } = event.delta
      const place = choose(text.length + 1)
      return [text.slice(0, place), text.slice(place)].map((part) => ({
        type: 'block-delta',
        index,
        delta: { type: 'text', text: part },
      }))
    })
    return [start as AnswerEvent, ...split].map((event) => ('index' in event ? { ...event, index } : event))
  }
})
