import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { decodeSpans } from '../../../test/rig/otlp-definitions.ts'
import { SpanWriter } from '../traces/span-writer.ts'
import { AttributeWriter } from './attributes.ts'
import { ProtobufWriter } from './protobuf.ts'
import { envelope } from './resource.ts'

const wrap = envelope({
  serviceName: 'service',
  version: '1.2.3',
  instance: 'one',
  attributes: { zone: 'a' },
})

const head = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentId: undefined,
  isParentRemote: false,
  isSampled: true,
  state: undefined,
  name: 'chat m',
  kind: 'server' as const,
  start: 1_790_000_000_000_000_000,
  end: 1_790_000_001_000_000_000,
  failure: undefined,
}

/** Well-formed text: what is not comes out as U+FFFD, which a property of equality cannot say. */
const text = fc.string({ unit: 'binary', maxLength: 200 }).map((value) => Buffer.from(value).toString())
const whole = fc.oneof(fc.nat(200), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
const double = fc.double({ noNaN: true, noDefaultInfinity: true })

test('what is written reads the same by the official definitions', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text, whole, double, list: fc.array(text, { minLength: 1, maxLength: 5 }) }), {
        maxLength: 8,
      }),
      (items) => {
        const writer = new SpanWriter()
        for (const [index, item] of items.toReversed().entries()) {
          writer.begin()
          writer.attributes.text('text', item.text)
          writer.attributes.utf8('utf8', Buffer.from(item.text))
          writer.attributes.whole('whole', item.whole)
          writer.attributes.double('double', item.double)
          writer.attributes.texts('list', item.list)
          writer.attributes.flag('flag', true)
          writer.end({ ...head, name: `span ${items.length - 1 - index}` })
        }
        const spans = decodeSpans(wrap([writer.take()]))
        expect(spans.map(({ name }) => name)).toEqual(items.map((_, index) => `span ${index}`))
        expect(spans.map(({ attributes }) => attributes)).toEqual(
          items.map((item) => ({
            text: item.text,
            utf8: item.text,
            whole: item.whole,
            double: item.double,
            list: item.list,
            flag: true,
          })),
        )
      },
    ),
    { numRuns: 300 },
  )
})

test('a span with everything', () => {
  const writer = new SpanWriter()
  writer.begin()
  writer.event('later', 1_790_000_000_500_000_000)
  writer.event('sooner', 1_790_000_000_000_000_000 + 2 ** 28)
  writer.end({
    ...head,
    parentId: '00f067aa0ba902b7',
    isParentRemote: true,
    state: 'vendor=1',
    kind: 'client',
    failure: 'it broke',
  })
  const [span] = decodeSpans(wrap([writer.take()]))
  expect(span).toEqual({
    traceId: head.traceId,
    spanId: head.spanId,
    parentId: '00f067aa0ba902b7',
    state: 'vendor=1',
    name: 'chat m',
    kind: 'client',
    start: 1_790_000_000_000_000_000n,
    end: 1_790_000_001_000_000_000n,
    attributes: {},
    events: [
      { name: 'sooner', at: 1_790_000_000_268_435_456n },
      { name: 'later', at: 1_790_000_000_500_000_000n },
    ],
    failed: true,
    message: 'it broke',
    flags: 0x301,
    resource: {
      zone: 'a',
      'service.name': 'service',
      'service.version': '1.2.3',
      'service.instance.id': 'one',
    },
    scope: 'xjp-gateway',
  })
})

test('bodies larger than any buffer, and small ones behind them', () => {
  const writer = new ProtobufWriter()
  const attributes = new AttributeWriter(writer, 1)
  const sizes = [3, 5_000, 1_000_000, 20, 300_000, 1]
  for (const size of sizes) {
    attributes.text('k', 'ä'.repeat(size))
    const taken = writer.take()
    expect(
      Buffer.from(taken)
        .toString()
        .endsWith('ä'.repeat(Math.min(size, 100))),
    ).toBe(true)
    expect(taken.length).toBeGreaterThan(2 * size)
    expect(writer.length).toBe(0)
  }
})

test('what is no number is left out', () => {
  const writer = new SpanWriter()
  writer.begin()
  for (const value of [Number.NaN, -1, 1.5, Number.POSITIVE_INFINITY, undefined])
    writer.attributes.whole(`whole ${value}`, value)
  for (const value of [Number.NaN, Number.NEGATIVE_INFINITY, undefined])
    writer.attributes.double(`double ${value}`, value)
  writer.attributes.text('text', undefined)
  writer.attributes.texts('none', [])
  writer.attributes.flag('flag', false)
  writer.end(head)
  expect(decodeSpans(wrap([writer.take()]))[0]?.attributes).toEqual({})
})

test('half a character becomes one of its own', () => {
  const writer = new SpanWriter()
  writer.begin()
  writer.attributes.text('short', 'a\ud800b')
  writer.attributes.text('long', `${'x'.repeat(100)}\udc00`)
  writer.end(head)
  expect(decodeSpans(wrap([writer.take()]))[0]?.attributes).toEqual({
    short: 'a\ufffdb',
    long: `${'x'.repeat(100)}\ufffd`,
  })
})
