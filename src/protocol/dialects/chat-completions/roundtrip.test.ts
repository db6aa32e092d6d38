import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { targetWith } from '../../../../test/support/chat-completions.ts'
import type { Answer } from '../../model/answer.ts'
import type { Block } from '../../model/block.ts'
import { expand } from '../../model/expand.ts'
import { Fold, fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import type { Frame } from '../../model/machine.ts'
import type { ChatRequest, Message, Tool } from '../../model/request.ts'
import type { AnswerContext, DecodeContext } from '../dialect.ts'
import { decodeAnswer, encodeAnswer } from './answer.ts'
import { decodeRequest, encodeRequest } from './request.ts'
import { decodeStream, encodeStream } from './stream.ts'

const runs = { seed: 20261120, numRuns: 300 }
const decoding: DecodeContext = { newId: () => 'made', maker: 'vendor/model' }

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const name = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => ({ value }))
const schema = fc.constant({ type: 'object', properties: { a: { type: 'string' } } })
/** JSON knows no negative zero. */
const double = (min: number, max: number) => fc.double({ min, max, noNaN: true }).map((value) => value + 0)
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

const textBlock = word.map((text): Block => ({ type: 'text', text }))
const imageBlock = fc
  .record({ data: fc.base64String({ minLength: 4 }), detail: maybe(fc.constantFrom('low', 'high')) })
  .map(
    ({ data, detail }): Block =>
      defined({
        type: 'media',
        kind: 'image',
        source: { type: 'base64', mediaType: 'image/webp', data },
        detail,
      }),
  )
const markedText = fc
  .record({ text: word, ttl: maybe(fc.constantFrom('5m', '1h')) })
  .map(({ text, ttl }): Block => ({ type: 'text', text, cache: defined({ ttl }) }))
const thinking = fc.string().map((text): Block => ({ type: 'thinking', text }))

const functionCall = fc.record({ id: name, name, value: json }).map(
  ({ id, name, value }): Block => ({
    type: 'tool-call',
    id,
    name,
    kind: 'function',
    arguments: JSON.stringify(value),
  }),
)
const customCall = fc
  .record({ id: name, name, text: fc.string() })
  .map(({ id, name, text }): Block => ({ type: 'tool-call', id, name, kind: 'custom', arguments: text }))
const calls = fc.uniqueArray(fc.oneof(functionCall, customCall), {
  maxLength: 4,
  selector: (block) => (block.type === 'tool-call' ? block.id : ''),
})

const system: fc.Arbitrary<Message> = fc
  .array(fc.oneof(textBlock, markedText), { minLength: 1, maxLength: 3 })
  .map((content) => ({ role: 'system', content }))
const user: fc.Arbitrary<Message> = fc
  .record({
    content: fc.array(fc.oneof(textBlock, markedText, imageBlock), { minLength: 1, maxLength: 4 }),
    name: maybe(name),
  })
  .map((message) => defined({ role: 'user', ...message }))
/** An assistant turn and the results of its calls. */
const turn: fc.Arbitrary<Message[]> = fc
  .record({
    thought: thinking,
    texts: fc.array(textBlock, { maxLength: 2 }),
    calls,
    results: fc.array(textBlock),
  })
  .map(({ thought, texts, calls: made, results }) => [
    { role: 'assistant', content: [thought, ...texts, ...made] },
    ...made.map(
      (block): Message => ({
        role: 'user',
        content: [
          { type: 'tool-result', callId: block.type === 'tool-call' ? block.id : '', content: results },
        ],
      }),
    ),
  ])

const tool: fc.Arbitrary<Tool> = fc.oneof(
  fc
    .record({ name, description: maybe(word), parameters: maybe(schema), strict: maybe(fc.boolean()) })
    .map((fields): Tool => defined({ type: 'function', ...fields })),
  fc.record({ name, description: maybe(word) }).map((fields): Tool => defined({ type: 'custom', ...fields })),
)

const settings = fc.record({
  maxOutputTokens: maybe(fc.integer({ min: 1, max: 100000 })),
  temperature: maybe(double(0, 2)),
  topP: maybe(double(0, 1)),
  topK: maybe(fc.nat()),
  stop: maybe(fc.array(word, { minLength: 1, maxLength: 4 })),
  seed: maybe(fc.integer()),
  presencePenalty: maybe(double(-2, 2)),
  candidates: maybe(fc.integer({ min: 1, max: 8 })),
  logprobs: maybe(fc.boolean()),
  reasoning: maybe(fc.constantFrom('none', 'low', 'high', 'max').map((effort) => ({ effort }) as const)),
  format: maybe(
    fc.oneof(
      fc.constantFrom({ type: 'text' } as const, { type: 'json' } as const),
      fc
        .record({ name, schema, strict: maybe(fc.boolean()) })
        .map((fields) => defined({ type: 'json-schema' as const, ...fields })),
    ),
  ),
  verbosity: maybe(fc.constantFrom('low', 'high')),
  cacheKey: maybe(word),
  metadata: maybe(fc.dictionary(name, word, { maxKeys: 3 })),
  serviceTier: maybe(fc.constantFrom('auto', 'flex')),
})

const request: fc.Arbitrary<ChatRequest> = fc
  .record({
    system: fc.array(system, { maxLength: 2 }),
    turns: fc.array(
      fc.oneof(
        user.map((message) => [message]),
        turn,
      ),
      { minLength: 1, maxLength: 5 },
    ),
    tools: maybe(fc.array(tool, { minLength: 1, maxLength: 3 })),
    parallelToolCalls: maybe(fc.boolean()),
    isForced: fc.boolean(),
    settings,
    stream: fc.boolean(),
  })
  .map(({ system: first, turns, tools, parallelToolCalls, isForced, settings: fields, stream }) =>
    defined({
      model: 'm',
      stream,
      includeUsage: stream ? true : undefined,
      messages: [...first, ...turns.flat()],
      tools,
      parallelToolCalls: tools && parallelToolCalls,
      toolChoice: tools && isForced ? ({ type: 'required' } as const) : undefined,
      ...defined({ ...fields }),
    }),
  )

describe('requests', () => {
  test('what was encoded decodes to the same request (seed 20261120)', () => {
    fc.assert(
      fc.property(request, (given) => {
        const { body, dropped } = encodeRequest(given, targetWith({}, { model: 'm' }))
        expect(dropped).toEqual([])
        expect(decodeRequest(JSON.parse(JSON.stringify(body)) as JsonObject)).toEqual(given)
      }),
      runs,
    )
  })

  test('encoding changes nothing in the request', () => {
    fc.assert(
      fc.property(request, (given) => {
        const before = structuredClone(given)
        encodeRequest(
          given,
          targetWith({ customTools: false, textParts: false, toolResultMedia: false, cacheMarks: 'none' }),
        )
        expect(given).toEqual(before)
      }),
      { ...runs, numRuns: 100 },
    )
  })
})

const answerBlocks = fc
  .record({ thought: maybe(word), text: maybe(word), refusal: maybe(word), calls })
  .map(({ thought, text, refusal, calls: made }): Block[] => [
    ...(thought === undefined ? [] : [{ type: 'thinking', text: thought } as const]),
    ...(text === undefined ? [] : [{ type: 'text', text } as const]),
    ...(refusal === undefined ? [] : [{ type: 'refusal', text: refusal } as const]),
    ...made.filter(
      (block) => block.type !== 'tool-call' || block.kind === 'function' || block.arguments !== '',
    ),
  ])

const answer: fc.Arbitrary<Answer> = fc
  .record({
    candidates: fc.array(answerBlocks, { minLength: 1, maxLength: 3 }),
    usage: maybe(fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() })),
  })
  .map(({ candidates, usage }) =>
    defined({
      id: 'chatcmpl-1',
      model: 'm',
      created: 7,
      usage,
      candidates: candidates.map((blocks) => ({ blocks, finish: finishOf(blocks) })),
    }),
  )

function finishOf(blocks: Block[]): Answer['candidates'][number]['finish'] {
  if (blocks.some((block) => block.type === 'tool-call')) return { reason: 'tool-calls', raw: 'tool_calls' }
  return { reason: blocks.some((block) => block.type === 'refusal') ? 'refusal' : 'stop', raw: 'stop' }
}

const context: AnswerContext = {
  model: 'm',
  created: 1,
  id: 'fresh',
  request: decodeRequest({
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    stream_options: { include_usage: true },
  }),
  maker: 'vendor/model',
  estimatedInputTokens: 0,
  requestId: 'request',
  strict: true,
}

/** Without what only says where it came from. */
function meaning({ extensions: _, usage, ...rest }: Answer): Answer {
  if (!usage) return rest
  const { raw: __, ...counted } = usage
  return { ...rest, usage: counted }
}

function framesOf(text: string): Frame[] {
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => ({ data: event.slice('data: '.length) }))
}

describe('answers', () => {
  test('whole: what was encoded decodes to the same answer', () => {
    fc.assert(
      fc.property(answer, (given) => {
        const { body, dropped } = encodeAnswer(given, context)
        expect(dropped).toEqual([])
        expect(meaning(fold(decodeAnswer(JSON.parse(JSON.stringify(body)) as JsonObject, decoding)))).toEqual(
          given,
        )
      }),
      runs,
    )
  })

  test('streamed: the same', () => {
    fc.assert(
      fc.property(answer, (given) => {
        const machine = decodeStream(decoding)
        const frames = framesOf(encodeStream(context).push(expand(given)))
        const events = [...frames.flatMap((frame) => machine.push(frame)), ...machine.end()]
        expect(meaning(fold(events))).toEqual(given)
      }),
      runs,
    )
  })
})

/** `text` cut at these shares of its length: pieces that join to it again. */
function cut(text: string, shares: number[]): string[] {
  const places = shares.map((share) => Math.floor(share * text.length)).sort((a, b) => a - b)
  return [...places, text.length].map((place, index) => text.slice(places[index - 1] ?? 0, place))
}

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })

describe('however the deltas are cut', () => {
  const message = fc.record({
    reasoning: fc.string(),
    content: fc.string({ unit: 'binary', minLength: 1 }),
    calls: fc.array(fc.record({ name, text: fc.string({ minLength: 1 }) }), { maxLength: 3 }),
  })

  test('the answer is the one told whole', () => {
    fc.assert(
      fc.property(message, shares, fc.boolean(), ({ reasoning, content, calls: made }, at, isInterleaved) => {
        const tool_calls = made.map(({ name: tool, text }, index) => ({
          id: `call_${index}`,
          type: 'function',
          function: { name: tool, arguments: text },
        }))
        const body = { role: 'assistant', reasoning_content: reasoning, content, tool_calls }
        const whole = fold(
          decodeAnswer({ choices: [{ index: 0, message: body, finish_reason: 'stop' }] }, decoding),
        )
        const fragments = tool_calls.map((call, index) =>
          cut(call.function.arguments, at).map((piece, number) =>
            number === 0
              ? { ...call, index, function: { ...call.function, arguments: piece } }
              : { index, function: { arguments: piece } },
          ),
        )
        const ordered = isInterleaved ? interleave(fragments) : fragments.flat()
        const deltas: JsonObject[] = [
          ...cut(reasoning, at).map((piece) => ({ reasoning_content: piece })),
          ...cut(content, at).map((piece) => ({ content: piece })),
          ...ordered.map((fragment) => ({ tool_calls: [fragment as JsonObject] })),
        ]
        expect(streamed(deltas)).toEqual(whole.candidates)
      }),
      runs,
    )
  })
})

function interleave<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, place) =>
    lists.flatMap((list) => list.slice(place, place + 1)),
  ).flat()
}

function streamed(deltas: JsonObject[]) {
  const machine = decodeStream(decoding)
  const state = new Fold()
  for (const delta of deltas)
    state.push(machine.push({ data: JSON.stringify({ choices: [{ index: 0, delta }] }) }))
  state.push(
    machine.push({ data: JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) }),
  )
  state.push(machine.end())
  if (state.error) throw state.error
  return state.answer.candidates
}

describe('whatever comes', () => {
  test('a decoder never throws and never goes on after the end', () => {
    const junk = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({
          choices: fc.array(
            fc.record({
              index: fc.oneof(fc.nat(3), fc.jsonValue()),
              delta: fc.oneof(
                fc.jsonValue(),
                fc.record({
                  content: fc.jsonValue(),
                  tool_calls: fc.jsonValue(),
                  reasoning_details: fc.jsonValue(),
                }),
              ),
              finish_reason: fc.jsonValue(),
              logprobs: fc.jsonValue(),
            }),
          ),
          usage: fc.jsonValue(),
        })
        .map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(fc.array(junk, { maxLength: 6 }), (datas) => {
        const machine = decodeStream(decoding)
        const events = [...datas.flatMap((data) => machine.push({ data })), ...machine.end()]
        const ends = events.filter((event) => event.type === 'answer-end' || event.type === 'answer-error')
        expect(ends).toHaveLength(1)
        expect(events.at(-1)).toBe(ends[0] as never)
        expect(machine.end()).toEqual([])
      }),
      { ...runs, numRuns: 1000 },
    )
  })
})
