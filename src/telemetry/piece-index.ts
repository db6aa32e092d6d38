/** Slots of the first, rough look-up. A power of two. */
const SLOTS = 1 << 20
const MULTIPLIER = 0x01000193

/**
 * Pieces of one length, found in text in one pass however many there are: a rolling hash over that many characters
 * asks a table whether they may be one of them.
 */
export class PieceIndex {
  readonly #length: number
  /** What the oldest character weighs in a hash. */
  readonly #oldest: number
  readonly #pieces = new Set<string>()
  #slots: Uint8Array | undefined

  constructor(length: number) {
    this.#length = length
    let weight = 1
    for (let times = 1; times < length; times += 1) weight = Math.imul(weight, MULTIPLIER)
    this.#oldest = weight
  }

  /** Adds every piece of the text that is wanted. */
  add(text: string, isWanted: (piece: string) => boolean): void {
    for (let at = 0; at + this.#length <= text.length; at += 1) {
      const piece = text.slice(at, at + this.#length)
      if (!isWanted(piece)) continue
      this.#pieces.add(piece)
      this.#slots ??= new Uint8Array(SLOTS)
      this.#slots[slotOf(hashOf(piece))] = 1
    }
  }

  /** The text with every run of pieces replaced; the same string when there is none. */
  replace(text: string, instead: string): string {
    const slots = this.#slots
    const length = this.#length
    if (slots === undefined || text.length < length) return text
    let clean = ''
    /** End of the last piece found. */
    let from = 0
    let hash = hashOf(text.slice(0, length))
    for (let at = 0; at + length <= text.length; at += 1) {
      if (at > 0) hash = this.#rolled(hash, text.charCodeAt(at - 1), text.charCodeAt(at + length - 1))
      if (slots[slotOf(hash)] === 0 || !this.#pieces.has(text.slice(at, at + length))) continue
      // A piece that touches the one before it belongs to the same run.
      if (from === 0 || at > from) clean += text.slice(from, at) + instead
      from = at + length
    }
    return from === 0 ? text : clean + text.slice(from)
  }

  #rolled(hash: number, gone: number, come: number): number {
    return (Math.imul(hash - Math.imul(gone, this.#oldest), MULTIPLIER) + come) | 0
  }
}

function hashOf(piece: string): number {
  let hash = 0
  for (let at = 0; at < piece.length; at += 1) hash = (Math.imul(hash, MULTIPLIER) + piece.charCodeAt(at)) | 0
  return hash
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}
