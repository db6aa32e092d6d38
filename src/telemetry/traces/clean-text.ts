import type { Redactor } from '../redact.ts'

/** Names of models, tenants and the like are few; a flood of invented ones only empties this. */
const MAXIMUM_KNOWN = 2_000
const MAXIMUM_KNOWN_CHARACTERS = 200
/** Made here, a new one for every call. */
const OWN_ID = /^req_[0-9A-Za-z]{24}$/
/** Longest text of an attribute that is no body. */
const MAXIMUM_CHARACTERS = 1_024

/** Texts as a span may show them: without secrets, and not too long. Most are the same few, and known to be clean. */
export class CleanText {
  readonly #redactor: Redactor
  readonly #known = new Set<string>()
  /** How many secrets were known when these texts were looked at. */
  #learned = 0

  constructor(redactor: Redactor) {
    this.#redactor = redactor
  }

  readonly of = <Text extends string | undefined>(text: Text): Text | string => {
    if (text === undefined) return text
    if (this.#learned !== this.#redactor.learned) {
      this.#learned = this.#redactor.learned
      this.#known.clear()
    }
    if (this.#known.has(text) || OWN_ID.test(text)) return text
    const clean = this.#redactor.text(text.slice(0, 2 * MAXIMUM_CHARACTERS)).slice(0, MAXIMUM_CHARACTERS)
    if (clean !== text || text.length > MAXIMUM_KNOWN_CHARACTERS) return clean
    if (this.#known.size >= MAXIMUM_KNOWN) this.#known.clear()
    this.#known.add(text)
    return text
  }
}
