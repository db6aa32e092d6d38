import { describe, expect, test } from 'bun:test'
import type { AnswerEvent } from '../../model/event.ts'
import { Fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import type { Frame } from '../../model/machine.ts'
import { decodeStream } from './stream.ts'

const DONE: Frame = { data: '[DONE]' }

function frame(value: JsonObject): Frame {
  return { data: JSON.stringify(value) }
}

/** A chunk of one choice. */
function chunk(delta: JsonObject, finish: string | null = null, more: JsonObject = {}): Frame {
  return frame({
    id: 'chatcmpl-1',
    created: 7,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...more,
  })
}

function read(...frames: Frame[]): AnswerEvent[] {
  let ids = 0
  const machine = decodeStream({ newId: () => `new${(ids += 1)}`, maker: 'vendor/model' })
  return [...frames.flatMap((one) => machine.push(one)), ...machine.end()]
}

function answerOf(...frames: Frame[]) {
  const state = new Fold()
  state.push(read(...frames))
  if (state.error) throw state.error
  return state.answer
}

function blocksOf(...frames: Frame[]) {
  return answerOf(...frames).candidates.map((candidate) => candidate.blocks)
}

function errorOf(...frames: Frame[]) {
  const last = read(...frames).at(-1)
  if (last?.type !== 'answer-error') throw new Error(`ended with ${last?.type}`)
  return { kind: last.error.kind, message: last.error.message }
}

const call = (fragment: JsonObject) => chunk({ tool_calls: [fragment] })

describe('the grammar of events', () => {
  test('text', () => {
    expect(
      read(chunk({ role: 'assistant', content: '' }), chunk({ content: 'a' }), chunk({}, 'stop'), DONE),
    ).toEqual([
      {
        type: 'answer-start',
        id: 'chatcmpl-1',
        model: 'm',
        created: 7,
        extensions: { 'chat-completions': { 'xjp:own': 'yes' } },
      },
      { type: 'block-start', index: 0, block: { type: 'text', text: '' } },
      { type: 'block-delta', index: 0, delta: { type: 'text', text: 'a' } },
      { type: 'block-end', index: 0 },
      { type: 'answer-end', finishes: [{ reason: 'stop', raw: 'stop' }] },
    ])
  })

  test('every block is ended, indices are used once, nothing follows the end', () => {
    const events = read(
      chunk({ reasoning_content: 'r', content: 'a' }),
      chunk({ tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '' } }] }),
      chunk({ content: 'b' }),
      chunk({}, 'tool_calls'),
      DONE,
      chunk({ content: 'late' }),
    )
    const started = events.flatMap((event) => (event.type === 'block-start' ? [event.index] : []))
    const ended = events.flatMap((event) => (event.type === 'block-end' ? [event.index] : []))
    expect(started).toEqual([0, 1, 2, 3])
    expect(ended.sort()).toEqual(started)
    expect(events.at(-1)?.type).toBe('answer-end')
  })

  test('several candidates keep their numbers', () => {
    const both = (delta: JsonObject, finish: string | null = null) => ({ delta, finish_reason: finish })
    const blocks = blocksOf(
      frame({ choices: [{ index: 1, ...both({ content: 'B' }) }] }),
      frame({
        choices: [
          { index: 0, ...both({ content: 'A' }) },
          { index: 1, ...both({ content: 'b' }) },
        ],
      }),
      frame({
        choices: [
          { index: 0, ...both({}, 'stop') },
          { index: 1, ...both({}, 'length') },
        ],
      }),
      DONE,
    )
    expect(blocks).toEqual([[{ type: 'text', text: 'A' }], [{ type: 'text', text: 'Bb' }]])
  })
})

describe('tool calls (protocol.md §3, 21 to 32, 36)', () => {
  const end = [chunk({}, 'tool_calls'), DONE]
  const rows: [string, Frame[], [string, string, string][]][] = [
    [
      'in pieces',
      [
        call({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }),
        call({ index: 0, function: { arguments: '{"x"' } }),
        call({ index: 0, function: { arguments: ':1}' } }),
      ],
      [['a', 'f', '{"x":1}']],
    ],
    [
      'interleaved',
      [
        call({ index: 0, id: 'a', function: { name: 'f', arguments: '' } }),
        call({ index: 1, id: 'b', function: { name: 'g', arguments: '' } }),
        call({ index: 0, function: { arguments: '{"a":0}' } }),
        call({ index: 1, function: { arguments: '{"b":1}' } }),
      ],
      [
        ['a', 'f', '{"a":0}'],
        ['b', 'g', '{"b":1}'],
      ],
    ],
    [
      'all with number 0, told apart by id',
      [
        call({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }),
        call({ index: 0, id: 'b', function: { name: 'f', arguments: '{"b":1}' } }),
      ],
      [
        ['a', 'f', '{}'],
        ['b', 'f', '{"b":1}'],
      ],
    ],
    [
      'id, type and name repeated on every piece',
      [
        call({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }),
        call({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '}' } }),
      ],
      [['a', 'f', '{}']],
    ],
    [
      'blank id and name on continuations',
      [
        call({ index: 0, id: 'a', function: { name: 'f', arguments: '{' } }),
        call({ index: 0, id: '', function: { name: '', arguments: '}' } }),
      ],
      [['a', 'f', '{}']],
    ],
    [
      'without a number',
      [
        call({ id: 'a', function: { name: 'f', arguments: '{"x"' } }),
        call({ function: { arguments: ':1}' } }),
      ],
      [['a', 'f', '{"x":1}']],
    ],
    [
      'whole, without number and id',
      [
        chunk({
          tool_calls: [
            { function: { name: 'f', arguments: '{}' } },
            { function: { name: 'f', arguments: '{"x":1}' } },
          ],
        }),
      ],
      [
        ['call_new1', 'f', '{}'],
        ['call_new2', 'f', '{"x":1}'],
      ],
    ],
    [
      'name after the id',
      [
        call({ index: 0, id: 'a', function: { arguments: '{' } }),
        call({ index: 0, function: { name: 'f', arguments: '}' } }),
      ],
      [['a', 'f', '{}']],
    ],
    ['no arguments', [call({ index: 0, id: 'a', function: { name: 'f' } })], [['a', 'f', '{}']]],
    [
      'arguments as an object',
      [call({ index: 0, id: 'a', function: { name: 'f', arguments: { x: 1 } } })],
      [['a', 'f', '{"x":1}']],
    ],
    [
      'deprecated',
      [
        chunk({ function_call: { name: 'f', arguments: '{"x"' } }),
        chunk({ function_call: { arguments: ':1}' } }),
      ],
      [['call_new1', 'f', '{"x":1}']],
    ],
    [
      'starting with a number above 0',
      [call({ index: 3, id: 'a', function: { name: 'f', arguments: '{}' } })],
      [['a', 'f', '{}']],
    ],
    [
      'packed in a wrapper',
      [
        call({
          index: 0,
          id: 'a',
          function: {
            name: 'multi_tool_use.parallel',
            arguments: '{"tool_uses":[{"recipient_name":"functions.f","para',
          },
        }),
        call({
          index: 0,
          function: { arguments: 'meters":{"x":1}},{"recipient_name":"functions.g","parameters":{}}]}' },
        }),
      ],
      [
        ['a', 'f', '{"x":1}'],
        ['a_1', 'g', '{}'],
      ],
    ],
    [
      'a tool that is only named like the wrapper',
      [call({ index: 0, id: 'a', function: { name: 'parallel', arguments: '{"x":1}' } })],
      [['a', 'parallel', '{"x":1}']],
    ],
    [
      'null fields',
      [
        chunk({ content: null, tool_calls: null, refusal: false, role: '' }),
        call({ index: 0, id: 'a', type: null, function: { name: 'f', arguments: null } }),
      ],
      [['a', 'f', '{}']],
    ],
  ]
  test.each(rows)('%s', (_, frames, expected) => {
    const [candidate] = answerOf(...frames, ...end).candidates
    const found = candidate?.blocks.map(
      (block) => block.type === 'tool-call' && [block.id, block.name, block.arguments],
    )
    expect(found).toEqual(expected)
    expect(candidate?.finish.reason).toBe('tool-calls')
  })

  test('free text', () => {
    const blocks = blocksOf(
      call({ index: 0, id: 'a', type: 'custom', custom: { name: 'c', input: 'x' } }),
      call({ index: 0, custom: { input: 'y' } }),
      ...end,
    )
    expect(blocks).toEqual([[{ type: 'tool-call', id: 'a', name: 'c', kind: 'custom', arguments: 'xy' }]])
  })

  test('thought signatures, also late ones', () => {
    const extra_content = { google: { thought_signature: 'ts' } }
    const signature = {
      dialect: 'chat-completions',
      kind: 'thought-signature',
      value: 'ts',
      maker: 'vendor/model',
    } as const
    for (const frames of [
      [call({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' }, extra_content })],
      [
        call({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }),
        call({ index: 0, extra_content }),
      ],
    ])
      expect(blocksOf(...frames, ...end)).toEqual([
        [{ type: 'tool-call', id: 'a', name: 'f', kind: 'function', arguments: '{}', signature }],
      ])
  })

  test('stop after calls means calls', () => {
    const answer = answerOf(
      call({ index: 0, id: 'a', function: { name: 'f', arguments: '{}' } }),
      chunk({}, 'stop'),
      DONE,
    )
    expect(answer.candidates[0]?.finish).toEqual({ reason: 'tool-calls', raw: 'stop' })
  })

  test('arguments for nobody are an error', () => {
    expect(errorOf(call({ index: 0, id: 'a', function: { arguments: '{}' } }), ...end).kind).toBe(
      'upstream_invalid',
    )
  })
})

describe('thinking', () => {
  const thinking = (text: string) => ({ type: 'thinking', text }) as const
  const rows: [string, Frame[], JsonObject[]][] = [
    [
      'reasoning_content',
      [chunk({ reasoning_content: 'a' }), chunk({ reasoning_content: 'b' })],
      [{ type: 'thinking', text: 'ab' }],
    ],
    ['reasoning', [chunk({ reasoning: 'a' }), chunk({ reasoning: 'b' })], [{ type: 'thinking', text: 'ab' }]],
    ['told twice', [chunk({ reasoning: 'a', reasoning_content: 'a' })], [{ type: 'thinking', text: 'a' }]],
    [
      'as content parts',
      [
        chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'a' }] }] }),
        chunk({ content: [{ type: 'text', text: 'b' }] }),
      ],
      [
        { type: 'thinking', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    ],
    [
      'as details without anything opaque',
      [chunk({ reasoning: 'a', reasoning_details: [{ type: 'reasoning.text', text: 'a', index: 0 }] })],
      [{ type: 'thinking', text: 'a' }],
    ],
  ]
  test.each(rows)('%s', (_, frames, blocks) => {
    expect(blocksOf(...frames, chunk({}, 'stop'), DONE)).toEqual([blocks as never])
  })

  test('details are put together by type and index, the signature comes last', () => {
    const detail = (members: JsonObject) =>
      chunk({ reasoning_details: [{ format: 'f', index: 0, ...members }] })
    const [blocks] = blocksOf(
      detail({ type: 'reasoning.text', text: '', signature: '' }),
      detail({ type: 'reasoning.text', text: 'a' }),
      detail({ type: 'reasoning.text', text: 'b' }),
      detail({ type: 'reasoning.text', signature: 'sig' }),
      detail({ type: 'reasoning.encrypted', data: 'blob', id: 'r' }),
      chunk({ content: 'c' }, 'stop'),
      DONE,
    )
    const opaque = blocks?.map((block) =>
      block.type === 'thinking' ? block.opaque?.map((one) => JSON.parse(one.value)) : undefined,
    )
    expect(blocks).toMatchObject([
      thinking('ab'),
      { ...thinking(''), redacted: true },
      { type: 'text', text: 'c' },
    ])
    expect(opaque).toEqual([
      [{ type: 'reasoning.text', signature: 'sig', format: 'f', index: 0 }],
      [{ type: 'reasoning.encrypted', data: 'blob', id: 'r', format: 'f', index: 0 }],
      undefined,
    ])
  })
})

describe('other content', () => {
  test('refusal', () => {
    const answer = answerOf(chunk({ refusal: 'no' }), chunk({}, 'stop'), DONE)
    expect(answer.candidates).toEqual([
      { blocks: [{ type: 'refusal', text: 'no' }], finish: { reason: 'refusal', raw: 'stop' } },
    ])
  })

  test('audio', () => {
    const [blocks] = blocksOf(
      chunk({ audio: { id: 'audio_1', transcript: 'he' } }),
      chunk({ audio: { data: 'AA' } }),
      chunk({ audio: { data: 'BB', transcript: 'llo' } }),
      chunk({ audio: { expires_at: 9 } }, 'stop'),
      DONE,
    )
    expect(blocks).toMatchObject([
      { type: 'media', kind: 'audio', source: { data: 'AABB' }, transcript: 'hello' },
    ])
  })

  test('images', () => {
    const [blocks] = blocksOf(
      chunk({ images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] }, 'stop'),
      DONE,
    )
    expect(blocks).toMatchObject([
      { type: 'media', kind: 'image', source: { mediaType: 'image/png', data: 'AA==' } },
    ])
  })

  test('annotations belong to the text, probabilities too', () => {
    const annotation = {
      type: 'url_citation',
      url_citation: { url: 'https://a', title: 't', start_index: 0, end_index: 1 },
    }
    const [blocks] = blocksOf(
      frame({ choices: [{ delta: { content: 'a' }, logprobs: { content: [{ token: 'a' }] } }] }),
      chunk({ annotations: [annotation] }, 'stop'),
      DONE,
    )
    expect(blocks).toMatchObject([
      {
        type: 'text',
        text: 'a',
        logprobs: [{ token: 'a' }],
        citations: [{ url: 'https://a', title: 't', start: 0, end: 1 }],
      },
    ])
  })

  test('unknown members of chunks, choices and deltas are kept', () => {
    const answer = answerOf(
      frame({ choices: [], prompt_filter_results: [1] }),
      frame({
        provider: 'p',
        choices: [{ delta: { content: 'a', channel: 'final' }, content_filter_results: { hate: 1 } }],
      }),
      frame({
        provider: 'p',
        moderation: { x: 1 },
        choices: [{ delta: {}, finish_reason: 'stop', content_filter_results: {} }],
      }),
      DONE,
    )
    expect(answer.extensions?.['chat-completions']).toEqual({
      'xjp:own': 'yes',
      prompt_filter_results: [1],
      provider: 'p',
      moderation: { x: 1 },
    })
    expect(answer.candidates[0]?.finish.extensions?.['chat-completions']).toEqual({
      content_filter_results: { hate: 1 },
      message: { channel: 'final' },
    })
  })
})

describe('usage is found wherever it stands', () => {
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
  const rows: [string, Frame[]][] = [
    ['after the choices', [chunk({}, 'stop'), frame({ choices: [], usage })]],
    ['with the finish', [chunk({}, 'stop', { usage })]],
    ['without choices', [chunk({}, 'stop'), frame({ usage })]],
    ['in a vendor’s own member', [chunk({}, 'stop', { usage: null, x_vendor: { usage } })]],
    [
      'twice, not added up',
      [
        chunk({ content: 'b' }, null, { usage: { prompt_tokens: 3, completion_tokens: 1 } }),
        chunk({}, 'stop', { usage }),
      ],
    ],
  ]
  test.each(rows)('%s', (_, frames) => {
    const answer = answerOf(chunk({ content: 'a' }), ...frames, DONE)
    expect(answer.usage).toMatchObject({ inputTokens: 3, outputTokens: 2 })
  })
})

describe('how it ends (protocol.md §2.12)', () => {
  const text = chunk({ content: 'a' })
  const rows: [string | null, string][] = [
    ['stop', 'stop'],
    ['length', 'length'],
    ['model_length', 'length'],
    ['content_filter', 'content-filter'],
    ['tool_calls', 'stop'],
    ['function_call', 'stop'],
    ['eos_token', 'stop'],
    ['something', 'other'],
    [null, 'stop'],
  ]
  test.each(rows)('%s is %s', (raw, reason) => {
    const [candidate] = answerOf(text, chunk({}, raw), DONE).candidates
    expect(candidate?.finish.reason).toBe(reason as never)
    expect(candidate?.finish.raw).toBe(raw ?? undefined)
  })

  test('the matched stop sequence, where the server tells', () => {
    const answer = answerOf(
      text,
      frame({ choices: [{ delta: {}, finish_reason: 'stop', stop_reason: '###' }] }),
      DONE,
    )
    expect(answer.candidates[0]?.finish).toMatchObject({ reason: 'stop-sequence', stopSequence: '###' })
  })

  test('without [DONE] but finished', () => {
    expect(answerOf(text, chunk({}, 'stop')).candidates[0]?.finish.reason).toBe('stop')
  })

  const failures: [string, Frame[], string][] = [
    ['nothing at all', [], 'upstream_invalid'],
    ['only [DONE]', [DONE], 'upstream_invalid'],
    ['broken off', [text], 'upstream_invalid'],
    ['nothing said', [chunk({ role: 'assistant' }), DONE], 'upstream_invalid'],
    [
      'one candidate of two broken off',
      [text, frame({ choices: [{ index: 1, delta: { content: 'b' }, finish_reason: 'stop' }] })],
      'upstream_invalid',
    ],
    ['finish error', [text, chunk({}, 'error'), DONE], 'upstream_failed'],
    ['out of resources', [text, chunk({}, 'insufficient_system_resource'), DONE], 'overloaded'],
    ['unknown finish without content', [chunk({}, 'something'), DONE], 'upstream_invalid'],
    ['error object', [frame({ error: { message: 'x', code: 'rate_limit_exceeded' } })], 'rate_limited'],
    ['error with a numeric code', [frame({ error: { message: 'x', code: 429 } })], 'rate_limited'],
    ['error text', [frame({ error: 'no' })], 'upstream_failed'],
    [
      'error beside choices',
      [
        frame({
          error: { code: 502, message: 'x' },
          choices: [{ delta: { content: '' }, finish_reason: 'error' }],
        }),
      ],
      'upstream_failed',
    ],
    [
      'error in a choice',
      [frame({ choices: [{ delta: {}, error: { code: 503, message: 'x' } }] })],
      'overloaded',
    ],
    [
      'named error event',
      [{ event: 'error', data: '{"message":"x","type":"overloaded_error"}' }],
      'overloaded',
    ],
    ['named error event in words', [{ event: 'error', data: 'broken' }], 'upstream_failed'],
    ['not JSON', [{ data: '<html>' }], 'upstream_invalid'],
    ['not an object', [{ data: '5' }], 'upstream_invalid'],
  ]
  test.each(failures)('%s is an error', (_, frames, kind) => {
    expect(errorOf(...frames).kind).toBe(kind as never)
  })

  test('the wording of the upstream is kept', () => {
    expect(errorOf(frame({ error: { message: 'try later', code: 503 } })).message).toBe('try later')
  })

  test('harmless things', () => {
    const answer = answerOf(
      { data: '' },
      frame({}),
      frame({ choices: null }),
      frame({ error: null, choices: [] }),
      text,
      chunk({}, 'stop'),
      { data: ' [DONE] ' },
    )
    expect(answer.candidates).toHaveLength(1)
  })

  test.each([
    [1700000000, 1700000000],
    [1700000000.7, 1700000000],
    [1700000000123, 1700000000],
    ['1700000000', 1700000000],
    [0, undefined],
  ])('created %p is %p', (created, expected) => {
    expect(
      answerOf(frame({ created, choices: [{ delta: { content: 'a' }, finish_reason: 'stop' }] }), DONE)
        .created,
    ).toBe(expected as never)
  })
})
