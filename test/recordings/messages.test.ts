import { describe, expect, test } from 'bun:test'
import { createParser } from 'eventsource-parser'
import type { AnswerContext } from '../../src/protocol/dialects/dialect.ts'
import { decodeCountRequest } from '../../src/protocol/dialects/messages/count-tokens.ts'
import { messages } from '../../src/protocol/dialects/messages/dialect.ts'
import { grammarFault } from '../../src/protocol/dialects/messages/grammar.ts'
import type { AnswerEvent } from '../../src/protocol/model/event.ts'
import { fold } from '../../src/protocol/model/fold.ts'
import { isObject, type Json, type JsonObject } from '../../src/protocol/model/json.ts'
import type { Frame } from '../../src/protocol/model/machine.ts'
import { answerContext, decodeContext, framesOf, targetWith } from '../support/messages.ts'
import { haveRecordings, recordedFiles, recordings, recordingsFolder } from './load.ts'

const { client, upstream } = messages
if (client === undefined) throw new Error('the dialect has no client side')

/** Leaves of `original` (path and value) that `copy` has not. Empty objects and arrays have no leaves. */
function missing(original: Json | undefined, copy: Json | undefined, path = ''): string[] {
  if (Array.isArray(original))
    return original.flatMap((entry, index) =>
      missing(entry, Array.isArray(copy) ? copy[index] : undefined, `${path}[${index}]`),
    )
  if (isObject(original))
    return Object.entries(original).flatMap(([key, value]) =>
      missing(value, isObject(copy) ? copy[key] : undefined, path === '' ? key : `${path}.${key}`),
    )
  return original === undefined || original === copy
    ? []
    : [`${path} = ${JSON.stringify(original)?.slice(0, 80)}`]
}

function parse(text: string): JsonObject {
  const value: unknown = JSON.parse(text)
  if (!isObject(value)) throw new Error('not a JSON object')
  return value
}

function framesFromWire(body: string): Frame[] {
  const frames: Frame[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => {
      frames.push(event === undefined ? { data } : { event, data })
    },
  })
  parser.feed(body)
  return frames
}

function decodeFrames(frames: readonly Frame[]): AnswerEvent[] {
  const decoder = upstream.decodeStream(decodeContext())
  return [...frames.flatMap((frame) => decoder.push(frame)), ...decoder.end()]
}

/** Joins a stream the way the vendor's SDK does: what a client holds in its hands in the end. */
function accumulate(frames: readonly Frame[]): JsonObject {
  let message: JsonObject = {}
  const content: JsonObject[] = []
  for (const { data } of frames) {
    const wire = parse(data)
    if (wire.type === 'message_start' && isObject(wire.message)) {
      message = { ...wire.message }
      if (Array.isArray(message.content)) content.push(...message.content.filter(isObject))
    } else if (wire.type === 'content_block_start' && isObject(wire.content_block))
      content.push({ ...wire.content_block })
    else if (wire.type === 'content_block_delta' && isObject(wire.delta))
      applyDelta(content[Number(wire.index)] ?? {}, wire.delta)
    else if (wire.type === 'message_delta') {
      const { type: _, delta, usage, ...beside } = wire
      const later = Object.entries(isObject(usage) ? usage : {}).filter(([, value]) => value !== null)
      message = { ...message, ...(isObject(delta) ? delta : {}), ...beside }
      message.usage = { ...(isObject(message.usage) ? message.usage : {}), ...Object.fromEntries(later) }
    }
  }
  for (const block of content)
    if (typeof block['partial'] === 'string') {
      block.input = JSON.parse(block['partial'])
      delete block['partial']
    }
  return { ...message, content }
}

function applyDelta(block: JsonObject, delta: JsonObject): void {
  switch (delta.type) {
    case 'text_delta':
      block.text = `${block.text}${delta.text}`
      return
    case 'thinking_delta':
      block.thinking = `${block.thinking}${delta.thinking}`
      return
    case 'signature_delta':
      block.signature = delta.signature
      return
    case 'input_json_delta':
      if (delta.partial_json !== '') block['partial'] = `${block['partial'] ?? ''}${delta.partial_json}`
      return
    case 'citations_delta':
      block.citations = [...(Array.isArray(block.citations) ? block.citations : []), delta.citation ?? null]
      return
    case 'compaction_delta':
      block.content = `${block.content ?? ''}${delta.content}`
      return
    default:
      throw new Error(`unknown delta ${String(delta.type)}`)
  }
}

function contextFor(message: JsonObject): AnswerContext {
  return answerContext({ model: String(message.model), strict: true })
}

/** One stored file may hold several streams, one after another. */
function streamsIn(chunks: readonly string[]): Frame[][] {
  const streams: Frame[][] = []
  for (const data of chunks) {
    const { type } = parse(data)
    const frame = { event: String(type), data }
    if (type === 'message_start') streams.push([frame])
    else streams.at(-1)?.push(frame)
  }
  return streams
}

const exchanges = recordings('anthropic-messages')
const files = recordedFiles(['anthropic'])
const wholes = [
  ...exchanges
    .filter(({ stream, response }) => !stream && response.status === 200)
    .map(({ id, response }) => ({ id, body: parse(response.body) })),
  ...files.flatMap(({ name, body }) => (body === undefined ? [] : [{ id: name, body: parse(body) }])),
]
const streams = [
  ...exchanges
    .filter(({ stream, response }) => stream && response.status === 200)
    .map(({ id, response }) => ({ id, frames: framesFromWire(response.body) })),
  ...files.flatMap(({ name, chunks }) =>
    streamsIn(chunks ?? []).map((frames, index) => ({ id: `${name} (${index + 1})`, frames })),
  ),
]

const cuts = streams.flatMap(({ id, frames }) =>
  frames
    .map((_, length) => ({ id, head: frames.slice(0, length) }))
    .filter(({ head }) => !head.some(({ event }) => event === 'message_stop')),
)

if (!haveRecordings()) {
  test(`recorded exchanges are absent: expected in ${recordingsFolder} or where XJP_RECORDINGS points`, () => {
    expect(haveRecordings()).toBe(false)
  })
} else {
  describe('recorded answers', () => {
    test(`whole answers lose nothing (n=${wholes.length})`, () => {
      expect(wholes.length).toBeGreaterThan(150)
      for (const { id, body } of wholes) {
        const answer = fold(upstream.decodeAnswer(body, decodeContext()))
        const encoded = client.encodeAnswer(answer, contextFor(body))
        expect({ id, lost: missing(body, encoded.body), dropped: encoded.dropped }).toEqual({
          id,
          lost: [],
          dropped: [],
        })
      }
    })

    test(`streams lose nothing and stay legal (n=${streams.length})`, () => {
      expect(streams.length).toBeGreaterThan(30)
      for (const { id, frames } of streams) {
        const original = accumulate(frames)
        const events = decodeFrames(frames)
        const context = contextFor(original)
        const encoder = client.encodeStream(context)
        const written = framesOf(encoder.push(events))
        const whole = client.encodeAnswer(fold(events), context)
        expect({
          id,
          grammar: grammarFault(written),
          lostInStream: missing(original, accumulate(written)),
          lostInWhole: missing(original, whole.body),
          dropped: [...encoder.dropped, ...whole.dropped],
        }).toEqual({ id, grammar: undefined, lostInStream: [], lostInWhole: [], dropped: [] })
      }
    })

    test(`a stream cut after any event ends in an error, never in an end (n=${cuts.length})`, () => {
      for (const { id, head } of cuts) {
        const events = decodeFrames(head)
        const ends = events.filter(({ type }) => type === 'answer-end' || type === 'answer-error')
        expect([id, head.length, ends.map(({ type }) => type)]).toEqual([id, head.length, ['answer-error']])
      }
    })

    test('the comparison sees each leaf that is taken away', () => {
      const original = wholes[0]?.body ?? {}
      for (const key of Object.keys(original)) {
        const { [key]: _, ...poorer } = original
        expect([key, missing(original, poorer).length > 0]).toEqual([key, true])
      }
    })
  })

  describe('recorded requests', () => {
    test(`decode and encode again with the same meaning (n=${exchanges.length})`, () => {
      const faults: unknown[] = []
      for (const { id, request } of exchanges) {
        const body = parse(request.body)
        const decoded = client.decodeRequest(body)
        const adaptive = isObject(body.thinking) && body.thinking.type === 'adaptive'
        const target = targetWith(
          { reasoningStyle: adaptive ? 'adaptive' : 'budget' },
          { model: String(body.model) },
        )
        const encoded = upstream.encodeRequest(decoded, target)
        const before = normal(body)
        const after = normal(encoded.body)
        const fault = {
          lost: missing(before, after),
          added: missing(after, before),
          dropped: encoded.dropped,
        }
        if (Object.values(fault).some((list) => list.length > 0)) faults.push({ id, ...fault })
      }
      expect(faults).toEqual([])
    })

    test(`bodies for counting are read too (n=${recordings('anthropic-count-tokens').length})`, () => {
      for (const { id, request } of recordings('anthropic-count-tokens'))
        expect([id, decodeCountRequest(parse(request.body)).messages.length > 0]).toEqual([id, true])
    })
  })
}

/** Spellings that mean the same on this wire, brought to one. */
const spellings: readonly { why: string; apply(body: JsonObject): JsonObject }[] = [
  {
    why: 'not streaming is the default',
    apply: ({ stream, ...body }) => (stream ? { ...body, stream } : body),
  },
  { why: 'a string is one text block', apply: (body) => ({ ...body, ...withBlocks(body, 'system') }) },
  {
    why: 'a string is one text block, in messages and in tool results',
    apply: (body) => ({ ...body, messages: objects(body.messages).map(messageWithBlocks) }),
  },
  {
    why: 'turns of one role that follow one another are one turn',
    apply: (body) => ({ ...body, messages: merged(objects(body.messages)) }),
  },
]

function objects(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function withBlocks(holder: JsonObject, key: string): JsonObject {
  const value = holder[key]
  return typeof value === 'string' ? { ...holder, [key]: [{ type: 'text', text: value }] } : holder
}

function messageWithBlocks(message: JsonObject): JsonObject {
  const blocks = withBlocks(message, 'content')
  const content = objects(blocks.content)
  return {
    ...blocks,
    content: content.map((block) => (block.type === 'tool_result' ? withBlocks(block, 'content') : block)),
  }
}

function merged(list: readonly JsonObject[]): JsonObject[] {
  const turns: JsonObject[] = []
  for (const message of list) {
    const last = turns.at(-1)
    if (last !== undefined && last.role === message.role)
      last.content = [...objects(last.content), ...objects(message.content)]
    else turns.push({ ...message })
  }
  return turns
}

function normal(body: JsonObject): JsonObject {
  return spellings.reduce((current, { apply }) => apply(current), body)
}
