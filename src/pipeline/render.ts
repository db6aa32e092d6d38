import type { StreamEncoder } from '../protocol/dialects/dialect.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import { parseJson } from '../protocol/model/json.ts'
import type { FrameBatch } from '../upstream/sse.ts'
import type { AnswerBatch } from './answer-reader.ts'

/** Turns one batch into what the client reads; undefined when there is nothing to write. */
export interface Renderer {
  /** True when an error event of the upstream reaches the client by itself. */
  readonly passesErrors: boolean
  render(batch: AnswerBatch): string | Uint8Array | undefined
}

/** Another dialect upstream: events are encoded. */
export class TranslatingRenderer implements Renderer {
  readonly passesErrors = false
  readonly #encoder: StreamEncoder

  constructor(encoder: StreamEncoder) {
    this.#encoder = encoder
  }

  render(batch: AnswerBatch): string | undefined {
    const text = this.#encoder.push(batch.events.filter((event) => event.type !== 'answer-error'))
    return text === '' ? undefined : text
  }
}

export interface PassThroughOptions {
  /** The name the client asked for, put where the upstream wrote its own. */
  model: string
  /** True when the dialect names the model in every event, false when only in the first. */
  modelInEveryEvent: boolean
  /** Leave out the event that carries only usage: the client did not ask for it, the gateway did. */
  hideUsage: boolean
}

/** The same dialect upstream: bytes pass, but for the model's name and an event nobody asked for. */
export class PassThroughRenderer implements Renderer {
  readonly passesErrors = true
  readonly #options: PassThroughOptions
  readonly #instead: string
  /** Names the upstream gave itself that are not the client's; rewriting begins with the first. */
  readonly #names: string[] = []
  #renamed = false

  constructor(options: PassThroughOptions) {
    this.#options = options
    this.#instead = JSON.stringify(options.model)
  }

  render(batch: AnswerBatch): string | Uint8Array | undefined {
    const { frames } = batch
    if (!frames || frames.bytes.length === 0) return undefined
    this.#learn(batch.events)
    const renames = this.#names.length > 0 && (this.#options.modelInEveryEvent || !this.#renamed)
    const hides = this.#options.hideUsage && frames.frames.some((frame) => isUsageOnly(frame.data))
    if (!renames && !hides) return frames.bytes
    const text = this.#rewrite(frames, renames)
    return text === '' ? undefined : text
  }

  #learn(events: readonly AnswerEvent[]): void {
    for (const event of events)
      if (event.type === 'answer-start' && event.model !== undefined && event.model !== this.#options.model)
        if (!this.#names.includes(event.model)) this.#names.push(event.model)
  }

  #rewrite(batch: FrameBatch, renames: boolean): string {
    let text = ''
    let from = 0
    for (const frame of batch.frames) {
      text += batch.text.slice(from, frame.start)
      from = frame.end
      if (this.#options.hideUsage && isUsageOnly(frame.data)) continue
      const event = batch.text.slice(frame.start, frame.end)
      text += renames ? this.#rename(event) : event
    }
    return text + batch.text.slice(from)
  }

  /** Replaces the answer's own name; members called `model` deeper inside content stay. */
  #rename(event: string): string {
    if (this.#renamed && !this.#options.modelInEveryEvent) return event
    for (const match of event.matchAll(modelMember)) {
      const value = match[1] as string
      const end = match.index + match[0].length
      if (!this.#isOwn(event.slice(0, match.index), value)) continue
      this.#renamed = true
      return event.slice(0, end - value.length) + this.#instead + event.slice(end)
    }
    return event
  }

  /** A name the upstream gave itself, or (where every event has one) whatever stands beside the other first members. */
  #isOwn(before: string, value: string): boolean {
    if (this.#names.includes(parseJson(value) as string)) return true
    return (
      this.#options.modelInEveryEvent &&
      before.lastIndexOf('{') === before.indexOf('{') &&
      !before.includes('[')
    )
  }
}

/** A member `model` with a string. It cannot stand inside a JSON string, where its quotes would be escaped. */
const modelMember = /"model"\s*:\s*("(?:[^"\\]|\\.)*")/g

/** The last event of chat completions' `include_usage`: no choices, only usage. */
function isUsageOnly(data: string): boolean {
  return /"choices"\s*:\s*\[\s*\]/.test(data) && /"usage"\s*:\s*\{/.test(data)
}
