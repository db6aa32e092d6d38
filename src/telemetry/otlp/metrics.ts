import type { Family, Sample } from '../metrics/family.ts'
import { AttributeWriter } from './attributes.ts'
import { ProtobufWriter } from './protobuf.ts'

/** Fields of `opentelemetry.proto.metrics.v1`: of what holds metrics, of a metric, of its data, of its points. */
const METRICS = 2
const NAME = 1
const DESCRIPTION = 2
const UNIT = 3
const dataFields = { gauge: 5, counter: 7, histogram: 9 } as const
const POINTS = 1
const TEMPORALITY = 2
const IS_MONOTONIC = 3
const START = 2
const TIME = 3
const NUMBER = 4
const NUMBER_ATTRIBUTES = 7
const COUNT = 4
const SUM = 5
const BUCKETS = 6
const BOUNDS = 7
const HISTOGRAM_ATTRIBUTES = 9

/** Every point says what came together since the start. */
const CUMULATIVE = 2

/** In the words of the Unified Code for Units of Measure. */
const units = { seconds: 's', bytes: 'By', dollars: '{dollar}' } as const

/** Nanoseconds since 1970. */
interface Period {
  start: number
  end: number
}

/** Metrics as fields of the message that holds them, each by itself, so that they can be put into several messages. */
export function encodeMetrics(families: readonly Family[], period: Period): Uint8Array[] {
  const writer = new ProtobufWriter()
  return families.map((family) => {
    writeFamily(writer, family, period)
    return writer.take()
  })
}

function writeFamily(writer: ProtobufWriter, family: Family, period: Period): void {
  const { type, samples } = family
  if (type === 'counter') writer.whole(IS_MONOTONIC, 1)
  if (type !== 'gauge') writer.whole(TEMPORALITY, CUMULATIVE)
  for (let index = samples.length - 1; index >= 0; index -= 1) {
    const since = writer.length
    writePoint(writer, family, samples[index] as Sample, period)
    writer.close(POINTS, since)
  }
  writer.close(dataFields[type], 0)
  if (family.unit) writer.text(UNIT, units[family.unit])
  writer.text(DESCRIPTION, family.help)
  writer.text(NAME, family.name)
  writer.close(METRICS, 0)
}

function writePoint(writer: ProtobufWriter, family: Family, sample: Sample, { start, end }: Period): void {
  const isHistogram = family.type === 'histogram'
  const attributes = new AttributeWriter(writer, isHistogram ? HISTOGRAM_ATTRIBUTES : NUMBER_ATTRIBUTES)
  for (let index = family.labels.length - 1; index >= 0; index -= 1)
    attributes.text(family.labels[index] as string, sample.labels[index])
  if (isHistogram) writeBuckets(writer, family, sample)
  else writer.double(NUMBER, sample.value)
  writer.fixed64(TIME, end)
  if (family.type !== 'gauge') writer.fixed64(START, start)
}

function writeBuckets(writer: ProtobufWriter, { bounds = [] }: Family, { counts = [], value }: Sample): void {
  writer.doubles(BOUNDS, bounds)
  writer.fixed64s(BUCKETS, counts)
  writer.double(SUM, value)
  writer.fixed64(
    COUNT,
    counts.reduce((sum, count) => sum + count, 0),
  )
}
