import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { answerContext, decodeContext, MAKER, targetWith } from '../../../../test/support/messages.ts'
import type { Block } from '../../model/block.ts'
import { fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest, Message, Tool, ToolChoice } from '../../model/request.ts'
import { decodeAnswer, encodeAnswer } from './answer.ts'
import { decodeRequest } from './request.ts'
import { encodeRequest } from './request-encode.ts'

const words = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== '')
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/)
const object = fc
  .dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((value) => JSON.parse(JSON.stringify(value)) as JsonObject)

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** Absent members are absent, not undefined. */
function compact<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T
}

const text: fc.Arbitrary<Block> = words.map((said) => ({ type: 'text', text: said }))
const image: fc.Arbitrary<Block> = fc.constantFrom<Block>(
  { type: 'media', kind: 'image', source: { type: 'url', url: 'https://x/y' } },
  { type: 'media', kind: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } },
  { type: 'media', kind: 'image', source: { type: 'file', id: 'file_1', dialect: 'messages' } },
)
const document: fc.Arbitrary<Block> = fc
  .record({
    said: words,
    title: optional(words),
    context: optional(words),
    citations: optional(fc.boolean()),
  })
  .map(({ said, ...more }) =>
    compact<Block>({
      type: 'media',
      kind: 'document',
      source: { type: 'text', mediaType: 'text/plain', text: said },
      ...more,
    }),
  )
const native: fc.Arbitrary<Block> = object.map((wire) => ({
  type: 'unknown',
  dialect: 'messages',
  wire: { ...wire, type: 'container_upload', cache_control: undefined },
}))
const thinking: fc.Arbitrary<Block> = fc
  .record({ said: words, signature: id })
  .map(({ said, signature }) => ({
    type: 'thinking',
    text: said,
    opaque: [{ dialect: 'messages', kind: 'signature', value: signature }],
  }))
const redacted: fc.Arbitrary<Block> = id.map((value) => ({
  type: 'thinking',
  text: '',
  redacted: true,
  opaque: [{ dialect: 'messages', kind: 'redacted', value }],
}))

/** One round: a question, calls with their results in any order, an answer in words. */
const round: fc.Arbitrary<Message[]> = fc
  .record({
    question: fc.array(fc.oneof(text, image, document, native), { minLength: 1, maxLength: 3 }),
    thoughts: fc.array(fc.oneof(thinking, redacted), { maxLength: 2 }),
    calls: fc.uniqueArray(
      fc.record({
        id,
        input: object,
        failed: optional(fc.boolean()),
        result: fc.array(fc.oneof(text, image), { maxLength: 2 }),
      }),
      {
        minLength: 1,
        maxLength: 3,
        selector: (call) => call.id,
      },
    ),
    answer: text,
  })
  .map(({ question, thoughts, calls, answer }) => [
    { role: 'user', content: question },
    {
      role: 'assistant',
      content: [
        ...thoughts,
        ...calls.map(
          (call): Block => ({
            type: 'tool-call',
            id: call.id,
            name: 'f',
            kind: 'function',
            arguments: JSON.stringify(call.input),
          }),
        ),
      ],
    },
    {
      role: 'user',
      content: calls
        .map(
          (call): Block =>
            compact({ type: 'tool-result', callId: call.id, content: call.result, isError: call.failed }),
        )
        .reverse(),
    },
    { role: 'assistant', content: [answer] },
  ])

const tools: Tool[] = [
  {
    type: 'function',
    name: 'f',
    description: 'd',
    parameters: { type: 'object', properties: {} },
    strict: true,
    cache: {},
  },
  { type: 'provider', dialect: 'messages', name: 'bash', wire: { type: 'bash_20250124', name: 'bash' } },
]

const request: fc.Arbitrary<ChatRequest> = fc
  .record({
    system: optional(fc.array(text, { minLength: 1, maxLength: 2 })),
    rounds: fc.array(round, { maxLength: 3 }),
    last: fc.array(fc.oneof(text, image, document), { minLength: 1, maxLength: 2 }),
    settings: fc.record({
      stream: fc.boolean(),
      maxOutputTokens: fc.integer({ min: 3000, max: 60_000 }),
      temperature: optional(fc.double({ min: 0, max: 1, noNaN: true })),
      topP: optional(fc.double({ min: 0, max: 1, noNaN: true })),
      topK: optional(fc.nat(100)),
      stop: optional(fc.array(words, { minLength: 1, maxLength: 3 })),
      endUser: optional(words),
      serviceTier: optional(fc.constantFrom('auto', 'default')),
      cache: optional(fc.constantFrom({}, { ttl: '1h' })),
      toolChoice: optional(
        fc.constantFrom<ToolChoice>(
          { type: 'auto' },
          { type: 'required' },
          { type: 'none' },
          { type: 'tool', name: 'f' },
        ),
      ),
      format: optional(
        fc.constant({
          type: 'json-schema' as const,
          schema: { type: 'object', properties: {}, additionalProperties: false },
        }),
      ),
    }),
  })
  .map(({ system, rounds, last, settings }) => ({
    model: 'm',
    tools,
    messages: [
      ...(system ? [{ role: 'system' as const, content: system }] : []),
      ...rounds.flat(),
      { role: 'user' as const, content: last },
    ],
    ...compact(settings),
    ...(settings.toolChoice && settings.toolChoice.type !== 'none' ? { parallelToolCalls: false } : {}),
  }))

describe('there and back', () => {
  test('a request means the same after encode and decode, and nothing is reported', () => {
    fc.assert(
      fc.property(request, (original) => {
        const { body, dropped } = encodeRequest(original, targetWith({}, { model: 'm' }))
        expect(dropped).toEqual([])
        expect(decodeRequest(JSON.parse(JSON.stringify(body)) as JsonObject)).toEqual(original)
      }),
      { numRuns: 300, seed: 11 },
    )
  })

  const count = fc.nat(10_000)
  const content = fc.array(
    fc.oneof(
      words.map((said): JsonObject => ({ type: 'text', text: said })),
      fc.record({ said: words, title: words }).map(
        ({ said, title }): JsonObject => ({
          type: 'text',
          text: said,
          citations: [
            {
              type: 'web_search_result_location',
              url: 'https://x',
              title,
              encrypted_index: 'e',
              cited_text: said,
            },
          ],
        }),
      ),
      fc
        .record({ said: words, signature: id })
        .map(({ said, signature }): JsonObject => ({ type: 'thinking', thinking: said, signature })),
      id.map((data): JsonObject => ({ type: 'redacted_thinking', data })),
      fc.record({ id, name: id, input: object }).map((call): JsonObject => ({ type: 'tool_use', ...call })),
      fc
        .record({ id, input: object })
        .map((call): JsonObject => ({ type: 'server_tool_use', name: 'web_search', ...call })),
      object.map(
        (found): JsonObject => ({ type: 'web_search_tool_result', tool_use_id: 's', content: found }),
      ),
    ),
    { maxLength: 5 },
  )
  const answer = fc
    .record({
      content,
      stop_reason: fc.constantFrom(
        'end_turn',
        'max_tokens',
        'stop_sequence',
        'pause_turn',
        'refusal',
        'model_context_window_exceeded',
        'compaction',
        'tool_use',
      ),
      usage: fc.record({
        input_tokens: count,
        cache_creation_input_tokens: count,
        cache_read_input_tokens: count,
        cache_creation: fc.record({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count }),
        output_tokens: count,
        service_tier: fc.constant('standard'),
      }),
      container: object,
    })
    .map(
      (body): JsonObject => ({
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        stop_sequence: null,
        stop_details: null,
        ...body,
      }),
    )

  test('an answer is the same after decode and encode', () => {
    fc.assert(
      fc.property(answer, (original) => {
        const decoded = fold(decodeAnswer(original, decodeContext()))
        const { body, dropped } = encodeAnswer(
          decoded,
          answerContext({ model: 'm', strict: true, maker: MAKER }),
        )
        expect({ body, dropped }).toEqual({ body: original, dropped: [] })
      }),
      { numRuns: 400, seed: 12 },
    )
  })
})
