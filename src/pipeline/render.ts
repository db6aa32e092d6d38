import type { StreamEncoder } from '../protocol/dialects/dialect.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
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
  #needles: readonly string[] | undefined
  #instead = ''
  #renamed = false

  constructor(options: PassThroughOptions) {
    this.#options = options
  }

  render(batch: AnswerBatch): string | Uint8Array | undefined {
    const { frames } = batch
    if (!frames || frames.bytes.length === 0) return undefined
    this.#learn(batch.events)
    const renames = this.#needles !== undefined && !(this.#renamed && !this.#options.modelInEveryEvent)
    const hides = this.#options.hideUsage && frames.frames.some((frame) => isUsageOnly(frame.data))
    return renames || hides ? this.#rewrite(frames, renames) : frames.bytes
  }

  #learn(events: readonly AnswerEvent[]): void {
    if (this.#needles !== undefined) return
    for (const event of events) {
      if (event.type !== 'answer-start' || event.model === undefined || event.model === this.#options.model)
        continue
      const name = JSON.stringify(event.model)
      this.#needles = [`"model":${name}`, `"model": ${name}`]
      this.#instead = `"model":${JSON.stringify(this.#options.model)}`
    }
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

  /**
   * The needle cannot occur inside a JSON string, where its quotes would be escaped. Only the first is replaced:
   * deeper ones belong to content.
   */
  #rename(event: string): string {
    if (this.#renamed && !this.#options.modelInEveryEvent) return event
    for (const needle of this.#needles ?? []) {
      const at = event.indexOf(needle)
      if (at === -1) continue
      this.#renamed = true
      return event.slice(0, at) + this.#instead + event.slice(at + needle.length)
    }
    return event
  }
}

/** The last event of chat completions' `include_usage`: no choices, only usage. */
function isUsageOnly(data: string): boolean {
  return /"choices"\s*:\s*\[\s*\]/.test(data) && /"usage"\s*:\s*\{/.test(data)
}
