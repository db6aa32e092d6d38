import { type JsonObject, rest } from '../../model/json.ts'
import { defined, objectOf, textOf } from '../../model/loose.ts'
import type { Events } from './events.ts'
import { keep } from './extensions.ts'

const known = new Set(['data', 'transcript'])
/** The wire does not say which format the client asked for. */
const UNSAID = 'audio/*'

/** Reads one candidate's spoken answer: base64 pieces and a transcript (protocol.md §1.1). */
export class MediaReader {
  readonly #events: Events
  readonly #candidate: number
  #index: number | undefined

  constructor(events: Events, candidate: number) {
    this.#events = events
    this.#candidate = candidate
  }

  get isUsed(): boolean {
    return this.#index !== undefined
  }

  /** `late` takes what comes after the block was started (`expires_at`). */
  audio(audio: JsonObject, late: JsonObject): void {
    const others = rest(audio, known)
    if (this.#index === undefined) this.#index = this.#start(others)
    else if (others) late['audio'] = { ...objectOf(late['audio']), ...others }
    const data = textOf(audio['data']) || undefined
    const transcript = textOf(audio['transcript']) || undefined
    if (data !== undefined || transcript !== undefined)
      this.#events.delta(this.#index, defined({ type: 'media', data, transcript }))
  }

  #start(others: JsonObject | undefined): number {
    return this.#events.open(
      this.#candidate,
      defined({
        type: 'media',
        kind: 'audio',
        source: { type: 'base64', mediaType: UNSAID, data: '' },
        extensions: keep(others),
      }),
    )
  }

  end(): void {
    if (this.#index !== undefined) this.#events.close(this.#index)
  }
}
