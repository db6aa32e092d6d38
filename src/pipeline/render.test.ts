import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { SseFramer } from '../upstream/sse.ts'
import { PassThroughRenderer, TranslatingRenderer } from './render.ts'

interface Setting {
  /** The name the client asked for. */
  model?: string
  /** What the upstream calls itself in the first event the decoder understood. */
  upstream?: string
  every?: boolean
  hide?: boolean
}

/** What the client reads of a stream that came in these pieces. */
function passed(pieces: readonly (string | Uint8Array)[], setting: Setting = {}): Buffer {
  const { model = 'mine', upstream, every = true, hide = false } = setting
  const renderer = new PassThroughRenderer({ model, modelInEveryEvent: every, hideUsage: hide })
  const framer = new SseFramer()
  const start: AnswerEvent[] = upstream === undefined ? [] : [{ type: 'answer-start', model: upstream }]
  const out: Uint8Array[] = []
  let isFirst = true
  const batches = [...pieces.map((piece) => framer.push(Buffer.from(piece))), framer.end()]
  for (const frames of batches) {
    const events = isFirst && frames.frames.length > 0 ? start : []
    if (frames.frames.length > 0) isFirst = false
    const rendered = renderer.render({ events, frames })
    expect(rendered).not.toBe('')
    if (rendered !== undefined) out.push(Buffer.from(rendered))
  }
  return Buffer.concat(out)
}

const chat = (model: string, content: string): string =>
  `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":${JSON.stringify(model)},"choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]}\n\n`
const usageOnly = 'data: {"id":"1","model":"theirs","choices":[],"usage":{"prompt_tokens":1}}\n\n'
const done = 'data: [DONE]\n\n'

describe('promise A5: the bytes of the same dialect pass', () => {
  const content = fc
    .array(fc.constantFrom('北京', '👩‍👩‍👧', '"model":"theirs"', '\\ud83d', 'é', '{', '}', 'data: ', '\n'), {
      maxLength: 6,
    })
    .map((parts) => parts.join(''))

  test('byte for byte when the names are the same, however they are cut', () => {
    let n = 0
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (texts, cuts) => {
          const whole = Buffer.from(`: hello\n\n${texts.map((text) => chat('mine', text)).join('')}${done}`)
          const places = [...new Set(cuts.map((cut) => cut % whole.length))].sort((one, other) => one - other)
          const pieces = [0, ...places].map((from, at) => whole.subarray(from, places[at] ?? whole.length))
          n += texts.length
          expect(Buffer.compare(passed(pieces, { upstream: 'mine' }), whole)).toBe(0)
        },
      ),
      { numRuns: 1_000, seed: 5 },
    )
    console.info(`A5: n=${n} events, byte for byte`)
  })

  test('only the name differs when the names differ', () => {
    let n = 0
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (texts, cuts) => {
          const wire = (model: string): Buffer =>
            Buffer.from(`: hello\n\n${texts.map((text) => chat(model, text)).join('')}${done}`)
          const whole = wire('theirs')
          const places = [...new Set(cuts.map((cut) => cut % whole.length))].sort((one, other) => one - other)
          const pieces = [0, ...places].map((from, at) => whole.subarray(from, places[at] ?? whole.length))
          n += texts.length
          expect(passed(pieces, { upstream: 'theirs' }).toString()).toBe(wire('mine').toString())
        },
      ),
      { numRuns: 1_000, seed: 6 },
    )
    console.info(`A5: n=${n} events, renamed and otherwise byte for byte`)
  })

  test('bytes that are no UTF-8 pass where nothing is renamed', () => {
    const whole = Buffer.concat([
      Buffer.from('data: "'),
      Buffer.from([0xff, 0xfe, 0xc3]),
      Buffer.from('"\n\n'),
    ])
    expect(Buffer.compare(passed([whole], { upstream: 'mine' }), whole)).toBe(0)
  })
})

describe('the name of the model', () => {
  const cases: [string, string, string, Setting][] = [
    [
      'white space stays',
      'data: {"model" : "theirs", "a":1}\n\n',
      'data: {"model" : "mine", "a":1}\n\n',
      { upstream: 'theirs' },
    ],
    [
      'line ends stay',
      'data: {"model":"theirs"}\r\n\r\n',
      'data: {"model":"mine"}\r\n\r\n',
      { upstream: 'theirs' },
    ],
    [
      'a name written with escapes',
      'data: {"model":"a\\/b"}\n\n',
      'data: {"model":"mine"}\n\n',
      { upstream: 'a/b' },
    ],
    [
      'a name of ours with quotes',
      'data: {"model":"theirs"}\n\n',
      'data: {"model":"m\\"x"}\n\n',
      { upstream: 'theirs', model: 'm"x' },
    ],
    [
      'in every event',
      chat('theirs', 'a') + chat('theirs', 'b'),
      chat('mine', 'a') + chat('mine', 'b'),
      { upstream: 'theirs' },
    ],
    [
      'when the first event has an empty one',
      chat('', '') + chat('theirs', 'b'),
      chat('mine', '') + chat('mine', 'b'),
      { upstream: '' },
    ],
    [
      'when it changes on the way',
      chat('theirs', 'a') + chat('theirs-0613', 'b'),
      chat('mine', 'a') + chat('mine', 'b'),
      { upstream: 'theirs' },
    ],
    [
      'only the first, where the dialect names it once',
      'data: {"type":"message_start","message":{"id":"m","model":"theirs","content":[]}}\n\ndata: {"model":"theirs"}\n\n',
      'data: {"type":"message_start","message":{"id":"m","model":"mine","content":[]}}\n\ndata: {"model":"theirs"}\n\n',
      { upstream: 'theirs', every: false },
    ],
    [
      'a deeper member of that name stays',
      'data: {"model":"theirs","choices":[{"delta":{"x":{"model":"theirs"}}}]}\n\n',
      'data: {"model":"mine","choices":[{"delta":{"x":{"model":"theirs"}}}]}\n\n',
      { upstream: 'theirs' },
    ],
    [
      'also a deeper one of another name that stands first',
      'data: {"x":{"model":"whatever"},"model":"theirs"}\n\n',
      'data: {"x":{"model":"whatever"},"model":"mine"}\n\n',
      { upstream: 'theirs' },
    ],
    [
      'text that looks like it stays',
      'data: {"choices":[{"delta":{"content":"\\"model\\":\\"theirs\\""}}],"model":"theirs"}\n\n',
      'data: {"choices":[{"delta":{"content":"\\"model\\":\\"theirs\\""}}],"model":"mine"}\n\n',
      { upstream: 'theirs' },
    ],
    [
      'a value that is the word',
      'data: {"type":"model","model":"theirs"}\n\n',
      'data: {"type":"model","model":"mine"}\n\n',
      { upstream: 'theirs' },
    ],
    ['none, and nothing known of it', 'data: {"a":1}\n\n', 'data: {"a":1}\n\n', {}],
  ]
  for (const [name, wire, expected, setting] of cases)
    test(name, () => {
      expect(passed([wire], setting).toString()).toBe(expected)
    })

  test('a megabyte of event is looked through in linear time', () => {
    for (const piece of ['"model"', '"model":', '"model":"', '"model":"\\', '"model" ', '{"model":"x"']) {
      const startedAt = performance.now()
      passed([`data: ${piece.repeat(Math.ceil(1_000_000 / piece.length))}\n\n`], { upstream: 'theirs' })
      expect(performance.now() - startedAt).toBeLessThan(1_000)
    }
  })
})

describe('the event nobody asked for', () => {
  const cases: [string, string, string, Setting][] = [
    ['is left out', chat('mine', 'a') + usageOnly + done, chat('mine', 'a') + done, { hide: true }],
    ['stays when it was asked for', usageOnly, usageOnly, {}],
    ['spaces in it change nothing', 'data: {"choices": [ ], "usage": {"x": 1}}\n\n', '', { hide: true }],
    [
      'no choices and no usage: stays',
      'data: {"choices":[],"prompt_filter_results":[]}\n\n',
      'data: {"choices":[],"prompt_filter_results":[]}\n\n',
      { hide: true },
    ],
    [
      'usage that is null: stays',
      'data: {"choices":[],"usage":null}\n\n',
      'data: {"choices":[],"usage":null}\n\n',
      { hide: true },
    ],
    [
      'usage beside choices: stays',
      'data: {"choices":[{}],"usage":{"x":1}}\n\n',
      'data: {"choices":[{}],"usage":{"x":1}}\n\n',
      { hide: true },
    ],
    ['comments around it stay', `: a\n\n${usageOnly}: b\n\n${done}`, `: a\n\n: b\n\n${done}`, { hide: true }],
    [
      'and what else is there is renamed',
      chat('theirs', 'a') + usageOnly + done,
      chat('mine', 'a') + done,
      { hide: true, upstream: 'theirs' },
    ],
  ]
  for (const [name, wire, expected, setting] of cases)
    test(name, () => {
      expect(passed([wire], setting).toString()).toBe(expected)
    })
})

describe('translating', () => {
  test('errors are not the encoder’s; nothing shown is nothing written', () => {
    const seen: string[] = []
    const renderer = new TranslatingRenderer({
      dropped: [],
      push(events) {
        seen.push(events.map((event) => event.type).join(' '))
        return events.some((event) => event.type === 'answer-end') ? 'end' : ''
      },
    })
    const error: AnswerEvent = { type: 'answer-error', error: new GatewayError('upstream_failed', 'x') }
    expect(renderer.render({ events: [{ type: 'answer-start' }, error] })).toBeUndefined()
    expect(renderer.render({ events: [{ type: 'answer-end', finishes: [] }] })).toBe('end')
    expect(seen).toEqual(['answer-start', 'answer-end'])
  })
})
