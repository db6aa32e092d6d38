import { flatten } from '../protocol/model/flatten.ts'

/** So much of both ends tells one text from another. */
export const TELLING_CHARACTERS = 200
const PIECES = 16

/**
 * Length, beginning and end of a text without the white space around it: enough to know it again, however long it grows,
 * without keeping all of it or reading all of a long history at every request.
 */
export class TextMark {
  #length = 0
  #head = ''
  /** The last `TELLING_CHARACTERS` and more, in two parts. */
  #older = ''
  #recent = ''
  /** White space at the end: it counts once something follows. */
  #blank = ''
  #pieces = 0

  /** Of the text without white space around it. */
  get length(): number {
    return this.#length
  }

  add(piece: string): void {
    const text = this.#length === 0 ? piece.trimStart() : piece
    const visible = text.trimEnd()
    if (visible === '') {
      this.#blank += text
      return
    }
    this.#append(this.#blank + visible)
    this.#blank = text.slice(visible.length)
  }

  #append(text: string): void {
    this.#length += text.length
    const room = 2 * TELLING_CHARACTERS - this.#head.length
    if (room > 0) this.#head += text.slice(0, room)
    this.#recent += text
    this.#pieces += 1
    if (this.#pieces < PIECES && this.#recent.length < TELLING_CHARACTERS) return
    this.#pieces = 0
    flatten(this.#head)
    flatten(this.#recent)
    if (this.#recent.length < TELLING_CHARACTERS) return
    this.#older = this.#recent
    this.#recent = ''
  }

  /** The whole of a short text, the ends of a long one. */
  toString(): string {
    if (this.#length <= 2 * TELLING_CHARACTERS) return this.#head
    const end = (this.#older + this.#recent).slice(-TELLING_CHARACTERS)
    return `${this.#length}:${this.#head.slice(0, TELLING_CHARACTERS)}…${end}`
  }
}

export function markOf(text: string): string {
  const mark = new TextMark()
  mark.add(text)
  return mark.toString()
}
