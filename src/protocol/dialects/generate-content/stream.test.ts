import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Answer } from '../../model/answer.ts'
import type { AnswerEvent } from '../../model/event.ts'
import { Fold, fold } from '../../model/fold.ts'
import type { JsonObject } from '../../model/json.ts'
import { decodeAnswer } from './answer.ts'
import { decodeStream } from './stream.ts'
import type { WirePart } from './wire.ts'

const MAKER = 'gemini/test'

function context() {
  let made = 0
  return { newId: () => `made${++made}`, maker: MAKER }
}

/** A chunk with these parts; `finishReason` when it is the last. */
function chunk(parts: WirePart[], finishReason?: string, more: JsonObject = {}): JsonObject {
  return {
    candidates: [{ content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}), ...more }],
  }
}

function events(...chunks: JsonObject[]): AnswerEvent[] {
  const machine = decodeStream(context())
  return [...chunks.flatMap((wire) => machine.push({ data: JSON.stringify(wire) })), ...machine.end()]
}

function answer(...chunks: JsonObject[]): Answer {
  return fold(events(...chunks))
}

const signature = (value: string) => ({
  dialect: 'generate-content' as const,
  kind: 'thought-signature' as const,
  value,
  maker: MAKER,
})

describe('parts', () => {
  const rows: { what: string; chunks: JsonObject[]; blocks: unknown[] }[] = [
    {
      what: 'text continues over chunks',
      chunks: [chunk([{ text: 'Hel' }]), chunk([{ text: 'lo' }], 'STOP')],
      blocks: [{ type: 'text', text: 'Hello' }],
    },
    {
      what: 'two text parts of one chunk are two blocks',
      chunks: [chunk([{ text: 'a' }, { text: 'b' }], 'STOP')],
      blocks: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
    {
      what: 'thought parts are thinking, text with a signature stays text',
      chunks: [
        chunk([{ text: 'hm', thought: true }]),
        chunk([{ text: 'yes', thoughtSignature: 'S' }], 'STOP'),
      ],
      blocks: [
        { type: 'thinking', text: 'hm' },
        { type: 'text', text: 'yes', signature: signature('S') },
      ],
    },
    {
      what: 'a signature on an empty text belongs to the text before it',
      chunks: [chunk([{ text: 'yes' }]), chunk([{ text: '', thoughtSignature: 'S' }], 'STOP')],
      blocks: [{ type: 'text', text: 'yes', signature: signature('S') }],
    },
    {
      what: 'a signature alone is an empty text',
      chunks: [
        chunk([{ functionCall: { name: 'f' } }]),
        chunk([{ text: '', thoughtSignature: 'S' }], 'STOP'),
      ],
      blocks: [
        { type: 'tool-call', id: 'call_made1', idMade: true, name: 'f', kind: 'function', arguments: '{}' },
        { type: 'text', text: '', signature: signature('S') },
      ],
    },
    {
      what: 'texts with a signature each are not merged',
      chunks: [
        chunk([{ text: 'a', thoughtSignature: 'S' }]),
        chunk([{ text: 'b', thoughtSignature: 'T' }], 'STOP'),
      ],
      blocks: [
        { type: 'text', text: 'a', signature: signature('S') },
        { type: 'text', text: 'b', signature: signature('T') },
      ],
    },
    {
      what: 'a call keeps its id, arguments and signature',
      chunks: [
        chunk(
          [{ functionCall: { id: 'c1', name: 'f', args: { a: [1, { b: null }] } }, thoughtSignature: 'S' }],
          'STOP',
        ),
      ],
      blocks: [
        {
          type: 'tool-call',
          id: 'c1',
          name: 'f',
          kind: 'function',
          arguments: '{"a":[1,{"b":null}]}',
          signature: signature('S'),
        },
      ],
    },
    {
      what: 'parallel calls without ids get different ones',
      chunks: [chunk([{ functionCall: { name: 'f' } }, { functionCall: { name: 'f' } }], 'STOP')],
      blocks: [
        { type: 'tool-call', id: 'call_made1', idMade: true, name: 'f', kind: 'function', arguments: '{}' },
        { type: 'tool-call', id: 'call_made2', idMade: true, name: 'f', kind: 'function', arguments: '{}' },
      ],
    },
    {
      what: 'server-side tools and code are kept as they came',
      chunks: [chunk([{ executableCode: { language: 'PYTHON', code: '1' }, thoughtSignature: 'S' }], 'STOP')],
      blocks: [
        {
          type: 'unknown',
          dialect: 'generate-content',
          wire: { executableCode: { language: 'PYTHON', code: '1' }, thoughtSignature: 'S' },
        },
      ],
    },
    {
      what: 'inline data is media',
      chunks: [chunk([{ inlineData: { mimeType: 'image/jpg', data: 'AAAA' } }], 'STOP')],
      blocks: [
        { type: 'media', kind: 'image', source: { type: 'base64', mediaType: 'image/jpeg', data: 'AAAA' } },
      ],
    },
    {
      what: 'members outside the model stay with the block',
      chunks: [chunk([{ text: 'a', partMetadata: { k: 1 } }], 'STOP')],
      blocks: [{ type: 'text', text: 'a', extensions: { 'generate-content': { partMetadata: { k: 1 } } } }],
    },
  ]
  for (const { what, chunks, blocks } of rows)
    test(what, () => expect(answer(...chunks).candidates[0]?.blocks as unknown[]).toEqual(blocks))
})

describe('streamed arguments', () => {
  const call = (functionCall: JsonObject): JsonObject => chunk([{ functionCall }])
  const piece = (jsonPath: string, value: JsonObject): JsonObject =>
    call({ partialArgs: [{ jsonPath, ...value }], willContinue: true })
  const rows: { what: string; chunks: JsonObject[]; args: unknown }[] = [
    {
      what: 'a string in pieces',
      chunks: [
        piece('$.a', { stringValue: 'x', willContinue: true }),
        piece('$.a', { stringValue: 'y' }),
        call({}),
      ],
      args: { a: 'xy' },
    },
    {
      what: 'all kinds of values',
      chunks: [
        piece('$.n', { numberValue: 0 }),
        piece('$.b', { boolValue: false }),
        piece('$.z', { nullValue: 'NULL_VALUE' }),
        piece('$.e', { stringValue: '' }),
        call({}),
      ],
      args: { n: 0, b: false, z: null, e: '' },
    },
    {
      what: 'lists, quoted names and names of prototypes',
      chunks: [
        piece('$.l[1].x', { numberValue: 2 }),
        piece("$['a b'][0]", { numberValue: 1 }),
        piece('$["q\\"r"]', { numberValue: 3 }),
        piece('$.__proto__.polluted', { boolValue: true }),
        call({}),
      ],
      args: JSON.parse('{"l":[null,{"x":2}],"a b":[1],"q\\"r":3,"__proto__":{"polluted":true}}'),
    },
    { what: 'no arguments', chunks: [call({})], args: {} },
    { what: 'the end left out', chunks: [piece('$.a', { numberValue: 1 })], args: { a: 1 } },
  ]
  for (const { what, chunks, args } of rows)
    test(what, () => {
      const { candidates } = answer(
        call({ name: 'f', willContinue: true }),
        ...chunks,
        chunk([{ text: '' }], 'STOP'),
      )
      const block = candidates[0]?.blocks[0]
      expect(block?.type === 'tool-call' ? JSON.parse(block.arguments) : undefined).toEqual(args)
      expect(candidates[0]?.finish.reason).toBe('tool-calls')
    })

  test('nothing outside the arguments is written', () => {
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  })

  test('a place that is none is an error', () => {
    const found = events(call({ name: 'f', willContinue: true }), piece('$..a', { numberValue: 1 }))
    expect(found[found.length - 1]).toMatchObject({
      type: 'answer-error',
      error: { kind: 'upstream_invalid' },
    })
  })
})

describe('ends', () => {
  const text: WirePart[] = [{ text: 'x' }]
  const called: WirePart[] = [{ functionCall: { name: 'f' } }]
  const rows: [string, WirePart[], string][] = [
    ['STOP', text, 'stop'],
    ['STOP', called, 'tool-calls'],
    ['STOP', [], 'stop'],
    ['MAX_TOKENS', called, 'length'],
    ['CONTINUATION', text, 'length'],
    ['SAFETY', [], 'content-filter'],
    ['RECITATION', text, 'content-filter'],
    ['MALFORMED_FUNCTION_CALL', text, 'other'],
    ['UNEXPECTED_TOOL_CALL', called, 'tool-calls'],
    ['SOMETHING_NEW', [], 'other'],
    ['constructor', [], 'other'],
  ]
  for (const [raw, parts, reason] of rows)
    test(`${raw} after ${JSON.stringify(parts)} is ${reason}`, () => {
      expect(answer(chunk(parts, raw)).candidates[0]?.finish).toMatchObject({ reason, raw } as JsonObject)
    })

  for (const raw of ['MALFORMED_FUNCTION_CALL', 'OTHER', 'NO_IMAGE', 'MALFORMED_RESPONSE'])
    test(`${raw} with no more than thinking is an error that may be retried`, () => {
      const found = events(chunk([{ text: 'hm', thought: true }], raw))
      const last = found[found.length - 1]
      expect(last).toMatchObject({
        type: 'answer-error',
        error: { kind: 'upstream_invalid', retryable: true },
      })
    })

  test('the call and the STOP in different chunks', () => {
    expect(answer(chunk(called), chunk([{ text: '' }], 'STOP')).candidates[0]?.finish.reason).toBe(
      'tool-calls',
    )
  })

  test('a blocked prompt is a filtered answer', () => {
    const promptFeedback = { blockReason: 'SAFETY', blockReasonMessage: 'no' }
    expect(answer({ promptFeedback, usageMetadata: {} }).candidates).toEqual([
      {
        blocks: [],
        finish: { reason: 'content-filter', raw: 'SAFETY', explanation: 'no', details: promptFeedback },
      },
    ])
  })

  const broken: { what: string; data: string[] }[] = [
    { what: 'nothing', data: [] },
    { what: 'no candidate', data: ['{"usageMetadata":{}}'] },
    { what: 'empty candidates', data: ['{"candidates":[]}'] },
    { what: 'no finishReason', data: [JSON.stringify(chunk(text))] },
    {
      what: 'one candidate of two unfinished',
      data: [JSON.stringify({ candidates: [{ index: 0, finishReason: 'STOP' }, { index: 1 }] })],
    },
    { what: 'no JSON', data: ['<html>'] },
    { what: 'a string', data: ['"x"'] },
    { what: 'an end marker of another protocol', data: [JSON.stringify(chunk(text)), '[DONE]'] },
  ]
  for (const { what, data } of broken)
    test(`${what} ends in an error`, () => {
      const machine = decodeStream(context())
      const found = [...data.flatMap((line) => machine.push({ data: line })), ...machine.end()]
      expect(found[found.length - 1]).toMatchObject({
        type: 'answer-error',
        error: { kind: 'upstream_invalid' },
      })
      expect(machine.end()).toEqual([])
    })

  test('an error event has the kind of its status, and nothing follows it', () => {
    const machine = decodeStream(context())
    const error = { error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } }
    machine.push({ data: JSON.stringify(chunk(text)) })
    expect(machine.push({ data: JSON.stringify(error) })).toMatchObject([
      { type: 'answer-error', error: { kind: 'overloaded', message: 'busy' } },
    ])
    expect(machine.push({ data: JSON.stringify(chunk(text, 'STOP')) })).toEqual([])
    expect(machine.end()).toEqual([])
  })

  test('missing content and parts are tolerated', () => {
    const found = answer(
      { candidates: [{}] },
      { candidates: [{ content: {} }] },
      { candidates: [{ finishReason: 'STOP' }] },
    )
    expect(found.candidates).toEqual([{ blocks: [], finish: { reason: 'stop', raw: 'STOP' } }])
  })

  test('a whole body that is an error is thrown', () => {
    const error = { code: 429, message: 'slow down', status: 'RESOURCE_EXHAUSTED' }
    expect(() => decodeAnswer({ error }, context())).toThrow('slow down')
    expect(() => decodeAnswer({}, context())).toThrow('without an answer')
  })
})

describe('beside the content', () => {
  test('candidates keep their number', () => {
    const found = answer(
      { candidates: [{ index: 1, content: { parts: [{ text: 'b' }] } }] },
      { candidates: [{ index: 0, content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' }] },
      { candidates: [{ index: 1, finishReason: 'MAX_TOKENS' }] },
    )
    expect(found.candidates.map(({ blocks, finish }) => [blocks, finish.reason])).toEqual([
      [[{ type: 'text', text: 'a' }], 'stop'],
      [[{ type: 'text', text: 'b' }], 'length'],
    ])
  })

  test('id, model, time, and members outside the model', () => {
    const found = answer({
      ...chunk([{ text: 'x' }], 'STOP', { safetyRatings: [], urlContextMetadata: { a: 1 } }),
      responseId: 'r1',
      modelVersion: 'm-1',
      createTime: '2026-05-04T20:01:02.264968Z',
      modelStatus: { stage: 'NEW' },
    })
    expect(found).toMatchObject({ id: 'r1', model: 'm-1', created: 1777924862 })
    expect(found.extensions?.['generate-content']).toEqual({
      createTime: '2026-05-04T20:01:02.264968Z',
      modelStatus: { stage: 'NEW' },
    })
    expect(found.candidates[0]?.finish.extensions?.['generate-content']).toEqual({
      safetyRatings: [],
      urlContextMetadata: { a: 1 },
    })
  })

  test('log probabilities take the shape of chat completions', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'x', tokenId: 1, logProbability: -0.1 }],
      topCandidates: [
        {
          candidates: [
            { token: 'x', logProbability: -0.1 },
            { token: 'y', logProbability: -3 },
          ],
        },
      ],
    }
    const found = answer(
      chunk([{ text: 'x' }], undefined, { logprobsResult }),
      chunk([{ text: 'x' }], 'STOP', { logprobsResult }),
    )
    const entry = {
      token: 'x',
      logprob: -0.1,
      bytes: null,
      top_logprobs: [
        { token: 'x', logprob: -0.1, bytes: null },
        { token: 'y', logprob: -3, bytes: null },
      ],
    }
    expect(found.candidates[0]?.blocks).toEqual([{ type: 'text', text: 'xx', logprobs: [entry, entry] }])
    const kept = found.candidates[0]?.finish.extensions?.['generate-content']?.[
      'logprobsResult'
    ] as JsonObject
    expect(kept['chosenCandidates']).toHaveLength(2)
  })

  test('citations go to the text of the whole answer they quote, also when it is closed again', () => {
    const found = answer(
      chunk([{ text: 'Zürich 🎉 ok.' }, { functionCall: { name: 'f' } }], 'STOP', {
        groundingMetadata: {
          groundingChunks: [{ web: { uri: 'https://a.example', title: 'A' } }],
          groundingSupports: [
            { segment: { startIndex: 8, endIndex: 15, text: '🎉 ok' }, groundingChunkIndices: [0, 7] },
          ],
        },
      }),
    )
    const [block] = found.candidates[0]?.blocks ?? []
    expect(block?.type === 'text' ? block.citations : []).toMatchObject([
      { url: 'https://a.example', title: 'A', quote: '🎉 ok', start: 7, end: 12 },
    ])
  })
})

/** Cuts at any UTF-16 offset, as JSON may. */
function pieces(text: string, cuts: readonly number[]): string[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((start, index) => text.slice(start, places[index] ?? text.length))
}

describe('properties', () => {
  test('any split of thinking and text folds to the same', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 })
    const cuts = fc.array(fc.nat(), { maxLength: 12 })
    fc.assert(
      fc.property(text, text, cuts, cuts, (thought, said, thoughtCuts, cutsOfSaid) => {
        const found = answer(
          ...pieces(thought, thoughtCuts).map((piece) => chunk([{ text: piece, thought: true }])),
          ...pieces(said, cutsOfSaid).map((piece) => chunk([{ text: piece }])),
          chunk([{ text: '', thoughtSignature: 'S' }], 'STOP'),
        )
        expect(found.candidates[0]?.blocks as unknown[]).toEqual([
          { type: 'thinking', text: thought },
          { type: 'text', text: said, signature: signature('S') },
        ])
      }),
      { seed: 7, numRuns: 500 },
    )
  })

  test('any arguments come out as JSON of the same value', () => {
    const args = fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(args, (value) => {
        const wire = JSON.parse(JSON.stringify(value)) as JsonObject
        const [block] =
          answer(chunk([{ functionCall: { name: 'f', args: wire } }], 'STOP')).candidates[0]?.blocks ?? []
        expect(block?.type === 'tool-call' ? JSON.parse(block.arguments) : undefined).toEqual(wire)
      }),
      { seed: 8, numRuns: 500 },
    )
  })

  test('no JSON chunk makes the decoder throw, and every stream ends once', () => {
    const part = fc.dictionary(
      fc.constantFrom('text', 'thought', 'thoughtSignature', 'functionCall', 'inlineData', 'odd'),
      fc.oneof(
        fc.constant('x'),
        fc.boolean(),
        fc.jsonValue({ maxDepth: 2 }),
        fc.record({ name: fc.constant('f'), willContinue: fc.boolean() }),
      ),
    )
    const candidate = fc.record(
      {
        index: fc.oneof(fc.integer({ min: -1, max: 2 }), fc.string()),
        content: fc.oneof(fc.record({ parts: fc.array(part) }), fc.constant(null)),
        finishReason: fc.constantFrom('STOP', 'OTHER', null),
        groundingMetadata: fc.jsonValue({ maxDepth: 2 }),
      },
      { requiredKeys: [] },
    )
    const wire = fc.oneof(
      fc.record(
        { candidates: fc.array(candidate, { maxLength: 3 }), usageMetadata: fc.jsonValue() },
        { requiredKeys: [] },
      ),
      fc.jsonValue({ maxDepth: 3 }),
    )
    fc.assert(
      fc.property(fc.array(wire, { maxLength: 4 }), (chunks) => {
        const machine = decodeStream(context())
        const found = [
          ...chunks.flatMap((value) => machine.push({ data: JSON.stringify(value) })),
          ...machine.end(),
        ]
        const ends = found.filter(({ type }) => type === 'answer-end' || type === 'answer-error')
        expect(ends).toHaveLength(1)
        expect(found.indexOf(ends[0] as AnswerEvent)).toBe(found.length - 1)
        new Fold().push(found)
      }),
      { seed: 9, numRuns: 1500 },
    )
  })
})
