import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent } from '../../model/event.ts'
import type { Finish } from '../../model/finish.ts'
import { isObject, type JsonObject, parseJson, rest } from '../../model/json.ts'
import type { Frame, Machine } from '../../model/machine.ts'
import { extensionsOf } from '../../model/origin.ts'
import type { DecodeContext } from '../dialect.ts'
import { CandidateDecoder, type Numbering } from './candidate.ts'
import { errorOf } from './error.ts'
import { blockedFinish } from './finish.ts'
import { epochSeconds } from './timestamp.ts'
import { decodeUsage } from './usage.ts'
import { DIALECT, type WireAnswer, type WireCandidate } from './wire.ts'

const KNOWN = new Set(['candidates', 'usageMetadata', 'modelVersion', 'responseId'])

export function decodeStream(context: DecodeContext): Machine<Frame, AnswerEvent> {
  return new AnswerDecoder(context)
}

/**
 * Chunks → events. Each chunk is a whole answer object; there is no end marker, so the answer is complete when the
 * stream ends and every candidate has said why it finished (or the prompt was blocked).
 */
export class AnswerDecoder implements Machine<Frame, AnswerEvent> {
  readonly #context: DecodeContext
  readonly #numbering: Numbering = { next: 0 }
  readonly #candidates: CandidateDecoder[] = []
  #started = false
  #over = false
  #blocked: Finish | undefined
  #rest: JsonObject | undefined

  constructor(context: DecodeContext) {
    this.#context = context
  }

  push(frame: Frame): AnswerEvent[] {
    if (this.#over || frame.data === '' || frame.data === '[DONE]') return []
    const parsed = parseJson(frame.data)
    if (isObject(parsed)) return this.chunk(parsed, frame.data)
    // An error body may come wrapped in an array (protocol.md §1.4).
    if (Array.isArray(parsed)) return parsed.filter(isObject).flatMap((chunk) => this.chunk(chunk))
    return this.#fail('sent an event that is not a JSON object')
  }

  chunk(wire: WireAnswer, text?: string): AnswerEvent[] {
    if (this.#over) return []
    if (wire.error) {
      this.#over = true
      return [{ type: 'answer-error', error: errorOf(wire, 0, text ?? JSON.stringify(wire)) }]
    }
    const events: AnswerEvent[] = []
    try {
      this.#read(wire, events)
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      this.#over = true
      events.push({ type: 'answer-error', error })
    }
    return events
  }

  end(): AnswerEvent[] {
    if (this.#over) return []
    if (this.#blocked && this.#candidates.length === 0) return this.#complete([], [this.#blocked])
    if (this.#candidates.length === 0) return this.#fail('ended without an answer')
    if (this.#candidates.some((candidate) => candidate.finishRaw === undefined && !this.#blocked))
      return this.#fail('ended early: a candidate has no finishReason')
    const events: AnswerEvent[] = []
    const failed = this.#candidates.find((candidate) => candidate.failed)
    if (failed && !this.#blocked && !this.#candidates.some((candidate) => candidate.hasContent))
      return this.#fail(`ended with ${failed.finishRaw} and no usable content`)
    const finishes = this.#candidates.map(
      (candidate): Finish => candidate.end(events) ?? this.#blocked ?? { reason: 'other' },
    )
    return this.#complete(events, finishes)
  }

  #read(wire: WireAnswer, events: AnswerEvent[]): void {
    if (!this.#started) this.#start(wire, events)
    const { candidates } = wire
    if (Array.isArray(candidates))
      candidates.forEach((candidate, position) => {
        if (isObject(candidate)) this.#candidate(candidate, position).chunk(candidate, events)
      })
    this.#blocked = blockedFinish(wire.promptFeedback) ?? this.#blocked
    const usage = wire.usageMetadata
    if (isObject(usage)) events.push({ type: 'usage', usage: decodeUsage(usage) })
    const unknown = rest(wire, KNOWN)
    if (unknown) this.#rest = this.#rest ? { ...this.#rest, ...unknown } : unknown
  }

  #start(wire: WireAnswer, events: AnswerEvent[]): void {
    this.#started = true
    const created = typeof wire.createTime === 'string' ? epochSeconds(wire.createTime) : undefined
    events.push({
      type: 'answer-start',
      ...(typeof wire.responseId === 'string' ? { id: wire.responseId } : {}),
      ...(typeof wire.modelVersion === 'string' ? { model: wire.modelVersion } : {}),
      ...(created === undefined ? {} : { created }),
    })
  }

  /** By its `index`; proto3 leaves a zero out, so a missing one is the place in the list. */
  #candidate(wire: WireCandidate, position: number): CandidateDecoder {
    const index = wire.index ?? position
    const number = Number.isInteger(index) && index >= 0 && index < 1024 ? index : position
    for (let next = this.#candidates.length; next <= number; next += 1)
      this.#candidates.push(new CandidateDecoder(next, this.#context, this.#numbering))
    return this.#candidates[number] as CandidateDecoder
  }

  #complete(events: AnswerEvent[], finishes: Finish[]): AnswerEvent[] {
    this.#over = true
    const extensions = extensionsOf(DIALECT, this.#rest)
    events.push({ type: 'answer-end', finishes, ...(extensions ? { extensions } : {}) })
    return events
  }

  #fail(what: string): AnswerEvent[] {
    this.#over = true
    return [{ type: 'answer-error', error: new GatewayError('upstream_invalid', `the upstream ${what}`) }]
  }
}
