import type { Call } from '../../pipeline/call.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import { Fold } from '../../protocol/model/fold.ts'
import { beginning } from './body-text.ts'

/** What the client asked and what it was answered, as far as a trace may hold it. */
export class Content {
  readonly #maximum: number
  readonly #fold = new Fold()
  #input: string | undefined
  /** Characters of the answer so far. */
  #length = 0

  /** `maximum`: of one body, in bytes. */
  constructor(maximum: number) {
    this.#maximum = maximum
  }

  hear(call: Call, events: readonly AnswerEvent[]): void {
    // A stream lets go of its request as soon as it has begun.
    if (call.request.stream) this.#input ??= beginning(call.body, this.#maximum)
    this.#fold.push(
      this.#length < this.#maximum ? events : events.filter((event) => event.type !== 'block-delta'),
    )
    for (const event of events) if (event.type === 'block-delta') this.#length += lengthOf(event)
  }

  /** The request's body as the client sent it; undefined when it is not known any more. */
  input(call: Call): string | undefined {
    return this.#input ?? (call.body.length > 0 ? beginning(call.body, this.#maximum) : undefined)
  }

  /** The answer as its client would have got it whole; undefined when there was none. */
  output(call: Call): string | undefined {
    const { answer } = this.#fold
    if (answer.candidates.length === 0) return undefined
    try {
      const encoded = call.client.client.encodeAnswer(answer, {
        model: call.request.model,
        created: answer.created ?? 0,
        id: answer.id ?? call.id,
        request: call.request,
        maker: call.record.target ?? '',
        estimatedInputTokens: 0,
        requestId: call.id,
        strict: false,
      })
      return JSON.stringify(encoded.body)
    } catch {
      // An answer that broke off may be none of its protocol's.
      return JSON.stringify(answer.candidates)
    }
  }
}

function lengthOf({ delta }: AnswerEvent & { type: 'block-delta' }): number {
  return delta.type === 'text' ? delta.text.length : delta.type === 'media' ? (delta.data?.length ?? 0) : 0
}
