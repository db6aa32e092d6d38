import { describe, expect, test } from 'bun:test'
import { generateContent } from '../../src/protocol/dialects/generate-content/dialect.ts'
import type { WireAnswer } from '../../src/protocol/dialects/generate-content/wire.ts'
import type { Answer } from '../../src/protocol/model/answer.ts'
import type { Block } from '../../src/protocol/model/block.ts'
import { GatewayError } from '../../src/protocol/model/error.ts'
import type { AnswerEvent } from '../../src/protocol/model/event.ts'
import { fold } from '../../src/protocol/model/fold.ts'
import { isObject, type Json, type JsonObject, parseJson } from '../../src/protocol/model/json.ts'
import { targetWith, wireFaults } from '../support/generate-content.ts'
import { camelCased, expectedContents, requestOf } from '../support/generate-content-request.ts'
import { haveRecordings, type Recording, recordedFiles, recordings, recordingsFolder } from './load.ts'

const { upstream } = generateContent

function context() {
  let made = 0
  return { newId: () => `made${++made}`, maker: 'gemini/test' }
}

function streamEvents(chunks: readonly string[]): AnswerEvent[] {
  const machine = upstream.decodeStream(context())
  return [...chunks.flatMap((data) => machine.push({ data })), ...machine.end()]
}

function dataLines(body: string): string[] {
  return body
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trim())
}

interface Exchange {
  id: string
  /** One chunk when it is a whole answer. */
  chunks: string[]
  stream: boolean
}

const whole = recordings('gemini').filter((recording) => recording.response.status === 200)
const failed = [...recordings('gemini'), ...recordings('gemini-count-tokens')].filter(
  (recording) => recording.response.status >= 400,
)
const files = recordedFiles(['google'])
const requests = [...recordings('gemini'), ...recordings('gemini-stream')]
const exchanges: Exchange[] = [
  ...whole.map(({ id, response }) => ({ id, chunks: [response.body], stream: false })),
  ...recordings('gemini-stream').map(({ id, response }) => ({
    id,
    chunks: dataLines(response.body),
    stream: true,
  })),
  ...files.map(({ name, chunks, body }) => ({
    id: name,
    chunks: chunks ?? [body ?? ''],
    stream: chunks !== undefined,
  })),
]
const streams = exchanges.filter((exchange) => exchange.stream)

function eventsOf({ chunks, stream }: Exchange): AnswerEvent[] {
  if (stream) return streamEvents(chunks)
  const body = parseJson(chunks[0] ?? '')
  if (!isObject(body)) throw new Error('the recorded body is not an object')
  return upstream.decodeAnswer(body, context())
}

/** Every scalar of a JSON value with its path, list positions left out. */
function leaves(
  value: Json | undefined,
  path = '',
): { path: string; value: string | number | boolean | null }[] {
  if (Array.isArray(value)) return value.flatMap((entry) => leaves(entry, `${path}[]`))
  if (isObject(value))
    return Object.entries(value).flatMap(([key, member]) =>
      leaves(member, path === '' ? key : `${path}.${key}`),
    )
  return value === undefined ? [] : [{ path, value }]
}

/** What a decoded answer holds as text of its own shape, and why the wire's leaf is not searched for by value. */
const exceptions: { path: RegExp; value?: string; why: string }[] = [
  { path: /^candidates\[\]\.content\.role$/, why: 'always `model`' },
  { path: /^candidates\[\]\.index$/, why: 'the place of the candidate in the answer' },
  { path: /^candidates\[\]\.content\.parts\[\]\.thought$/, why: 'the block is a thinking block' },
  { path: /^candidates\[\]\.content\.parts\[\]\.text$/, value: '', why: 'an empty text shows nothing' },
  { path: /\.functionCall\.willContinue$/, why: 'framing of streamed arguments' },
  { path: /\.partialArgs\[\]\.(jsonPath|willContinue)$/, why: 'framing of streamed arguments' },
  { path: /^usageMetadata\./, why: 'cumulative in streams: only the last chunk counts (checked apart)' },
]

function blocksOf(answer: Answer): Block[] {
  return answer.candidates.flatMap((candidate) => candidate.blocks)
}

/** Leaves of the original that the folded answer does not hold. */
function lost(exchange: Exchange, answer: Answer): string[] {
  const blocks = blocksOf(answer)
  const texts = blocks.flatMap((block) => ('text' in block ? [block.text] : []))
  const calls = blocks.flatMap((block) => (block.type === 'tool-call' ? [block.arguments] : []))
  const kept = new Set(leaves(JSON.parse(JSON.stringify(answer)) as Json).map(({ value }) => value))
  const argumentLeaves = leaves(calls.map((text) => JSON.parse(text) as Json)).map(({ value }) => value)
  const has = (path: string, value: string | number | boolean | null): boolean => {
    if (exceptions.some((known) => known.path.test(path) && (known.value ?? value) === value)) return true
    if (path === 'candidates[].content.parts[].text')
      return texts.some((text) => text.includes(String(value)))
    if (path.includes('.functionCall.args')) return argumentLeaves.includes(value)
    if (path.includes('.partialArgs'))
      return argumentLeaves.some((leaf) => String(leaf).includes(String(value)))
    return kept.has(value)
  }
  return exchange.chunks.flatMap((chunk) =>
    leaves(JSON.parse(chunk) as Json)
      .filter(({ path, value }) => !has(path, value))
      .map(({ path, value }) => `${path}: ${String(value).slice(0, 80)}`),
  )
}

interface Shown {
  text: string
  thinking: string
  calls: { name: string; args: string }[]
  /** In order, of all parts. */
  signatures: string[]
}

function shownByBlocks(blocks: readonly Block[]): Shown {
  const shown: Shown = { text: '', thinking: '', calls: [], signatures: [] }
  for (const block of blocks) {
    if (block.type === 'text') shown.text += block.text
    if (block.type === 'thinking') shown.thinking += block.text
    if (block.type === 'tool-call') shown.calls.push({ name: block.name, args: block.arguments })
    if ('signature' in block && block.signature) shown.signatures.push(block.signature.value)
    if (block.type === 'thinking') shown.signatures.push(...(block.opaque ?? []).map(({ value }) => value))
    if (block.type === 'unknown' && block.wire['thoughtSignature'])
      shown.signatures.push(String(block.wire['thoughtSignature']))
  }
  return shown
}

/** The same from the wire, without the decoder; streamed arguments are left to their own test. */
function shownByParts({ chunks }: Exchange): Shown {
  const shown: Shown = { text: '', thinking: '', calls: [], signatures: [] }
  for (const chunk of chunks) {
    const { candidates = [] } = JSON.parse(chunk) as WireAnswer
    for (const part of candidates.flatMap((candidate) => candidate.content?.parts ?? [])) {
      if (part.text !== undefined) shown[part.thought ? 'thinking' : 'text'] += part.text
      if (part.thoughtSignature !== undefined) shown.signatures.push(part.thoughtSignature)
      const { functionCall: call } = part
      if (call?.name !== undefined)
        shown.calls.push({ name: call.name, args: JSON.stringify(call.args ?? {}) })
    }
  }
  return shown
}

/** What the grammar of events demands (model/event.ts). */
function grammarFaults(events: readonly AnswerEvent[]): string[] {
  const open = new Set<number>()
  const faults: string[] = []
  let next = 0
  events.forEach((event, position) => {
    if ((event.type === 'answer-start') !== (position === 0)) faults.push(`answer-start at ${position}`)
    if (event.type === 'block-start') {
      if (event.index !== next) faults.push(`block ${event.index} after ${next - 1}`)
      next = event.index + 1
      open.add(event.index)
    }
    if (event.type === 'block-delta' && !open.has(event.index)) faults.push(`delta for closed ${event.index}`)
    if (event.type === 'block-end' && !open.delete(event.index)) faults.push(`second end of ${event.index}`)
    if (event.type === 'answer-end' && open.size > 0) faults.push(`open at the end: ${[...open]}`)
    if ((event.type === 'answer-end') !== (position === events.length - 1)) faults.push(`end at ${position}`)
  })
  return faults
}

if (!haveRecordings())
  test(`no recordings at ${recordingsFolder}: nothing was checked against them`, () => {
    expect(exchanges).toEqual([])
  })
else
  describe('recorded generate-content exchanges', () => {
    test(`nothing of an answer is lost (n=${exchanges.length}, ${streams.length} of them streams)`, () => {
      expect(exchanges.length).toBeGreaterThan(200)
      let searched = 0
      for (const exchange of exchanges) {
        const answer = fold(eventsOf(exchange))
        searched += exchange.chunks.reduce((sum, chunk) => sum + leaves(JSON.parse(chunk) as Json).length, 0)
        expect({ id: exchange.id, lost: lost(exchange, answer) }).toEqual({ id: exchange.id, lost: [] })
      }
      expect(searched).toBeGreaterThan(4000)
      console.log(`generate-content: ${searched} leaves of ${exchanges.length} answers accounted for`)
    })

    test(`text, thinking and calls are the parts', in their order (n=${exchanges.length})`, () => {
      for (const exchange of exchanges) {
        const blocks = blocksOf(fold(eventsOf(exchange)))
        const streamed = exchange.chunks.some((chunk) => chunk.includes('"partialArgs"'))
        const plain = (shown: Shown) => ({
          ...shown,
          calls: streamed ? shown.calls.map(({ name }) => name) : shown.calls,
        })
        expect({ id: exchange.id, ...plain(shownByBlocks(blocks)) }).toEqual({
          id: exchange.id,
          ...plain(shownByParts(exchange)),
        })
      }
    })

    test(`events obey the grammar (n=${exchanges.length})`, () => {
      for (const exchange of exchanges)
        expect({ id: exchange.id, faults: grammarFaults(eventsOf(exchange)) }).toEqual({
          id: exchange.id,
          faults: [],
        })
    })

    test(`usage is the last chunk's (n=${exchanges.length})`, () => {
      for (const exchange of exchanges) {
        const last = JSON.parse(exchange.chunks[exchange.chunks.length - 1] ?? '{}') as JsonObject
        const wire = last['usageMetadata'] as JsonObject
        const { usage } = fold(eventsOf(exchange))
        expect(usage?.raw?.value).toMatchObject(wire)
        if (wire['totalTokenCount'] === undefined) continue
        expect({ id: exchange.id, total: (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0) }).toEqual({
          id: exchange.id,
          total: Number(wire['totalTokenCount']),
        })
      }
    })

    test('every prefix of a recorded stream ends in an error, never in an end', () => {
      let prefixes = 0
      for (const { id, chunks } of streams) {
        const complete = chunks.findIndex((chunk) => chunk.includes('"finishReason"'))
        expect({ id, complete }).toEqual({ id, complete: chunks.length - 1 })
        for (let length = 0; length < chunks.length; length += 1) {
          const events = streamEvents(chunks.slice(0, length))
          expect(events[events.length - 1]?.type).toBe('answer-error')
          expect(events.some((event) => event.type === 'answer-end')).toBe(false)
          prefixes += 1
        }
      }
      console.log(`generate-content: n=${prefixes} prefixes of ${streams.length} streams`)
      expect(prefixes).toBeGreaterThan(50)
    })

    test('a chunk cut inside its JSON ends in an error', () => {
      for (const { chunks } of streams) {
        const [first = ''] = chunks
        const events = streamEvents([first.slice(0, Math.floor(first.length / 2))])
        expect(events.map((event) => event.type)).toEqual(['answer-error'])
      }
    })

    test('streamed arguments make the calls they describe', () => {
      const calls = (name: string) => {
        const file = streams.find((exchange) => exchange.id.endsWith(`${name}.chunks.txt`))
        return blocksOf(fold(streamEvents(file?.chunks ?? []))).flatMap((block) =>
          block.type === 'tool-call' ? [[block.name, JSON.parse(block.arguments)]] : [],
        )
      }
      expect(calls('google-stream-tool-call-arguments')).toEqual([
        ['getWeather', { location: 'Boston' }],
        ['getWeather', { location: 'San Francisco' }],
      ])
      expect(calls('google-stream-no-args-tool-call')).toEqual([
        ['read_theme', {}],
        ['read_screen', { id: 'A' }],
        ['read_screen', { id: 'B' }],
        ['read_screen', { id: 'C' }],
      ])
      expect(calls('google-stream-tool-call-array-arguments-missing-terminal-function-call')).toEqual([
        [
          'writeItems',
          {
            operations: [
              { action: 'add', description: 'Fresh red apple', itemid: 'apple_001', price: 0.5 },
              { action: 'add', description: 'Ripe yellow banana', itemid: 'banana_001', price: 0.3 },
            ],
          },
        ],
      ])
    })

    test('a finish with calls is tool-calls, whichever chunk said STOP', () => {
      let seen = 0
      for (const exchange of exchanges) {
        const answer = fold(eventsOf(exchange))
        for (const candidate of answer.candidates) {
          const called = candidate.blocks.some((block) => block.type === 'tool-call')
          if (candidate.finish.raw !== 'STOP') continue
          expect({ id: exchange.id, reason: candidate.finish.reason }).toEqual({
            id: exchange.id,
            reason: called ? 'tool-calls' : 'stop',
          })
          seen += 1
        }
      }
      expect(seen).toBeGreaterThan(200)
    })

    test('citations quote the text at their place', () => {
      let placed = 0
      for (const exchange of exchanges) {
        for (const block of blocksOf(fold(eventsOf(exchange)))) {
          if (block.type !== 'text') continue
          for (const { start, end, quote } of block.citations ?? []) {
            if (quote === undefined || start === undefined) continue
            expect(block.text.slice(start, end)).toBe(quote)
            placed += 1
          }
        }
      }
      console.log(`generate-content: n=${placed} citations placed`)
      expect(placed).toBeGreaterThan(20)
    })

    test(`recorded requests, read into the model, are encoded into what was recorded (n=${requests.length})`, () => {
      expect(requests.length).toBeGreaterThan(200)
      let contents = 0
      for (const { id, request } of requests) {
        const wire = camelCased(JSON.parse(request.body) as Json) as JsonObject
        const { body, dropped } = upstream.encodeRequest(
          requestOf(wire),
          targetWith({ thoughtSignatures: false, reasoningByDefault: false }),
        )
        const plain = JSON.parse(JSON.stringify(body)) as JsonObject
        expect({
          id,
          faults: wireFaults(plain),
          dropped: dropped.filter(({ essential }) => essential),
        }).toEqual({
          id,
          faults: [],
          dropped: [],
        })
        expect({ id, contents: plain['contents'] }).toEqual({ id, contents: expectedContents(wire) })
        expect({ id, config: plain['generationConfig'] ?? {}, toolConfig: plain['toolConfig'] }).toEqual({
          id,
          config: wire['generationConfig'] ?? {},
          toolConfig: wire['toolConfig'],
        })
        contents += (plain['contents'] as Json[]).length
      }
      console.log(`generate-content: n=${requests.length} requests with ${contents} contents rebuilt`)
    })

    test(`error bodies become typed errors (n=${failed.length})`, () => {
      expect(failed.length).toBeGreaterThan(0)
      const kinds = failed.map(({ response }: Recording) => {
        const error = upstream.decodeError(response.status, response.body, () => null)
        expect(error).toBeInstanceOf(GatewayError)
        expect(response.body).toContain(JSON.stringify(error.message).slice(1, -1))
        return `${response.status} ${error.kind}`
      })
      expect([...new Set(kinds)].sort()).toEqual(['400 invalid_request', '404 model_not_found'])
    })
  })
