import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { SseAnswerReader, WholeAnswerReader } from './answer-reader.ts'
import { AnswerStream } from './answer-stream.ts'
import type { Call, CallRecord } from './call.ts'
import { PassThroughRenderer, type Renderer, TranslatingRenderer } from './render.ts'
import { eventDecoder, eventFrame, ScriptedSource } from './testing.ts'

const start: AnswerEvent = { type: 'answer-start', model: 'theirs' }
const opened: AnswerEvent = { type: 'block-start', index: 0, block: { type: 'text', text: '' } }
const delta = (text: string): AnswerEvent => ({
  type: 'block-delta',
  index: 0,
  delta: { type: 'text', text },
})
const usage: AnswerEvent = { type: 'usage', usage: { inputTokens: 1 } }
const end: AnswerEvent = { type: 'answer-end', finishes: [{ reason: 'stop' }] }
const early = new GatewayError('upstream_invalid', 'ended early')
const broken = new GatewayError('upstream_failed', 'broken')
const said = new GatewayError('overloaded', 'busy', {
  upstream: { dialect: 'messages', status: 529, body: '{}' },
})

/** Writes the types of events, one a line: easy to read in an expectation. */
function typing(): Renderer {
  return new TranslatingRenderer({
    dropped: [],
    push: (events) => events.map((event) => `${event.type}\n`).join(''),
  })
}

function passing(): Renderer {
  return new PassThroughRenderer({ model: 'theirs', modelInEveryEvent: true, hideUsage: false })
}

interface Scene {
  source: ScriptedSource
  stream: AnswerStream
  record: CallRecord
  /** Types of the events a tap saw, one entry a batch. */
  tapped: string[]
}

function scene(source: ScriptedSource, renderer: Renderer = typing(), readsOn = false): Scene {
  const tapped: string[] = []
  const record: Partial<CallRecord> = { attempts: [] }
  const decoder = eventDecoder(
    () => [{ type: 'answer-error', error: early }],
    (data) => (data === 'busy' ? [{ type: 'answer-error', error: said }] : []),
  )
  const call = {
    id: 'call',
    startedAt: performance.now(),
    readsOn,
    record,
    taps: [(events: readonly AnswerEvent[]) => void tapped.push(events.map((event) => event.type).join(' '))],
    client: {
      client: { encodeStreamError: (error: GatewayError, id: string) => `error ${error.kind} ${id}\n` },
    },
    scrub: (text: string) => text.replaceAll('canary', '[redacted]'),
  } as Partial<Call> as Call
  return {
    source,
    stream: new AnswerStream(call, new SseAnswerReader(source, decoder), renderer),
    record: record as CallRecord,
    tapped,
  }
}

async function read(stream: AnswerStream): Promise<string[]> {
  const chunks: string[] = []
  for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next())
    chunks.push(Buffer.from(chunk).toString())
  return chunks
}

describe('the commit point', () => {
  test('nothing reaches the client before content, and then all of it', async () => {
    let isOpen = false
    const { stream } = scene(
      new ScriptedSource(
        eventFrame(start),
        eventFrame(opened),
        eventFrame(usage),
        () => expect(isOpen).toBe(false),
        eventFrame(delta('a')),
        eventFrame(end),
      ),
    )
    await stream.open()
    isOpen = true
    expect(await read(stream)).toEqual([
      'answer-start\n',
      'block-start\n',
      'usage\n',
      'block-delta\n',
      'answer-end\n',
    ])
  })

  const contents: [string, AnswerEvent, boolean][] = [
    ['a start', start, false],
    ['an empty text block', opened, false],
    [
      'an empty thinking block',
      { type: 'block-start', index: 0, block: { type: 'thinking', text: '' } },
      false,
    ],
    ['an empty delta', delta(''), false],
    ['usage', usage, false],
    ['the end of a block', { type: 'block-end', index: 0 }, false],
    ['text', delta('a'), true],
    [
      'a signature',
      {
        type: 'block-delta',
        index: 0,
        delta: { type: 'signature', signature: { dialect: 'messages', kind: 'signature', value: 's' } },
      },
      true,
    ],
    [
      'a call',
      {
        type: 'block-start',
        index: 0,
        block: { type: 'tool-call', id: 'c', name: 'f', kind: 'function', arguments: '' },
      },
      true,
    ],
    [
      'an image',
      {
        type: 'block-start',
        index: 0,
        block: { type: 'media', kind: 'image', source: { type: 'url', url: 'x' } },
      },
      true,
    ],
    ['the end of an empty answer', end, true],
  ]
  for (const [name, event, isContent] of contents)
    test(`${name} ${isContent ? 'is' : 'is not'} content`, async () => {
      const { stream, tapped, source } = scene(new ScriptedSource(eventFrame(event), broken))
      const opening = await stream.open().catch((error: unknown) => error)
      expect(opening === stream).toBe(isContent)
      if (isContent) return
      expect(opening).toBe(broken)
      expect(tapped).toEqual([])
      expect(source.cancelled).toBeGreaterThan(0)
      expect(await read(stream)).toEqual([])
    })

  const failures: [string, ScriptedSource, GatewayError['kind']][] = [
    ['a break', new ScriptedSource(eventFrame(start), broken), 'upstream_failed'],
    ['an end', new ScriptedSource(eventFrame(start, opened)), 'upstream_invalid'],
    ['nothing at all', new ScriptedSource(), 'upstream_invalid'],
    ['an error event', new ScriptedSource(eventFrame(start), 'data: busy\n\n'), 'overloaded'],
  ]
  for (const [name, source, kind] of failures)
    test(`${name} before content is thrown, the upstream is closed, and no tap hears of it`, async () => {
      const { stream, tapped, record } = scene(source)
      const thrown = await stream.open().catch((error: unknown) => error)
      expect((thrown as GatewayError).kind).toBe(kind)
      expect(source.cancelled).toBeGreaterThan(0)
      expect(tapped).toEqual([])
      expect(record.endedBy).toBeUndefined()
    })

  test('a renderer that fails on the first content is thrown too: the client has seen nothing', async () => {
    const failing: Renderer = {
      passesErrors: false,
      render({ events }) {
        if (events.some((event) => event.type === 'block-delta'))
          throw new GatewayError('unsupported', 'no place for it')
        return 'x'
      },
    }
    const { stream, tapped, source } = scene(
      new ScriptedSource(eventFrame(start), eventFrame(delta('a')), eventFrame(end)),
      failing,
    )
    await expect(stream.open()).rejects.toThrow('no place for it')
    expect(tapped).toEqual([])
    expect(source.cancelled).toBeGreaterThan(0)
  })

  test('a whole answer that holds only an error is thrown', async () => {
    const { stream: _, ...rest } = scene(new ScriptedSource())
    const call = { taps: [], record: rest.record, startedAt: 0 } as Partial<Call> as Call
    const stream = new AnswerStream(
      call,
      new WholeAnswerReader([{ type: 'answer-error', error: broken }]),
      typing(),
    )
    await expect(stream.open()).rejects.toThrow('broken')
  })
})

describe('after content', () => {
  const failures: [string, () => ScriptedSource, string][] = [
    [
      'a break',
      () => new ScriptedSource(eventFrame(start, delta('a')), broken),
      'error upstream_failed call\n',
    ],
    ['an end', () => new ScriptedSource(eventFrame(start, delta('a'))), 'error upstream_invalid call\n'],
    [
      'an error event',
      () => new ScriptedSource(eventFrame(start, delta('a')), 'data: busy\n\n'),
      'error overloaded call\n',
    ],
    [
      'an error event in the same read',
      () => new ScriptedSource(`${eventFrame(start, delta('a'))}data: busy\n\n`),
      'error overloaded call\n',
    ],
  ]
  for (const [name, source, last] of failures)
    test(`${name} becomes the last thing the client reads`, async () => {
      const { stream, record } = scene(source())
      const chunks = await read(await stream.open())
      expect(chunks).toEqual(['answer-start\nblock-delta\n', last])
      expect(record.endedBy).toBe('upstream')
      expect(record.error).toBeInstanceOf(GatewayError)
    })

  test('a renderer that fails on the way ends the stream with an error', async () => {
    const failing: Renderer = {
      passesErrors: true,
      render({ events }) {
        if (events.some((event) => event.type === 'usage')) throw new Error('a mistake')
        return 'x'
      },
    }
    const source = new ScriptedSource(eventFrame(delta('a')), eventFrame(usage), eventFrame(end))
    const { stream, record } = scene(source, failing)
    expect(await read(await stream.open())).toEqual(['x', 'error internal call\n'])
    expect(record.endedBy).toBe('gateway')
    expect(source.cancelled).toBeGreaterThan(0)
  })

  test('the same dialect: the upstream’s own error event passes and nothing is added, but a secret in it does not', async () => {
    const pieces = [eventFrame(start, delta('a')), 'event: error\ndata: busy\n: with canary\n\n']
    const { stream } = scene(new ScriptedSource(...pieces), passing())
    expect((await read(await stream.open())).join('')).toBe(pieces.join('').replace('canary', '[redacted]'))
  })

  test('the same dialect: an upstream that breaks inside an event gives whole events and our error', async () => {
    const { stream } = scene(new ScriptedSource(eventFrame(delta('a')), 'data: [{"ty', broken), passing())
    expect((await read(await stream.open())).join('')).toBe(
      `${eventFrame(delta('a'))}error upstream_failed call\n`,
    )
  })

  test('the same dialect: all bytes pass, also those behind the end', async () => {
    const pieces = [
      ': hi\n\n',
      eventFrame(start),
      eventFrame(delta('北京')),
      eventFrame(end),
      'data: [DONE]\n\n: bye',
    ]
    const { stream, record } = scene(new ScriptedSource(...pieces), passing())
    expect((await read(await stream.open())).join('')).toBe(pieces.join(''))
    expect(record.endedBy).toBe('complete')
  })

  test('an answer that came to its end is complete, whatever the connection does then', async () => {
    const { stream, record } = scene(new ScriptedSource(eventFrame(delta('a'), end), broken))
    expect(await read(await stream.open())).toEqual(['block-delta\nanswer-end\n'])
    expect(record).toMatchObject({ endedBy: 'complete' })
    expect(record.error).toBeUndefined()
  })
})

describe('taps', () => {
  test('see every event once and in order, those before the commit together', async () => {
    const { stream, tapped } = scene(
      new ScriptedSource(
        eventFrame(start),
        eventFrame(opened),
        eventFrame(delta('a')),
        eventFrame(delta('b'), usage),
        eventFrame(end),
      ),
    )
    await read(await stream.open())
    expect(tapped).toEqual(['answer-start block-start block-delta', 'block-delta usage', 'answer-end'])
  })

  test('see a batch before the client does', async () => {
    const { stream, tapped } = scene(
      new ScriptedSource(eventFrame(delta('a')), eventFrame(delta('b')), eventFrame(end)),
    )
    await stream.open()
    expect(tapped).toHaveLength(1)
    await stream.next()
    await stream.next()
    expect(tapped).toHaveLength(2)
  })

  test('of a failed attempt see nothing: the next attempt’s events stand alone', async () => {
    const first = scene(new ScriptedSource(eventFrame(start), broken))
    await first.stream.open().catch(() => {})
    const second = scene(new ScriptedSource(eventFrame(start, delta('a')), eventFrame(end)))
    await read(await second.stream.open())
    expect([...first.tapped, ...second.tapped]).toEqual(['answer-start block-delta', 'answer-end'])
  })
})

describe('leaving', () => {
  test('closes the source once, gives nothing more and is on record', async () => {
    const { stream, record, source } = scene(
      new ScriptedSource(eventFrame(start), eventFrame(delta('a')), 'stall'),
    )
    await stream.open()
    stream.cancel()
    stream.cancel()
    expect(source.cancelled).toBe(1)
    expect(await read(stream)).toEqual([])
    expect(record.endedBy).toBe('client')
  })

  test('while a read is under way: the read’s outcome changes nothing', async () => {
    const { stream, record, source, tapped } = scene(new ScriptedSource(eventFrame(delta('a')), 'stall'))
    await stream.open()
    await stream.next()
    const pending = stream.next()
    stream.cancel()
    expect(await pending).toBeUndefined()
    expect(tapped).toEqual(['block-delta'])
    expect(record).toMatchObject({ endedBy: 'client' })
    expect(record.error).toBeUndefined()
    expect(source.cancelled).toBe(1)
  })

  test('behind the end, the answer stays complete', async () => {
    const { stream, record } = scene(new ScriptedSource(eventFrame(delta('a'), end), 'stall'))
    await stream.open()
    await stream.next()
    stream.cancel()
    expect(record.endedBy).toBe('complete')
  })
})

describe('reading on for a client that left', () => {
  const reading = (...steps: ConstructorParameters<typeof ScriptedSource>): Scene =>
    scene(new ScriptedSource(...steps), typing(), true)
  const big = 'x'.repeat(9 * 1024 * 1024)

  test('the taps hear the rest, nobody is shown it, and the upstream is not broken off', async () => {
    const { stream, source, tapped, record } = reading(
      eventFrame(start, delta('a')),
      eventFrame(delta('b')),
      eventFrame(usage),
      eventFrame(end),
    )
    await stream.open()
    await stream.cancel()
    expect(tapped).toEqual(['answer-start block-delta', 'block-delta', 'usage', 'answer-end'])
    expect([await stream.next(), source.cancelled, record.endedBy]).toEqual([undefined, 0, 'client'])
  })

  test('a read that is under way is the first of them', async () => {
    const { stream, tapped } = reading(
      eventFrame(start, delta('a')),
      eventFrame(delta('b')),
      eventFrame(usage, end),
    )
    await stream.open()
    await stream.next()
    const underWay = stream.next()
    await stream.cancel()
    expect([await underWay, tapped.length]).toEqual([undefined, 3])
  })

  test('a failure of the upstream ends it', async () => {
    const { stream, record } = reading(eventFrame(start, delta('a')), broken)
    await stream.open()
    await stream.cancel()
    expect([await stream.next(), record.endedBy]).toEqual([undefined, 'client'])
  })

  test('a second word ends it at once', async () => {
    const { stream, source } = reading(eventFrame(start, delta('a')), 'stall')
    await stream.open()
    const rest = stream.cancel()
    void stream.cancel()
    await rest
    expect(source.cancelled).toBe(1)
  })

  test('an endless answer is not read for ever', async () => {
    const frames = Array.from({ length: 20 }, () => eventFrame(delta(big)))
    const { stream, source } = reading(eventFrame(start, delta('a')), ...frames)
    await stream.open()
    await stream.cancel()
    expect(source.reads).toBeLessThan(6)
    expect(source.cancelled).toBe(1)
  })
})
