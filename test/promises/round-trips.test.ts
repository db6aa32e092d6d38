import { afterAll, describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { chatCompletions } from '../../src/protocol/dialects/chat-completions/dialect.ts'
import type {
  AnswerContext,
  ClientSide,
  Dialect,
  UpstreamTarget,
} from '../../src/protocol/dialects/dialect.ts'
import { messages } from '../../src/protocol/dialects/messages/dialect.ts'
import type { Answer } from '../../src/protocol/model/answer.ts'
import type { Block } from '../../src/protocol/model/block.ts'
import type { AnswerEvent } from '../../src/protocol/model/event.ts'
import { expand } from '../../src/protocol/model/expand.ts'
import type { Finish } from '../../src/protocol/model/finish.ts'
import { fold } from '../../src/protocol/model/fold.ts'
import type { JsonObject } from '../../src/protocol/model/json.ts'
import { capabilitiesOf } from '../../src/providers/capabilities.ts'
import { SseFramer } from '../../src/upstream/sse.ts'
import { parseJson } from '../rig/json.ts'
import {
  asChat,
  asMessages,
  conversations,
  itemsOfChat,
  itemsOfMessages,
  toolsOfChat,
  toolsOfMessages,
} from './support/conversations.ts'
import { figure, size } from './support/figure.ts'

/** A14 translation between dialects keeps tool-call arguments, ids, order and stop reason. */

/** Nine properties share the promise's 50,000 cases. */
const RUNS = size(5_600, 28_000)
const SEED = 14

function upstreamTarget(
  provider: string,
  dialect: 'chat-completions' | 'messages',
  model: string,
): UpstreamTarget {
  return {
    model,
    maker: `${provider}/${model}`,
    capabilities: capabilitiesOf(provider, dialect, model),
    documentPolicy: 'passthrough',
    thinkingMap: [],
  }
}

const chatTarget = upstreamTarget('openai', 'chat-completions', 'gpt-4.1')
const messagesTarget = upstreamTarget('anthropic', 'messages', 'claude-sonnet-4-5')

function clientOf(dialect: Dialect): ClientSide {
  if (!dialect.client) throw new Error(`${dialect.name} has no client side`)
  return dialect.client
}

/** A body of one dialect as an upstream of the other would get it, with nothing reported lost. */
function carry(from: Dialect, to: Dialect, target: UpstreamTarget, body: unknown): JsonObject {
  const request = clientOf(from).decodeRequest(body as JsonObject)
  const { body: carried, dropped } = to.upstream.encodeRequest(request, target)
  expect(dropped.filter(({ path }) => path.startsWith('messages') || path.startsWith('tool'))).toEqual([])
  // As it goes over the wire.
  return parseJson(JSON.stringify(carried)) as JsonObject
}

let n = 0
let same = 0
afterAll(() => figure('A14', { n, seed: SEED, differences: n - same }))

/** Runs one property of the promise on generated cases and counts them. */
function holds<T extends unknown[]>(cases: fc.Arbitrary<T>, check: (...values: T) => void): void {
  fc.assert(
    fc.property(cases, (values) => {
      n += 1
      check(...values)
      same += 1
    }),
    { numRuns: RUNS, seed: SEED },
  )
}

describe('A14: requests', () => {
  test('chat → messages: the same things are said and done in the same order', () => {
    holds(fc.tuple(conversations), (conversation) => {
      const wire = asChat(conversation)
      const carried = carry(chatCompletions, messages, messagesTarget, wire)
      expect(itemsOfMessages(carried)).toEqual(itemsOfChat(wire))
      expect(toolsOfMessages(carried)).toEqual(toolsOfChat(wire))
    })
  })

  test('messages → chat: the same things are said and done in the same order', () => {
    holds(fc.tuple(conversations), (conversation) => {
      const wire = asMessages(conversation)
      const carried = carry(messages, chatCompletions, chatTarget, wire)
      expect(itemsOfChat(carried)).toEqual(itemsOfMessages(wire))
      expect(toolsOfChat(carried)).toEqual(toolsOfMessages(wire))
    })
  })

  test('chat → messages → chat', () => {
    holds(fc.tuple(conversations), (conversation) => {
      const wire = asChat(conversation)
      const there = carry(chatCompletions, messages, messagesTarget, wire)
      const back = carry(messages, chatCompletions, chatTarget, there)
      expect(itemsOfChat(back)).toEqual(itemsOfChat(wire))
      expect(toolsOfChat(back)).toEqual(toolsOfChat(wire))
    })
  })

  test('messages → chat → messages', () => {
    holds(fc.tuple(conversations), (conversation) => {
      const wire = asMessages(conversation)
      const there = carry(messages, chatCompletions, chatTarget, wire)
      const back = carry(chatCompletions, messages, messagesTarget, there)
      expect(itemsOfMessages(back)).toEqual(itemsOfMessages(wire))
      expect(toolsOfMessages(back)).toEqual(toolsOfMessages(wire))
    })
  })
})

const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
const call = fc
  .record({
    id: fc.stringMatching(/^[a-zA-Z0-9_-]{6,30}$/),
    name: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_-]{0,20}$/),
    input: fc.dictionary(words, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
  })
  .map(
    ({ id, name, input }): Block => ({
      type: 'tool-call',
      kind: 'function',
      id,
      name,
      arguments: JSON.stringify(input),
    }),
  )

/** What both client dialects have a word for. */
const reasons: readonly Finish['reason'][] = ['stop', 'length', 'tool-calls']

const answers: fc.Arbitrary<Answer> = fc
  .record({
    said: fc.option(words, { nil: undefined }),
    calls: fc.uniqueArray(call, { maxLength: 4, selector: (block) => (block as { id: string }).id }),
    reason: fc.constantFrom(...reasons),
    tokens: fc.nat(100_000),
  })
  .map(({ said, calls, reason, tokens }) => {
    const spoken: Block[] =
      said === undefined && calls.length > 0 ? [] : [{ type: 'text', text: said ?? 'x' }]
    return {
      id: 'answer-1',
      model: 'upstream',
      created: 1_790_000_000,
      candidates: [
        {
          blocks: [...spoken, ...calls],
          finish: { reason: calls.length > 0 ? 'tool-calls' : reason === 'tool-calls' ? 'stop' : reason },
        },
      ],
      usage: { inputTokens: tokens, outputTokens: tokens + 1 },
    }
  })

const context: AnswerContext = {
  model: 'public',
  created: 1_790_000_000,
  id: 'abcdefghijklmnopqrstuvwx',
  request: { model: 'public', stream: true, messages: [], includeUsage: true },
  maker: 'rig/upstream',
  estimatedInputTokens: 1,
  requestId: 'req_1',
  strict: true,
}

/** What of an answer must survive. */
function essence(answer: Answer): unknown {
  const [candidate] = answer.candidates
  const blocks = candidate?.blocks ?? []
  return {
    text: blocks.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    calls: blocks.flatMap((block) =>
      block.type === 'tool-call' ? [[block.id, block.name, parseJson(block.arguments)]] : [],
    ),
    reason: candidate?.finish.reason,
    tokens: [answer.usage?.inputTokens, answer.usage?.outputTokens],
  }
}

let counter = 0
const decodeContext = { newId: () => `id${(counter += 1)}`, maker: 'rig/upstream' }

/** Through a client's stream and back, in batches and reads of any size. */
function streamed(dialect: Dialect, answer: Answer, batch: number, read: number): Answer {
  const encoder = clientOf(dialect).encodeStream(context)
  const events = expand(answer)
  let wire = ''
  for (let at = 0; at < events.length; at += batch) wire += encoder.push(events.slice(at, at + batch))
  const bytes = new TextEncoder().encode(wire)
  const framer = new SseFramer()
  const decoder = dialect.upstream.decodeStream(decodeContext)
  const decoded: AnswerEvent[] = []
  for (let at = 0; at < bytes.length; at += read)
    for (const frame of framer.push(bytes.slice(at, at + read)).frames) decoded.push(...decoder.push(frame))
  decoded.push(...decoder.end())
  return fold(decoded)
}

function whole(dialect: Dialect, answer: Answer): Answer {
  const { body } = clientOf(dialect).encodeAnswer(answer, {
    ...context,
    request: { ...context.request, stream: false },
  })
  return fold(dialect.upstream.decodeAnswer(parseJson(JSON.stringify(body)) as JsonObject, decodeContext))
}

describe.each([chatCompletions, messages])('A14: answers of $name', (dialect) => {
  test('whole', () => {
    holds(fc.tuple(answers), (answer) => {
      expect(essence(whole(dialect, answer))).toEqual(essence(answer))
    })
  })

  test('streamed, in any pieces', () => {
    const sizes = [fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 400 })] as const
    holds(fc.tuple(answers, ...sizes), (answer, batch, read) => {
      expect(essence(streamed(dialect, answer, batch, read))).toEqual(essence(answer))
    })
  })
})

test('A14: an answer through both dialects, one after the other', () => {
  holds(fc.tuple(answers), (answer) => {
    const there = streamed(messages, answer, 2, 64)
    expect(essence(streamed(chatCompletions, there, 1, 50))).toEqual(essence(answer))
  })
})
