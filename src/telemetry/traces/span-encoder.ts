import type { AttemptRecord, Call, Refusal } from '../../pipeline/call.ts'
import { contentFree } from '../../pipeline/content-free.ts'
import type { GatewayError } from '../../protocol/model/error.ts'
import type { Redactor } from '../redact.ts'
import { shown } from './body-text.ts'
import {
  type AttemptView,
  answeringAttempt,
  operationOf,
  writeAttempt,
  writeConventions,
  writeOwn,
} from './call-attributes.ts'
import type { CallSpans } from './call-spans.ts'
import { CleanText } from './clean-text.ts'
import { type Shown, writeAttemptKind, writeGeneration } from './langfuse.ts'
import { SpanWriter } from './span-writer.ts'
import type { TraceSettings } from './trace-settings.ts'
import type { UnixClock } from './unix-clock.ts'

export interface Ended {
  call: Call
  spans: CallSpans
  /** On the clock that never jumps. */
  endedAt: number
}

export interface Encoded {
  /** Spans as fields of the message that holds them. */
  bytes: Uint8Array
  count: number
}

interface Bodies {
  request: Uint8Array | undefined
  response: Uint8Array | undefined
}

const MAXIMUM_NAME = 100

/** Makes the spans of calls that are over. */
export class SpanEncoder {
  readonly #writer = new SpanWriter()
  readonly #clock: UnixClock
  readonly #redactor: Redactor
  readonly #clean: CleanText

  constructor(redactor: Redactor, clock: UnixClock) {
    this.#redactor = redactor
    this.#clock = clock
    this.#clean = new CleanText(redactor)
  }

  /** One span for the call, and one below it for each attempt. */
  encode(ended: Ended): Encoded {
    this.#clock.adjust()
    this.#writer.clear()
    const { attempts } = ended.call.record
    const answered = answeringAttempt(ended.call.record) ?? attempts.at(-1)
    let shownAbove: Bodies | undefined
    // Written from the end: the first attempt comes right behind the call.
    for (let index = attempts.length - 1; index >= 0; index -= 1) {
      const attempt = attempts[index] as AttemptRecord
      const bodies = this.#bodies(ended, attempt)
      if (attempt === answered) shownAbove = bodies
      this.#attempt(ended, attempt, index + 1, bodies)
    }
    this.#call(ended, shownAbove)
    return { bytes: this.#writer.take(), count: attempts.length + 1 }
  }

  /** The span of a request that never became a call. */
  refusal(refusal: Refusal, spans: CallSpans, endedAt: number): Encoded {
    const { attributes: to } = this.#writer
    const clean = this.#clean.of
    this.#clock.adjust()
    this.#writer.clear()
    this.#writer.begin()
    to.text('gen_ai.operation.name', operationOf(refusal.endpoint))
    to.text('http.request.method', 'POST')
    to.whole('http.response.status_code', refusal.status)
    to.text('error.type', refusal.error.kind)
    to.text('xjp.request_id', clean(refusal.requestId))
    to.text('xjp.tenant', clean(refusal.identity.tenant))
    to.text('xjp.key', refusal.identity.key?.prefix)
    to.text('xjp.key_id', refusal.identity.key?.id)
    to.text('xjp.endpoint', refusal.endpoint)
    to.text('xjp.ended_by', refusal.endedBy)
    this.#server(spans, {
      name: operationOf(refusal.endpoint),
      startedAt: refusal.startedAt,
      endedAt,
      failure: refusal.endedBy === 'client' ? undefined : this.#said(refusal.error, spans, undefined),
      status: refusal.status,
    })
    return { bytes: this.#writer.take(), count: 1 }
  }

  #call(ended: Ended, bodies: Bodies | undefined): void {
    const { call, spans, endedAt } = ended
    const { record } = call
    const { attributes: to } = this.#writer
    const clean = this.#clean.of
    this.#writer.begin()
    writeConventions(to, call, spans, clean)
    writeOwn(to, call, clean)
    const content = this.#content(ended)
    to.utf8('input', content.input)
    to.utf8('output', content.output)
    writeBodies(to, bodies)
    if (spans.settings.isLangfuse) {
      const { firstByteMs } = record
      const first =
        firstByteMs === undefined ? undefined : this.#clock.milliseconds(call.startedAt + firstByteMs)
      writeGeneration(to, call, content, first, clean)
    }
    this.#server(spans, {
      // Names that are served nowhere have no end.
      name:
        record.error?.kind === 'model_not_found'
          ? operationOf(record.endpoint)
          : nameOf(call, record.model, clean),
      startedAt: call.startedAt,
      endedAt,
      failure: record.endedBy === 'client' ? undefined : this.#said(record.error, spans, call),
      status: record.status,
    })
  }

  #server(
    spans: CallSpans,
    span: {
      name: string
      startedAt: number
      endedAt: number
      failure: string | undefined
      status: number | undefined
    },
  ): void {
    const { status = 0, failure } = span
    // What a caller did wrong is no failure of the one it called.
    const isTheirs = status >= 400 && status <= 499
    this.#writer.end({
      traceId: spans.id,
      spanId: spans.spanId,
      parentId: spans.parent?.spanId,
      isParentRemote: spans.parent !== undefined,
      isSampled: spans.isSampled,
      state: this.#clean.of(spans.parent?.state),
      name: span.name,
      kind: 'server',
      start: this.#clock.nanoseconds(span.startedAt),
      end: this.#clock.nanoseconds(span.endedAt),
      failure: isTheirs ? undefined : failure,
    })
  }

  #attempt(ended: Ended, attempt: AttemptRecord, number: number, bodies: Bodies | undefined): void {
    const { call, spans } = ended
    const { attributes: to } = this.#writer
    const clean = this.#clean.of
    const span = spans.spanOf(attempt)
    const view: AttemptView = { span, number, error: errorOf(call, attempt) }
    this.#writer.begin()
    this.#events(call, attempt)
    writeAttempt(to, call, { ...view, spans, clean })
    writeBodies(to, bodies)
    if (spans.settings.isLangfuse) writeAttemptKind(to)
    const isWithdrawn = attempt.lost === true || view.error?.kind === 'client_closed'
    this.#writer.end({
      traceId: spans.id,
      spanId: span.spanId,
      parentId: spans.spanId,
      isParentRemote: false,
      isSampled: spans.isSampled,
      state: clean(spans.parent?.state),
      name: nameOf(call, attempt.model, clean),
      kind: 'client',
      start: this.#clock.nanoseconds(attempt.startedAt),
      end: this.#clock.nanoseconds(endOf(ended, attempt)),
      failure: isWithdrawn ? undefined : this.#said(view.error, spans, call),
    })
  }

  /** What an error says; upstreams repeat prompts in it, which only belong where content does. */
  #said(error: GatewayError | undefined, { content }: CallSpans, call: Call | undefined): string | undefined {
    if (!error) return undefined
    return this.#clean.of(content ? error.message : contentFree(error, call?.request))
  }

  /** The last comes first: they are written from the end. */
  #events(call: Call, attempt: AttemptRecord): void {
    const { startedAt, milliseconds, sentAt, answeredAt } = attempt
    if (attempt === answeringAttempt(call.record) && call.record.firstByteMs !== undefined)
      this.#writer.event('first_content', this.#clock.nanoseconds(startedAt + milliseconds))
    if (answeredAt !== undefined) this.#writer.event('answer_begun', this.#clock.nanoseconds(answeredAt))
    if (sentAt !== undefined) this.#writer.event('request_sent', this.#clock.nanoseconds(sentAt))
  }

  #content({ call, spans: { content, settings } }: Ended): Shown {
    return {
      input: this.#shown(content?.input(call), settings),
      output: this.#shown(content?.output(call), settings),
    }
  }

  #bodies({ spans: { seen, settings } }: Ended, attempt: AttemptRecord): Bodies | undefined {
    if (!seen) return undefined
    return {
      request: this.#shown(seen.requestOf(attempt), settings),
      response: this.#shown(seen.responseOf(attempt), settings),
    }
  }

  #shown(text: string | undefined, { bodyBytes }: TraceSettings): Uint8Array | undefined {
    return text === undefined ? undefined : shown(text, bodyBytes, this.#redactor)
  }
}

function writeBodies(to: SpanWriter['attributes'], bodies: Bodies | undefined): void {
  to.utf8('downstream.request', bodies?.request)
  to.utf8('downstream.response', bodies?.response)
}

function nameOf({ record }: Call, model: string, clean: CleanText['of']): string {
  const shown = clean(model)
  const short = shown.length > MAXIMUM_NAME ? shown.slice(0, MAXIMUM_NAME) : shown
  return `${operationOf(record.endpoint)} ${short}`
}

/** Why an attempt failed: before its first content, or in the middle of its answer. */
function errorOf({ record }: Call, attempt: AttemptRecord): GatewayError | undefined {
  if (attempt.error) return attempt.error
  const brokeOff = record.endedBy === 'upstream' && attempt === answeringAttempt(record)
  return brokeOff ? record.error : undefined
}

/** A stream goes on behind its first content; what still runs at the end was ended with its call. */
function endOf({ call, endedAt }: Ended, attempt: AttemptRecord): number {
  const isAnswering = attempt === answeringAttempt(call.record)
  const goesOn = isAnswering && (call.record.stream || attempt.milliseconds === 0)
  return goesOn ? endedAt : attempt.startedAt + attempt.milliseconds
}
