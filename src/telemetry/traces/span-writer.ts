import { AttributeWriter } from '../otlp/attributes.ts'
import { ProtobufWriter } from '../otlp/protobuf.ts'

/** Fields of `opentelemetry.proto.trace.v1.Span`, of its events and its status, and of the message around spans. */
const SPANS = 2
const TRACE_ID = 1
const SPAN_ID = 2
const TRACE_STATE = 3
const PARENT_ID = 4
const NAME = 5
const KIND = 6
const START = 7
const END = 8
const ATTRIBUTES = 9
const EVENTS = 11
const STATUS = 15
const FLAGS = 16
const EVENT_TIME = 1
const EVENT_NAME = 2
const STATUS_MESSAGE = 2
const STATUS_CODE = 3

const FAILED = 2
/** Beside the trace's own flags: whether the parent is in another process is known, and it is. */
const IS_REMOTE_KNOWN = 0x100
const IS_REMOTE = 0x200

const kinds = { server: 2, client: 3 } as const

export interface SpanHead {
  traceId: string
  spanId: string
  parentId: string | undefined
  isParentRemote: boolean
  isSampled: boolean
  state: string | undefined
  name: string
  kind: keyof typeof kinds
  /** Nanoseconds since 1970. */
  start: number
  end: number
  /** Present when it failed: why. */
  failure: string | undefined
}

/** Writes spans, one behind the other, each with its attributes and events between `begin` and `end`. */
export class SpanWriter {
  readonly #writer = new ProtobufWriter()
  readonly attributes = new AttributeWriter(this.#writer, ATTRIBUTES)
  #since = 0

  begin(): void {
    this.#since = this.#writer.length
  }

  /** `at`: nanoseconds since 1970. */
  event(name: string, at: number): void {
    const writer = this.#writer
    const since = writer.length
    writer.text(EVENT_NAME, name)
    writer.fixed64(EVENT_TIME, at)
    writer.close(EVENTS, since)
  }

  end(head: SpanHead): void {
    const writer = this.#writer
    const remote = head.isParentRemote ? IS_REMOTE : 0
    writer.fixed32(FLAGS, IS_REMOTE_KNOWN + remote + (head.isSampled ? 1 : 0))
    if (head.failure !== undefined) {
      const since = writer.length
      writer.whole(STATUS_CODE, FAILED)
      writer.text(STATUS_MESSAGE, head.failure)
      writer.close(STATUS, since)
    }
    writer.fixed64(END, head.end)
    writer.fixed64(START, head.start)
    writer.whole(KIND, kinds[head.kind])
    writer.text(NAME, head.name)
    if (head.parentId !== undefined) writer.hex(PARENT_ID, head.parentId)
    if (head.state !== undefined) writer.text(TRACE_STATE, head.state)
    writer.hex(SPAN_ID, head.spanId)
    writer.hex(TRACE_ID, head.traceId)
    writer.close(SPANS, this.#since)
  }

  /** Forgets what was begun and never taken. */
  clear(): void {
    this.#writer.clear()
  }

  take(): Uint8Array {
    return this.#writer.take()
  }
}
