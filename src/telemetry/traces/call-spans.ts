import type { AttemptRecord, Call, CallTrace } from '../../pipeline/call.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import type { Content } from './content.ts'
import type { TraceIds } from './ids.ts'
import type { SeenBytes } from './seen-bytes.ts'
import { type TraceContext, writeTraceContext } from './trace-context.ts'
import type { TraceSettings } from './trace-settings.ts'

/** One attempt of a call: its span, and where its request went. */
export interface AttemptSpan {
  readonly attempt: AttemptRecord
  readonly spanId: string
  /** Undefined when nothing was sent, or not over HTTP. */
  url?: string
}

/** What is known of a call's trace while it runs: little more than ids, the spans are made when it is over. */
export class CallSpans implements CallTrace {
  /** Of the trace, and of the call's own span in it. */
  readonly id: string
  readonly spanId: string
  /** As they were when the call began. */
  readonly settings: TraceSettings
  /** Who called is part of a trace already. */
  readonly parent: TraceContext | undefined
  readonly isSampled: boolean
  /** Its spans are wanted: it is sampled, or it failed. */
  isExported: boolean
  /** Present where traces show content, and where they show what goes up and comes down. */
  content?: Content
  seen?: SeenBytes
  /** The answer's own id and model, as the upstream says them. */
  answerId: string | undefined
  answerModel: string | undefined
  readonly #ids: TraceIds
  readonly #attempts: AttemptSpan[] = []
  #hasBegun = false

  constructor(ids: TraceIds, settings: TraceSettings, parent: TraceContext | undefined, isSampled: boolean) {
    this.#ids = ids
    this.settings = settings
    this.parent = parent
    this.isSampled = isSampled
    this.id = parent?.traceId ?? ids.trace()
    this.isExported = isSampled
    this.spanId = ids.span()
  }

  /** For the log: a trace that somebody can look up. */
  get traceId(): string | undefined {
    return this.isExported ? this.id : undefined
  }

  sent(attempt: AttemptRecord | undefined, url: string): Record<string, string> {
    const span = attempt && this.spanOf(attempt)
    if (span) span.url = url
    return writeTraceContext({
      traceId: this.id,
      spanId: span?.spanId ?? this.spanId,
      isSampled: this.isSampled,
      state: this.parent?.state,
    })
  }

  spanOf(attempt: AttemptRecord): AttemptSpan {
    const known = this.#attempts.find((span) => span.attempt === attempt)
    if (known) return known
    const span: AttemptSpan = { attempt, spanId: this.#ids.span() }
    this.#attempts.push(span)
    return span
  }

  /** Reads along with the answer. */
  hear(call: Call, events: readonly AnswerEvent[]): void {
    this.content?.hear(call, events)
    if (this.#hasBegun) return
    for (const event of events) {
      if (event.type !== 'answer-start') continue
      this.#hasBegun = true
      this.answerId = event.id
      this.answerModel = event.model
    }
  }
}
