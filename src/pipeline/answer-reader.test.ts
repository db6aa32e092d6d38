import { describe, expect, test } from 'bun:test'
import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import {
  type AnswerBatch,
  type AnswerReader,
  LocalAnswerReader,
  SseAnswerReader,
  toGatewayError,
  WholeAnswerReader,
} from './answer-reader.ts'
import { eventDecoder, eventFrame, ScriptedSource } from './testing.ts'

const start: AnswerEvent = { type: 'answer-start', model: 'm' }
const delta = (text: string): AnswerEvent => ({
  type: 'block-delta',
  index: 0,
  delta: { type: 'text', text },
})
const end: AnswerEvent = { type: 'answer-end', finishes: [{ reason: 'stop' }] }
const early = new GatewayError('upstream_invalid', 'ended early')

async function all(reader: AnswerReader): Promise<AnswerBatch[]> {
  const batches: AnswerBatch[] = []
  for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) batches.push(batch)
  return batches
}

function events(batches: readonly AnswerBatch[]): AnswerEvent[] {
  return batches.flatMap((batch) => batch.events)
}

function bytes(batches: readonly AnswerBatch[]): string {
  return Buffer.concat(batches.map((batch) => batch.frames?.bytes ?? new Uint8Array(0))).toString()
}

function sse(source: ScriptedSource, read?: (data: string) => AnswerEvent[]): SseAnswerReader {
  return new SseAnswerReader(
    source,
    eventDecoder(() => [{ type: 'answer-error', error: early }], read),
  )
}

describe('a stream of events', () => {
  test('one read gives one batch, with its bytes', async () => {
    const pieces = [eventFrame(start), eventFrame(delta('a')) + eventFrame(delta('b')), eventFrame(end)]
    const batches = await all(sse(new ScriptedSource(...pieces)))
    expect(batches.slice(0, 3).map((batch) => batch.events)).toEqual([
      [start],
      [delta('a'), delta('b')],
      [end],
    ])
    expect(bytes(batches)).toBe(pieces.join(''))
  })

  test('however the bytes are cut, events and bytes are the same', async () => {
    const whole = Buffer.from(
      `: hello\r\n\r\n${eventFrame(start)}${eventFrame(delta('北京'), delta('é'))}${eventFrame(end)}data: [DONE]\n\n`,
    )
    for (let size = 1; size < whole.length; size += 1) {
      const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
        whole.subarray(at * size, (at + 1) * size),
      )
      const batches = await all(sse(new ScriptedSource(...pieces)))
      expect(events(batches)).toEqual([start, delta('北京'), delta('é'), end])
      expect(bytes(batches)).toBe(whole.toString())
    }
  })

  test('the end before the protocol’s own end is an error', async () => {
    const batches = await all(sse(new ScriptedSource(eventFrame(start), eventFrame(delta('a')))))
    expect(events(batches)).toEqual([start, delta('a'), { type: 'answer-error', error: early }])
  })

  test('a last event without its blank line counts', async () => {
    expect(events(await all(sse(new ScriptedSource(eventFrame(start), eventFrame(end).trimEnd()))))).toEqual([
      start,
      end,
    ])
  })

  test('a connection that breaks is the last event; half an event is not shown', async () => {
    const broken = new GatewayError('upstream_failed', 'broken')
    const source = new ScriptedSource(eventFrame(start), 'data: [{"type":', broken)
    const batches = await all(sse(source))
    expect(events(batches)).toEqual([start, { type: 'answer-error', error: broken }])
    expect(bytes(batches)).toBe(eventFrame(start))
    expect(source.cancelled).toBe(1)
  })

  test('an event without end is an error and closes the upstream', async () => {
    const block = `data: ${'x'.repeat(1_048_576)}`
    const source = new ScriptedSource(...Array.from({ length: 40 }, () => block))
    const batches = await all(sse(source))
    expect(events(batches)).toHaveLength(1)
    expect(events(batches)[0]).toMatchObject({ type: 'answer-error', error: { kind: 'upstream_invalid' } })
    expect(source.reads).toBeLessThan(30)
    expect(source.cancelled).toBe(1)
  })

  test('nothing counts behind the end', async () => {
    const batches = await all(
      sse(
        new ScriptedSource(
          eventFrame(start, end, delta('x')) + eventFrame(delta('y')),
          eventFrame(delta('z')),
        ),
      ),
    )
    expect(events(batches)).toEqual([start, end])
  })

  test('a break behind the end takes nothing away', async () => {
    const source = new ScriptedSource(eventFrame(start, end), new GatewayError('upstream_failed', 'broken'))
    expect(events(await all(sse(source)))).toEqual([start, end])
  })

  test('an upstream that stays open behind its end is left after a second', async () => {
    const source = new ScriptedSource(eventFrame(start, end), 'stall')
    const startedAt = performance.now()
    await all(sse(source))
    expect(performance.now() - startedAt).toBeLessThan(1_500)
    expect(source.cancelled).toBeGreaterThan(0)
  })

  test('an upstream that goes on and on behind its end is left', async () => {
    const source = new ScriptedSource(
      eventFrame(start, end),
      ...Array.from({ length: 1_000 }, () => `: ${'x'.repeat(1_000)}\n\n`),
    )
    const batches = await all(sse(source))
    expect(source.reads).toBeLessThan(100)
    expect(source.cancelled).toBeGreaterThan(0)
    expect(bytes(batches).length).toBeLessThan(70_000)
  })

  test('one that trickles behind its end is left a second after the end, not after the last byte', async () => {
    const source = new ScriptedSource(eventFrame(start, end))
    const original = source.read.bind(source)
    source.read = async () => {
      if (source.reads === 0) return original()
      source.reads += 1
      await new Promise((resolve) => setTimeout(resolve, 100))
      return Buffer.from(': x\n\n')
    }
    const startedAt = performance.now()
    await all(sse(source))
    expect(performance.now() - startedAt).toBeLessThan(1_500)
  })

  test('leaving while it reads gives nothing more, not even an error', async () => {
    const source = new ScriptedSource(eventFrame(start), 'stall')
    const reader = sse(source)
    await reader.next()
    const pending = reader.next()
    reader.cancel()
    expect(await pending).toBeUndefined()
    expect(await reader.next()).toBeUndefined()
    expect(source.cancelled).toBe(1)
  })

  test('leaving when the read then fails is the same', async () => {
    const source = new ScriptedSource(eventFrame(start))
    const reader = sse(source)
    await reader.next()
    source.read = () => Promise.reject(new GatewayError('upstream_failed', 'aborted'))
    const pending = reader.next()
    reader.cancel()
    expect(await pending).toBeUndefined()
  })

  test('an error the upstream said keeps its frame', async () => {
    const said = new GatewayError('overloaded', 'busy', {
      upstream: { dialect: 'messages', status: 529, body: '{}' },
    })
    const wire = `${eventFrame(delta('a'))}data: busy\n\n`
    const [batch] = await all(sse(new ScriptedSource(wire), () => [{ type: 'answer-error', error: said }]))
    expect(batch).toMatchObject({ errorInFrames: true })
    expect(Buffer.from(batch?.frames?.bytes ?? []).toString()).toBe(wire)
  })

  test('a frame that we found wrong is left out, with all behind it', async () => {
    const wrong = new GatewayError('upstream_invalid', 'not JSON')
    const good = `: 北京\n\n${eventFrame(delta('é'))}`
    const [batch] = await all(
      sse(new ScriptedSource(`${good}data: <html>\n\n${eventFrame(delta('b'))}`), () => [
        { type: 'answer-error', error: wrong },
      ]),
    )
    expect(batch?.errorInFrames).toBeUndefined()
    expect(batch?.events).toEqual([delta('é'), { type: 'answer-error', error: wrong }])
    expect(Buffer.from(batch?.frames?.bytes ?? []).toString()).toBe(good)
    expect(batch?.frames?.text).toBe(good)
  })

  test('a decoder that throws is an error without a word of its inside', async () => {
    const batches = await all(
      sse(new ScriptedSource('data: x\n\n'), () => {
        throw new TypeError('secret of the inside')
      }),
    )
    const [event] = events(batches)
    expect(event).toMatchObject({ type: 'answer-error', error: { kind: 'internal' } })
    expect(JSON.stringify(event)).not.toContain('secret')
  })
})

describe('a whole answer', () => {
  test('comes once', async () => {
    const reader = new WholeAnswerReader([start, end])
    expect(await all(reader)).toEqual([{ events: [start, end] }])
  })

  test('not after it was left', async () => {
    const reader = new WholeAnswerReader([start, end])
    reader.cancel()
    expect(await reader.next()).toBeUndefined()
  })
})

describe('an answer made inside the machine', () => {
  interface Trace {
    aborted: boolean
    cleaned: boolean
  }

  function local(batches: AnswerEvent[][], trace: Trace, failure?: Error): LocalAnswerReader {
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => {
      trace.aborted = true
    })
    async function* generate(): AsyncGenerator<AnswerEvent[]> {
      try {
        for (const batch of batches) yield batch
        if (failure) throw failure
      } finally {
        trace.cleaned = true
      }
    }
    return new LocalAnswerReader(generate(), controller)
  }

  const cases: [string, AnswerEvent[][], Error | undefined, (string | undefined)[], Trace][] = [
    [
      'to its end',
      [[start], [end]],
      undefined,
      ['answer-start', 'answer-end'],
      { aborted: false, cleaned: true },
    ],
    [
      'without an end',
      [[start]],
      undefined,
      ['answer-start', 'answer-error'],
      { aborted: true, cleaned: true },
    ],
    ['nothing at all', [], undefined, ['answer-error'], { aborted: true, cleaned: true }],
    [
      'a failure',
      [[start]],
      new Error('x'),
      ['answer-start', 'answer-error'],
      { aborted: true, cleaned: true },
    ],
    [
      'more behind its end',
      [[start, end], [delta('x')]],
      undefined,
      ['answer-start', 'answer-end'],
      { aborted: false, cleaned: true },
    ],
  ]
  for (const [name, batches, failure, expected, traced] of cases)
    test(name, async () => {
      const trace = { aborted: false, cleaned: false }
      expect(events(await all(local(batches, trace, failure))).map((event) => event.type)).toEqual(
        expected as AnswerEvent['type'][],
      )
      expect(trace).toEqual(traced)
    })

  test('left before it began, the signal still ends the work', async () => {
    const trace = { aborted: false, cleaned: false }
    const reader = local([[start], [end]], trace)
    reader.cancel()
    reader.cancel()
    expect(await reader.next()).toBeUndefined()
    expect(trace.aborted).toBe(true)
  })

  test('left in the middle, it is cleaned up', async () => {
    const trace = { aborted: false, cleaned: false }
    const reader = local([[start], [delta('a')], [end]], trace)
    await reader.next()
    reader.cancel()
    await Promise.resolve()
    expect(await reader.next()).toBeUndefined()
    expect(trace).toEqual({ aborted: true, cleaned: true })
  })
})

describe('any thrown value as an error for clients', () => {
  test('ours stays', () => {
    expect(toGatewayError(early)).toBe(early)
  })

  for (const thrown of [new TypeError('x'), 'text', undefined, null, 5, {}])
    test(`${String(thrown)} shows nothing of itself`, () => {
      const error = toGatewayError(thrown)
      expect([error.kind, error.message]).toEqual(['internal', 'The gateway met an internal error'])
      expect(error.details.cause).toBe(thrown)
    })
})
