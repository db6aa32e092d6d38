import { describe, expect, test } from 'bun:test'
import type { Answer, Candidate } from '../../model/answer.ts'
import type { Block } from '../../model/block.ts'
import { unwrapOpaque } from '../../model/envelope.ts'
import { GatewayError } from '../../model/error.ts'
import { expand } from '../../model/expand.ts'
import type { Finish } from '../../model/finish.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { AnswerContext } from '../dialect.ts'
import { encodeAnswer } from './answer.ts'
import { wireToolName } from './names.ts'
import { decodeRequest } from './request.ts'
import { encodeStream } from './stream.ts'

function context(request: JsonObject = {}, strict = false): AnswerContext {
  return {
    model: 'public',
    created: 5,
    id: 'fresh',
    request: decodeRequest({ model: 'public', messages: [{ role: 'user', content: 'x' }], ...request }),
    maker: 'vendor/model',
    estimatedInputTokens: 0,
    requestId: 'request',
    strict,
  }
}

function answer(blocks: Block[], finish: Finish = { reason: 'stop' }, more: Partial<Answer> = {}): Answer {
  return { candidates: [{ blocks, finish }], ...more }
}

interface Choice extends JsonObject {
  message: JsonObject
}

function whole(given: Answer, to = context()): Choice {
  const { choices } = encodeAnswer(given, to).body as { choices: Choice[] }
  return choices[0] as Choice
}

function chunks(given: Answer, to = context()): JsonObject[] {
  const text = encodeStream(to).push(expand(given))
  const datas = text.split('\n\n').filter((event) => event !== '')
  expect(datas.at(-1)).toBe('data: [DONE]')
  return datas.slice(0, -1).map((event) => JSON.parse(event.slice('data: '.length)) as JsonObject)
}

function deltas(given: Answer, to = context()): unknown[] {
  return chunks(given, to).flatMap((chunk) =>
    (chunk['choices'] as JsonObject[]).map((choice) => choice['delta']),
  )
}

const text: Block = { type: 'text', text: 'hi' }
const call: Block = { type: 'tool-call', id: 'a', name: 'f', kind: 'function', arguments: '{"x":1}' }

describe('a whole answer', () => {
  test('has the members the SDK expects', () => {
    expect(encodeAnswer(answer([text]), context()).body).toEqual({
      id: 'chatcmpl-fresh',
      object: 'chat.completion',
      created: 5,
      model: 'public',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'hi', refusal: null },
          finish_reason: 'stop',
          logprobs: null,
        },
      ],
    })
  })

  const content: [string, Block[], JsonObject][] = [
    ['text in several blocks', [text, { type: 'text', text: '!' }], { content: 'hi!' }],
    ['nothing', [], { content: '' }],
    ['only calls', [call], { content: null }],
    ['text and calls', [text, call], { content: 'hi' }],
    ['refusal', [{ type: 'refusal', text: 'no' }], { content: null, refusal: 'no' }],
    ['thinking', [{ type: 'thinking', text: 'hm' }, text], { content: 'hi', reasoning_content: 'hm' }],
    [
      'image',
      [{ type: 'media', kind: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AA' } }],
      { content: null, images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }] },
    ],
    [
      'audio',
      [
        {
          type: 'media',
          kind: 'audio',
          source: { type: 'base64', mediaType: 'audio/wav', data: 'AA' },
          transcript: 'a',
        },
      ],
      { content: null, audio: { data: 'AA', transcript: 'a' } },
    ],
  ]
  test.each(content)('%s', (_, blocks, expected) => {
    expect(whole(answer(blocks)).message).toMatchObject(expected)
  })

  test.each([
    ['chatcmpl-x', 'chatcmpl-x'],
    ['gen-x', 'gen-x'],
    ['msg_x', 'chatcmpl-fresh'],
    [undefined, 'chatcmpl-fresh'],
  ])('id %p is %p', (id, shown) => {
    expect(encodeAnswer(answer([text], undefined, { id }), context()).body['id']).toBe(shown)
  })

  const finishes: [Finish, Block[], string][] = [
    [{ reason: 'stop' }, [text], 'stop'],
    [{ reason: 'stop' }, [call], 'tool_calls'],
    [{ reason: 'tool-calls' }, [call], 'tool_calls'],
    [{ reason: 'tool-calls' }, [text], 'stop'],
    [{ reason: 'length' }, [call], 'length'],
    [{ reason: 'context-window' }, [text], 'length'],
    [{ reason: 'stop-sequence' }, [text], 'stop'],
    [{ reason: 'content-filter' }, [text], 'content_filter'],
    [{ reason: 'refusal', raw: 'refusal' }, [text], 'content_filter'],
    [{ reason: 'refusal', raw: 'stop' }, [{ type: 'refusal', text: 'no' }], 'stop'],
    [{ reason: 'pause', raw: 'pause_turn' }, [text], 'stop'],
    [{ reason: 'other' }, [text], 'stop'],
  ]
  test.each(finishes)('%j is shown as a legal word', (finish, blocks, word) => {
    expect(whole(answer(blocks, finish))['finish_reason']).toBe(word)
    expect(chunks(answer(blocks, finish)).at(-1)).toMatchObject({ choices: [{ finish_reason: word }] })
  })

  test('the vendor’s own word stands beside it', () => {
    expect(whole(answer([text], { reason: 'pause', raw: 'pause_turn' }))['native_finish_reason']).toBe(
      'pause_turn',
    )
  })

  test('a refusal of another wire shows its explanation', () => {
    const finish: Finish = { reason: 'refusal', raw: 'refusal', explanation: 'because' }
    expect(whole(answer([], finish)).message['refusal']).toBe('because')
    expect(deltas(answer([], finish))).toContainEqual({ refusal: 'because' })
  })

  test('citations with a page become annotations, others are reported', () => {
    const blocks: Block[] = [
      text,
      {
        type: 'text',
        text: 'cited',
        citations: [{ url: 'https://a', title: 't', quote: 'q' }, { title: 'no page' }],
      },
    ]
    const { body, dropped } = encodeAnswer(answer(blocks), context())
    const annotation = {
      type: 'url_citation',
      url_citation: { url: 'https://a', title: 't', start_index: 2, end_index: 7, content: 'q' },
    }
    expect(body).toMatchObject({ choices: [{ message: { annotations: [annotation] } }] })
    expect(dropped).toMatchObject([{ path: 'choices[0].content[1].citations[1]' }])
    expect(deltas(answer(blocks))).toContainEqual({ annotations: [annotation] })
  })
})

describe('opaque state rides in reasoning_details and extra_content (§2.8.2)', () => {
  const signature: Opaque = { dialect: 'messages', kind: 'signature', value: 'sig' }
  const redacted: Opaque = { dialect: 'messages', kind: 'redacted', value: 'r' }
  const encrypted: Opaque = { dialect: 'responses', kind: 'encrypted', value: 'e' }
  const blocks: Block[] = [
    { type: 'thinking', text: 'hm', opaque: [signature] },
    { type: 'thinking', text: '', redacted: true, opaque: [redacted] },
    { type: 'thinking', text: 'sum', summary: true, opaque: [encrypted] },
    { ...call, signature: { dialect: 'generate-content', kind: 'thought-signature', value: 'ts' } } as Block,
  ]

  test('in envelopes that name the maker, and come back as they were', () => {
    const { message } = whole(answer(blocks))
    expect(message['reasoning_details']).toMatchObject([
      { type: 'reasoning.text', text: 'hm', index: 0 },
      { type: 'reasoning.encrypted', index: 1 },
      { type: 'reasoning.summary', summary: 'sum', index: 2 },
      { type: 'reasoning.encrypted', index: 2 },
    ])
    const [first] = message['reasoning_details'] as { signature: string }[]
    expect(unwrapOpaque(first?.signature ?? '', 'chat-completions', 'reasoning-details')).toEqual({
      ...signature,
      maker: 'vendor/model',
    })
    const [returned] = decodeRequest({ model: 'm', messages: [message] }).messages
    const made = (opaque: Opaque) => ({ ...opaque, maker: 'vendor/model' })
    expect(returned?.content).toEqual([
      { type: 'thinking', text: 'hm', opaque: [made(signature)] },
      { type: 'thinking', text: '', redacted: true, opaque: [made(redacted)] },
      { type: 'thinking', text: 'sum', summary: true, opaque: [made(encrypted)] },
      {
        ...call,
        signature: made({ dialect: 'generate-content', kind: 'thought-signature', value: 'ts' }),
      } as Block,
    ])
  })

  test('streamed the same', () => {
    const details = deltas(answer(blocks)).flatMap(
      (delta) => (delta as JsonObject)['reasoning_details'] ?? [],
    )
    expect(details).toEqual(whole(answer(blocks)).message['reasoning_details'] as Json[])
  })

  test('not shown where thoughts are unwanted', () => {
    const to = context({ reasoning: { exclude: true } })
    expect(whole(answer([blocks[0] as Block, text]), to).message).toEqual({
      role: 'assistant',
      content: 'hi',
      refusal: null,
    })
    expect(JSON.stringify(chunks(answer([blocks[0] as Block, text]), to))).not.toContain('reasoning')
  })
})

describe('a stream', () => {
  test('role first, one id, one finish, usage only if asked', () => {
    const usage = { inputTokens: 3, outputTokens: 2 }
    const given = answer([text], { reason: 'stop' }, { id: 'gen-1', created: 9, usage })
    const asked = chunks(given, context({ stream: true, stream_options: { include_usage: true } }))
    expect(asked.map(({ choices, usage: shown }) => ({ choices, usage: shown }))).toEqual([
      {
        choices: [
          {
            index: 0,
            delta: { role: 'assistant', content: '', refusal: null },
            logprobs: null,
            finish_reason: null,
          },
        ],
        usage: null,
      },
      { choices: [{ index: 0, delta: { content: 'hi' }, logprobs: null, finish_reason: null }], usage: null },
      { choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], usage: null },
      { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
    ])
    for (const chunk of asked)
      expect(chunk).toMatchObject({
        id: 'gen-1',
        object: 'chat.completion.chunk',
        created: 9,
        model: 'public',
      })
    expect(chunks(given).every((chunk) => !('usage' in chunk))).toBe(true)
  })

  test('no usage is invented', () => {
    const asked = chunks(answer([text]), context({ stream: true, stream_options: { include_usage: true } }))
    expect(asked.every((chunk) => chunk['usage'] === null)).toBe(true)
  })

  test('calls are numbered by themselves; id, type and name come once', () => {
    const second: Block = { type: 'tool-call', id: 'b', name: 'g', kind: 'custom', arguments: 'raw' }
    expect(deltas(answer([text, call, second])).slice(2, -1)).toEqual([
      { tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] },
      { tool_calls: [{ index: 1, id: 'b', type: 'custom', custom: { name: 'g', input: '' } }] },
      { tool_calls: [{ index: 1, custom: { input: 'raw' } }] },
    ])
  })

  test('every candidate has its own role, counters and finish', () => {
    const candidate = (block: Block): Candidate => ({ blocks: [block], finish: { reason: 'stop' } })
    const given: Answer = { candidates: [candidate(call), candidate(call)] }
    const seen = chunks(given).flatMap((chunk) => chunk['choices'] as JsonObject[])
    for (const index of [0, 1]) {
      const own = seen.filter((choice) => choice['index'] === index)
      expect(own[0]?.['delta']).toMatchObject({ role: 'assistant' })
      expect(own[1]?.['delta']).toMatchObject({ tool_calls: [{ index: 0 }] })
      expect(own.filter((choice) => choice['finish_reason'] === 'tool_calls')).toHaveLength(1)
    }
  })

  test('an error ends it without a finish and without [DONE]', () => {
    const encoder = encodeStream(context())
    const begun = encoder.push([
      { type: 'answer-start' },
      { type: 'block-start', index: 0, block: { type: 'text', text: '' } },
      { type: 'answer-error', error: new GatewayError('overloaded', 'busy') },
    ])
    expect(
      begun.endsWith(
        'data: {"error":{"message":"busy","type":"server_error","param":null,"code":"overloaded"}}\n\n',
      ),
    ).toBe(true)
    expect(begun).not.toContain('[DONE]')
    expect(begun).not.toContain('"finish_reason":"')
  })
})

describe('clients who asked in another way', () => {
  const custom = { tools: [{ type: 'custom', custom: { name: 'patch' } }] }
  const bridged: Block = {
    type: 'tool-call',
    id: 'a',
    name: 'patch',
    kind: 'function',
    arguments: '{"input":"a\\nb"}',
  }

  test('bridged custom tools come back as custom calls', () => {
    const expected = { id: 'a', type: 'custom', custom: { name: 'patch', input: 'a\nb' } }
    expect(whole(answer([bridged]), context(custom)).message['tool_calls']).toEqual([expected])
    expect(deltas(answer([bridged]), context(custom)).slice(1, 3)).toEqual([
      { tool_calls: [{ index: 0, id: 'a', type: 'custom', custom: { name: 'patch', input: '' } }] },
      { tool_calls: [{ index: 0, custom: { input: 'a\nb' } }] },
    ])
  })

  test('changed names come back as they were', () => {
    const tools = [{ type: 'function', function: { name: 'geo.search' } }]
    const shown: Block = {
      type: 'tool-call',
      id: 'a',
      name: wireToolName('geo.search'),
      kind: 'function',
      arguments: '{}',
    }
    const { message } = whole(answer([shown]), context({ tools }))
    expect(message['tool_calls']).toMatchObject([{ function: { name: 'geo.search' } }])
  })

  test('the deprecated function_call', () => {
    const legacy = context({ functions: [{ name: 'f' }] })
    const choice = whole(answer([call], { reason: 'tool-calls' }), legacy)
    expect(choice.message['function_call']).toEqual({ name: 'f', arguments: '{"x":1}' })
    expect(choice.message).not.toHaveProperty('tool_calls')
    expect(choice['finish_reason']).toBe('function_call')
    expect(deltas(answer([call]), legacy).slice(1, 3)).toEqual([
      { function_call: { name: 'f', arguments: '' } },
      { function_call: { arguments: '{"x":1}' } },
    ])
  })
})

describe('content without a place', () => {
  const rows: [string, Block][] = [
    [
      'blocks of another dialect',
      { type: 'unknown', dialect: 'messages', wire: { type: 'container_upload' } },
    ],
    ['documents', { type: 'media', kind: 'document', source: { type: 'url', url: 'https://a/b' } }],
    [
      'calls the provider ran',
      { type: 'tool-call', id: 's', name: 'web_search', kind: 'server', arguments: '{}' },
    ],
    ['results', { type: 'tool-result', callId: 's', content: [] }],
  ]
  test.each(rows)('%s are left out and told, or refused when output is strict', (_, block) => {
    const { dropped } = encodeAnswer(answer([text, block]), context())
    expect(dropped).toMatchObject([{ path: 'choices[0].content[1]', how: 'dropped' }])
    const encoder = encodeStream(context())
    encoder.push(expand(answer([text, block])))
    expect(encoder.dropped).toEqual(dropped)
    expect(() => encodeAnswer(answer([text, block]), context({}, true))).toThrow(GatewayError)
    expect(() => encodeStream(context({}, true)).push(expand(answer([text, block])))).toThrow('strict')
  })

  test('thinking always has a place', () => {
    expect(() => encodeAnswer(answer([{ type: 'thinking', text: 'hm' }]), context({}, true))).not.toThrow()
  })
})
