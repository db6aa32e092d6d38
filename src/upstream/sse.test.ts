import { describe, expect, test } from 'bun:test'
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { SseFramer } from './sse.ts'

interface Seen {
  event?: string
  data: string
}

/** Feeds the pieces, and returns the events and all bytes that came out. */
function feed(pieces: readonly Uint8Array[]): { events: Seen[]; bytes: Uint8Array } {
  const framer = new SseFramer()
  const batches = [...pieces.map((piece) => framer.push(piece)), framer.end()]
  return {
    events: batches.flatMap((batch) =>
      batch.frames.map(({ event, data }) => (event === undefined ? { data } : { event, data })),
    ),
    bytes: Buffer.concat(batches.map((batch) => batch.bytes)),
  }
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text)
}

describe('framing', () => {
  const cases: [string, string, Seen[]][] = [
    ['one event', 'data: a\n\n', [{ data: 'a' }]],
    ['no space after the colon', 'data:a\n\n', [{ data: 'a' }]],
    ['only one space is taken away', 'data:  a\n\n', [{ data: ' a' }]],
    ['several data lines', 'data: a\ndata: b\n\n', [{ data: 'a\nb' }]],
    ['a named event', 'event: ping\ndata: {}\n\n', [{ event: 'ping', data: '{}' }]],
    ['CRLF', 'event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n', [{ event: 'x', data: 'a' }, { data: 'b' }]],
    ['CR', 'data: a\r\rdata: b\r\r', [{ data: 'a' }, { data: 'b' }]],
    ['mixed line ends', 'data: a\n\r\ndata: b\r\n\n', [{ data: 'a' }, { data: 'b' }]],
    ['comments', ': OPENROUTER PROCESSING\n\ndata: a\n\n', [{ data: 'a' }]],
    ['a comment inside an event', 'data: a\n: b\ndata: c\n\n', [{ data: 'a\nc' }]],
    ['a byte order mark', '\ufeffdata: a\n\n', [{ data: 'a' }]],
    ['id, retry and unknown fields', 'id: 1\nretry: 5\nfoo: bar\ndata: a\n\n', [{ data: 'a' }]],
    ['an empty data line', 'data:\n\n', [{ data: '' }]],
    ['a field whose name begins with data', 'dataset: x\ndata: a\n\n', [{ data: 'a' }]],
    ['the text data: inside content', 'data: data: data: x\n\n', [{ data: 'data: data: x' }]],
    ['no final blank line', 'data: a\n\ndata: b', [{ data: 'a' }, { data: 'b' }]],
    ['only blank lines', '\n\n\n', []],
  ]
  for (const [name, text, expected] of cases)
    test(name, () => {
      expect(feed([bytes(text)]).events).toEqual(expected)
    })

  test('an event longer than the limit is refused', () => {
    const framer = new SseFramer(100)
    expect(() => {
      for (let times = 0; times < 20; times += 1) framer.push(bytes('data: 0123456789'))
    }).toThrow('more than 100 bytes')
  })
})

/** Hard content: CJK, emoji with joiners, combining marks, escapes of lone surrogates, text that looks like framing. */
const content = fc.array(
  fc.constantFrom(
    '北京',
    '👩‍👩‍👧',
    'é',
    'e\u0301',
    '\\ud83d',
    'event: data',
    'data: x',
    ':',
    '{"a":"b"}',
    ' ',
    'ß',
    '𝕏',
    '[DONE]',
    '\ufeff',
  ),
  { maxLength: 12 },
)
const event = fc.record({
  name: fc.option(fc.constantFrom('ping', 'message_start', 'error')),
  lines: fc.array(content, { minLength: 1, maxLength: 3 }),
})
const lineEnd = fc.constantFrom('\n', '\r\n', '\r')

function written(
  events: readonly { name: string | null; lines: string[][] }[],
  end: string,
  comments: boolean,
): string {
  return events
    .map(({ name, lines }) => {
      const comment = comments ? `: keep-alive${end}` : ''
      const head = name === null ? '' : `event: ${name}${end}`
      return comment + head + lines.map((line) => `data: ${line.join('')}${end}`).join('') + end
    })
    .join('')
}

function pieces(all: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (all.length + 1)))].sort((one, other) => one - other)
  return [0, ...places].map((from, index) => all.subarray(from, places[index] ?? all.length))
}

describe('promise A4: the same events however the bytes are split', () => {
  let n = 0

  test('random splits, single bytes, and every single cut of short streams', () => {
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 6 }),
        lineEnd,
        fc.boolean(),
        fc.array(fc.nat(), { maxLength: 12 }),
        (events, end, comments, cuts) => {
          const all = bytes(written(events, end, comments))
          const whole = feed([all])
          expect(whole.events.map((seen) => seen.data)).toEqual(
            events.map(({ lines }) => lines.map((line) => line.join('')).join('\n')),
          )
          const ways = [pieces(all, cuts), Array.from(all, (byte) => Uint8Array.of(byte))]
          if (all.length < 120)
            for (let cut = 1; cut < all.length; cut += 1) ways.push([all.subarray(0, cut), all.subarray(cut)])
          for (const way of ways) {
            n += events.length
            const seen = feed(way)
            expect(seen.events).toEqual(whole.events)
            expect(Buffer.compare(seen.bytes, all)).toBe(0)
          }
        },
      ),
      { numRuns: 10_000, seed: 20261120 },
    )
    console.info(`A4 framing: n=${n} events, corrupted 0`)
    expect(n).toBeGreaterThan(200_000)
  })

  test('agrees with a parser that shares no code', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 6 }), lineEnd, fc.boolean(), (events, end, comments) => {
        const text = written(events, end, comments)
        const theirs: Seen[] = []
        createParser({
          onEvent: (seen) =>
            theirs.push(
              seen.event === undefined ? { data: seen.data } : { event: seen.event, data: seen.data },
            ),
        }).feed(text)
        expect(feed([bytes(text)]).events.slice(0, theirs.length)).toEqual(theirs)
      }),
      { numRuns: 500, seed: 7 },
    )
  })
})
