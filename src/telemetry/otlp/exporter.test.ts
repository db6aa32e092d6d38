import { describe, expect, test } from 'bun:test'
import type { ExportOutcome } from '../../upstream/otlp/port.ts'
import { BatchExporter } from './exporter.ts'
import { settled, TestClock, TestLog, TestTransport } from './testing.ts'
import { Trouble } from './trouble.ts'

const retry: ExportOutcome = { kind: 'retry', reason: 'it is away' }
const refused: ExportOutcome = { kind: 'refused', reason: 'it answered 401' }

function bench() {
  const clock = new TestClock()
  const transport = new TestTransport(clock)
  const log = new TestLog()
  const trouble = new Trouble('traces', { exporter: 'otlp_http', address: 'a' }, log, clock.monotonic)
  const exporter = new BatchExporter({
    signal: 'traces',
    transport,
    trouble,
    clock,
    // The least of every backoff: half of it.
    random: () => 0,
    message: (chunks) => Buffer.concat(chunks),
  })
  const push = (bytes: number, spans = 1): void => exporter.push(new Uint8Array(bytes), spans)
  const said = (): string[] => log.lines.map(({ level, message }) => `${level}: ${message}`)
  return { clock, transport, exporter, push, said, log }
}

describe('what is sent when', () => {
  test('little waits a second for company', async () => {
    const { clock, transport, push, exporter } = bench()
    push(10)
    await clock.pass(600)
    push(20)
    await clock.pass(399)
    expect(transport.received).toEqual([])
    await clock.pass(1)
    expect(transport.received.map(({ message, at }) => [message.length, at])).toEqual([[30, 1_000]])
    expect(exporter.counts).toEqual({ exported: 2, dropped: 0, lost: 0, rejected: 0, waiting: 0 })
  })

  test('enough spans, or enough bytes, go at once', async () => {
    const { clock, transport, push } = bench()
    push(10, 511)
    push(10, 1)
    await clock.pass(0)
    expect(transport.received).toHaveLength(1)
    push(256 * 1024)
    await clock.pass(0)
    expect(transport.received).toHaveLength(2)
  })

  test('one export at a time, and no message beyond two megabytes that could be smaller', async () => {
    const { clock, transport, push } = bench()
    transport.outcomes.push('hangs')
    push(300 * 1024)
    for (let count = 0; count < 20; count += 1) push(300 * 1024)
    push(3 * 1024 * 1024)
    await clock.pass(60_000)
    expect(transport.received).toHaveLength(1)
    const { exporter, clock: other, transport: works } = bench()
    for (let count = 0; count < 20; count += 1) exporter.push(new Uint8Array(300 * 1024), 1)
    exporter.push(new Uint8Array(3 * 1024 * 1024), 1)
    await other.pass(1_000)
    const sizes = works.received.map(({ message }) => message.length / 1024)
    expect(sizes).toEqual([300, 1800, 1800, 1800, 300, 3072])
  })
})

describe('a collector that is away', () => {
  test('the queue is bounded by bytes and by spans; what does not fit is counted', async () => {
    const { exporter, push, clock, transport } = bench()
    transport.always = 'hangs'
    for (let count = 0; count < 100; count += 1) push(1024 * 1024)
    expect(exporter.counts).toMatchObject({ waiting: 16, dropped: 84 })
    const other = bench()
    other.transport.always = 'hangs'
    for (let count = 0; count < 20_000; count += 1) other.push(1)
    expect(other.exporter.counts).toMatchObject({ waiting: 16_384, dropped: 3_616 })
    await clock.pass(0)
  })

  test('the same message comes again, later and later, and is given up after five times', async () => {
    const { clock, transport, push, exporter } = bench()
    transport.always = retry
    push(7, 3)
    await clock.pass(8_500)
    expect(transport.received.map(({ at }) => at)).toEqual([1_000, 1_500, 2_500, 4_500, 8_500])
    expect(transport.received.every(({ message }) => message.length === 7)).toBe(true)
    expect(exporter.counts).toMatchObject({ lost: 3, waiting: 0 })
  })

  test('what comes meanwhile waits for the rest to be over', async () => {
    const { clock, transport, push, exporter } = bench()
    transport.outcomes.push(retry, retry, retry, retry, retry)
    push(7)
    await clock.pass(8_500)
    push(9)
    await clock.pass(7_999)
    expect(transport.received).toHaveLength(5)
    await clock.pass(1)
    expect(transport.received.at(-1)?.message.length).toBe(9)
    expect(exporter.counts).toMatchObject({ exported: 1, lost: 1 })
  })

  test('it is waited as long as it says, up to a minute', async () => {
    const { clock, transport, push } = bench()
    transport.outcomes.push({ ...retry, afterMs: 7_000 }, { ...retry, afterMs: 3_600_000 })
    push(1)
    await clock.pass(100_000)
    expect(transport.received.map(({ at }) => at)).toEqual([1_000, 8_000, 68_000])
  })

  test('what is refused is not sent again, and the next only after a rest', async () => {
    const { clock, transport, push, exporter } = bench()
    transport.outcomes.push(refused, refused)
    push(1)
    await clock.pass(1_000)
    push(2, 600)
    await clock.pass(499)
    expect(transport.received).toHaveLength(1)
    await clock.pass(1)
    expect(transport.received).toHaveLength(2)
    push(3, 600)
    await clock.pass(1_000)
    expect(transport.received.map(({ message }) => message.length)).toEqual([1, 2, 3])
    expect(exporter.counts).toMatchObject({ lost: 601, exported: 600 })
  })

  test('failure and recovery are told once each', async () => {
    const { clock, transport, push, said, log } = bench()
    transport.outcomes.push(retry, retry, refused)
    push(1)
    await clock.pass(10_000)
    push(1)
    await clock.pass(20_000)
    push(1)
    await clock.pass(20_000)
    expect(said()).toEqual(['warn: traces cannot be exported', 'info: traces are exported again'])
    expect(log.lines[0]?.fields).toEqual({ exporter: 'otlp_http', address: 'a', reason: 'it is away' })
  })
})

test('what a collector does not take of an export is counted and told, not again within a minute', async () => {
  const { clock, transport, push, exporter, log } = bench()
  transport.always = { kind: 'accepted', rejected: 2, message: 'too old' }
  for (let round = 0; round < 59; round += 1) {
    push(1, 5)
    await clock.pass(1_000)
  }
  expect(exporter.counts).toMatchObject({ exported: 177, rejected: 118, lost: 0 })
  expect(log.lines.map(({ message, fields }) => [message, fields['rejected'], fields['reason']])).toEqual([
    ['a collector did not take all traces', 2, 'too old'],
  ])
  transport.always = { kind: 'accepted', rejected: 1e9, message: '' }
  push(1, 5)
  await clock.pass(1_000)
  expect(exporter.counts).toMatchObject({ exported: 177, rejected: 123 })
})

describe('the end', () => {
  test('what waits is handed over at once', async () => {
    const { transport, exporter, push } = bench()
    push(1)
    push(2)
    await exporter.stop(1_000)
    expect(transport.received.map(({ message }) => message.length)).toEqual([3])
    expect(transport.isClosed).toBe(true)
    expect(exporter.counts).toMatchObject({ exported: 2, lost: 0, waiting: 0 })
  })

  test('a collector that hangs gets no more than the time', async () => {
    const { clock, transport, exporter, push, said } = bench()
    transport.always = 'hangs'
    push(1, 4)
    const stopped = exporter.stop(1_000).then(() => clock.now)
    await clock.pass(5_000)
    expect(await stopped).toBeLessThanOrEqual(5_000)
    expect(exporter.counts).toMatchObject({ exported: 0, lost: 4, waiting: 0 })
    expect(said()).toEqual(['warn: traces were lost at the end'])
    exporter.push(new Uint8Array(1), 1)
    expect(exporter.counts.dropped).toBe(1)
  })

  test('one that fails is asked again while there is time', async () => {
    const { clock, transport, exporter, push } = bench()
    transport.outcomes.push(retry, retry)
    push(1, 4)
    const stopped = exporter.stop(1_000)
    await clock.pass(1_000)
    await stopped
    expect(transport.received.map(({ at }) => at)).toEqual([0, 100, 200])
    expect(exporter.counts).toMatchObject({ exported: 4, lost: 0 })
  })

  test('a pause that was asked for is not waited for', async () => {
    const { clock, transport, exporter, push } = bench()
    transport.outcomes.push({ ...retry, afterMs: 60_000 })
    push(1)
    await clock.pass(2_000)
    await exporter.stop(1_000)
    await settled()
    expect(transport.received.map(({ at }) => at)).toEqual([1_000, 2_000])
  })

  test('nothing waits: nothing is sent', async () => {
    const { transport, exporter } = bench()
    await exporter.stop(1_000)
    expect(transport.received).toEqual([])
  })
})
