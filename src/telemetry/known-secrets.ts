/** A piece of a secret this long is enough to be taken out (promise M1). */
const PIECE = 8
/** Slots of the first, rough look-up. A power of two. */
const SLOTS = 1 << 20
const MULTIPLIER = 0x01000193
/** `MULTIPLIER` to the power of `PIECE - 1`: what the oldest character weighs in a hash. */
const OLDEST = Array.from({ length: PIECE - 1 }).reduce<number>((power) => Math.imul(power, MULTIPLIER), 1)

/**
 * Finds secrets in text: whole, cut to at least eight characters, in the spellings they travel in. One pass whatever
 * the number of secrets: a rolling hash of eight characters asks a table whether they may be part of one.
 */
export class KnownSecrets {
  readonly #pieces = new Set<string>()
  readonly #slots = new Uint8Array(SLOTS)

  /** Values shorter than a piece are ignored: they would hit words. */
  add(secret: string): void {
    if (secret.length < PIECE) return
    for (const spelling of spellings(secret))
      for (let at = 0; at + PIECE <= spelling.length; at += 1) {
        const piece = spelling.slice(at, at + PIECE)
        this.#pieces.add(piece)
        this.#slots[slotOf(hashOf(piece))] = 1
      }
  }

  /** The text with every piece of a secret replaced; the same string when there is none. */
  remove(text: string, instead: string): string {
    if (this.#pieces.size === 0 || text.length < PIECE) return text
    let clean = ''
    /** End of the last piece found. */
    let from = 0
    let hash = hashOf(text.slice(0, PIECE))
    for (let at = 0; at + PIECE <= text.length; at += 1) {
      if (at > 0) hash = rolled(hash, text.charCodeAt(at - 1), text.charCodeAt(at + PIECE - 1))
      if (this.#slots[slotOf(hash)] === 0 || !this.#pieces.has(text.slice(at, at + PIECE))) continue
      // A piece that touches the one before it belongs to the same secret.
      if (from === 0 || at > from) clean += text.slice(from, at) + instead
      from = at + PIECE
    }
    return from === 0 ? text : clean + text.slice(from)
  }
}

function hashOf(piece: string): number {
  let hash = 0
  for (let at = 0; at < piece.length; at += 1) hash = (Math.imul(hash, MULTIPLIER) + piece.charCodeAt(at)) | 0
  return hash
}

function rolled(hash: number, gone: number, come: number): number {
  return (Math.imul(hash - Math.imul(gone, OLDEST), MULTIPLIER) + come) | 0
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15)) & (SLOTS - 1)
}

/** How a secret looks in URLs, JSON, headers and dumps. */
function spellings(secret: string): ReadonlySet<string> {
  const bytes = Buffer.from(secret)
  const url = encodeURIComponent(secret)
  const hex = bytes.toString('hex')
  return new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('/', '\\/'),
    url,
    url.replace(/%../g, (code) => code.toLowerCase()),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((shift) => base64(bytes, shift)),
  ])
}

/** Base64 of bytes that stand `shift` bytes behind the start of a group of three: `user:` before them, for example. */
function base64(bytes: Uint8Array, shift: number): string[] {
  const text = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .slice(shift === 0 ? 0 : 4)
  return [text, text.replaceAll('+', '-').replaceAll('/', '_')]
}
