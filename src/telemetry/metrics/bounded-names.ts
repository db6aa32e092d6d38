import { OTHER } from './family.ts'

/** Names come from clients and operators and may be any length and hold anything; a longer one has no place. */
const MAXIMUM_CHARACTERS = 128
// biome-ignore lint/suspicious/noControlCharactersInRegex: just these are replaced
const unwanted = /[\u0000-\u001f\u007f]|\p{Surrogate}/gu

/** Takes secrets out of a text; the same text when there is none. */
export type Clean = (text: string) => string

/**
 * The values of one label: so many as there is room for, first come, and `other` for the rest, so that neither a flood of
 * names nor years of changes grow it. Each value is looked at once, cleaned, and kept.
 */
export class BoundedNames {
  readonly #limit: number
  readonly #clean: Clean
  readonly #shown = new Map<string, string>()
  /** How often a value had no room. */
  folded = 0

  constructor(limit: number, clean: Clean) {
    this.#limit = limit
    this.#clean = clean
  }

  /** Whether a value has its place already. */
  has(name: string): boolean {
    return this.#shown.has(name)
  }

  /** What a value is shown as. It takes a place when there is one. */
  of(name: string): string {
    const known = this.#shown.get(name)
    if (known !== undefined) return known
    if (this.#shown.size >= this.#limit || name.length > MAXIMUM_CHARACTERS) return this.fold()
    const shown = this.#clean(name).replace(unwanted, '\ufffd')
    this.#shown.set(name, shown)
    return shown
  }

  fold(): string {
    this.folded += 1
    return OTHER
  }
}
