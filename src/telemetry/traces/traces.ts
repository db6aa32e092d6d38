import type { Call, CallObserver, CallRecord, Refusal } from '../../pipeline/call.ts'
import type { Logger } from '../log.ts'
import type { ExportCounts } from '../otlp/exporter.ts'
import { CallSpans } from './call-spans.ts'
import { Content } from './content.ts'
import type { TraceIds } from './ids.ts'
import { both, SeenBytes } from './seen-bytes.ts'
import type { Encoded, Ended, SpanEncoder } from './span-encoder.ts'
import { readTraceContext } from './trace-context.ts'
import type { TraceSettings } from './trace-settings.ts'

/** Where encoded spans go; it follows the configuration. */
export interface SpanOutlet {
  /** How calls that begin now are traced; undefined when they are not. */
  settings(): TraceSettings | undefined
  push(bytes: Uint8Array, spans: number): void
  readonly counts: ExportCounts
  stop(milliseconds: number): Promise<void>
}

export interface TracesParts {
  outlet: SpanOutlet
  encoder: SpanEncoder
  ids: TraceIds
  /** Uniform in [0, 1). */
  random(): number
  /** Milliseconds on the clock that never jumps. */
  monotonic(): number
  /** Does the work when the loop has time for it, after what clients wait for. */
  defer(work: () => void): void
  log: Pick<Logger, 'error'>
}

/** Calls that are over and whose spans are not made yet. */
const MAXIMUM_PENDING = 2_000
/** Longest time in which spans are made without a look at anything else. */
const SLICE_MILLISECONDS = 1

interface Pending {
  requestId: string
  spans: number
  encode(): Encoded
}

/** Traces every call from its record when it is over, beside the answer's way. */
export class Traces implements CallObserver {
  readonly #parts: TracesParts
  #pending: Pending[] = []
  #isDeferred = false
  #dropped = 0

  constructor(parts: TracesParts) {
    this.#parts = parts
  }

  /** What became of spans so far. */
  get counts(): ExportCounts {
    const { counts } = this.#parts.outlet
    return { ...counts, dropped: counts.dropped + this.#dropped }
  }

  begun(call: Call): void {
    const settings = this.#parts.outlet.settings()
    if (!settings) return
    const spans = this.#spansOf(call.headers, settings)
    call.trace = spans
    if (!spans.isSampled) return
    if (settings.showsContent) spans.content = new Content(settings.bodyBytes)
    if (settings.showsBodies) {
      spans.seen = new SeenBytes(settings.bodyBytes)
      call.capture = call.capture ? both(call.capture, spans.seen) : spans.seen
    }
    call.taps.push((events) => spans.hear(call, events))
  }

  ended(call: Call, milliseconds: number): void {
    const { trace: spans } = call
    if (!(spans instanceof CallSpans)) return
    spans.isExported ||= hasFailed(call.record)
    if (!spans.isExported) return
    const ended: Ended = { call, spans, endedAt: call.startedAt + milliseconds }
    this.#later({
      requestId: call.id,
      spans: 1 + call.record.attempts.length,
      encode: () => this.#parts.encoder.encode(ended),
    })
  }

  refused(refusal: Refusal): void {
    const settings = this.#parts.outlet.settings()
    if (!settings) return
    const endedAt = this.#parts.monotonic()
    const spans = this.#spansOf(refusal.headers, settings)
    if (!spans.isSampled && refusal.endedBy === 'client') return
    this.#later({
      requestId: refusal.requestId,
      spans: 1,
      encode: () => this.#parts.encoder.refusal(refusal, spans, endedAt),
    })
  }

  /** Hands over what there is, within the time. */
  async stop(milliseconds: number): Promise<void> {
    for (const pending of this.#pending.splice(0)) this.#make(pending)
    await this.#parts.outlet.stop(milliseconds)
  }

  #spansOf(headers: Headers | undefined, settings: TraceSettings): CallSpans {
    const parent = headers && readTraceContext(headers)
    const isSampled = parent ? parent.isSampled : this.#parts.random() < settings.rate
    return new CallSpans(this.#parts.ids, settings, parent, isSampled)
  }

  #later(pending: Pending): void {
    if (this.#pending.length >= MAXIMUM_PENDING) {
      this.#dropped += pending.spans
      return
    }
    this.#pending.push(pending)
    this.#defer()
  }

  #defer(): void {
    if (this.#isDeferred) return
    this.#isDeferred = true
    this.#parts.defer(() => {
      this.#isDeferred = false
      this.#drain()
    })
  }

  #drain(): void {
    const { monotonic } = this.#parts
    const until = monotonic() + SLICE_MILLISECONDS
    let made = 0
    for (const pending of this.#pending) {
      if (made > 0 && monotonic() >= until) break
      made += 1
      this.#make(pending)
    }
    this.#pending.splice(0, made)
    if (this.#pending.length > 0) this.#defer()
  }

  #make({ requestId, spans, encode }: Pending): void {
    try {
      const { bytes, count } = encode()
      this.#parts.outlet.push(bytes, count)
    } catch (thrown) {
      this.#dropped += spans
      this.#parts.log.error('a trace could not be made', { request_id: requestId, cause: String(thrown) })
    }
  }
}

/** A client that left has seen no failure. */
function hasFailed({ error, endedBy }: CallRecord): boolean {
  return error !== undefined && endedBy !== 'client'
}
