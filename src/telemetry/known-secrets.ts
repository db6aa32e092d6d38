import { PieceIndex } from './piece-index.ts'

/** So many characters of a secret are enough to be taken out (promise M1). */
const PIECE = 8
/**
 * So many where all are small letters and dashes: eight of those are perhaps a vendor's name, which keys made for
 * trying things often contain, or the beginning that all keys of a vendor have. Taking them out would garble the names
 * of models all over the log.
 */
const WORDY_PIECE = 12

/**
 * Finds secrets in text: whole or in part, in the spellings they travel in. The number of secrets costs nothing.
 * Secrets of less than eight characters are ignored: they would hit words.
 */
export class KnownSecrets {
  readonly #pieces = new PieceIndex(PIECE)
  readonly #wordyPieces = new PieceIndex(WORDY_PIECE)
  /** Secrets of words that are too short for a piece: only these are looked for one by one. */
  readonly #shortWords = new Set<string>()

  add(secret: string): void {
    if (secret.length < PIECE) return
    for (const spelling of spellings(secret)) {
      this.#pieces.add(spelling, (piece) => !isWordy(piece))
      this.#wordyPieces.add(spelling, isWordy)
      if (spelling.length < WORDY_PIECE && isWordy(spelling)) this.#shortWords.add(spelling)
    }
  }

  /** The text with every piece of a secret replaced; the same string when there is none. */
  remove(text: string, instead: string): string {
    let clean = this.#wordyPieces.replace(text, instead)
    for (const word of this.#shortWords) if (clean.includes(word)) clean = clean.replaceAll(word, instead)
    return this.#pieces.replace(clean, instead)
  }
}

function isWordy(piece: string): boolean {
  return /^[a-z_-]*$/.test(piece)
}

/** How a secret looks in URLs, JSON, headers and dumps. */
function spellings(secret: string): ReadonlySet<string> {
  const bytes = Buffer.from(secret)
  const url = encodeURIComponent(secret)
  const hex = bytes.toString('hex')
  const percent = hex.replace(/../g, '%$&')
  return new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    secret.replaceAll('/', '\\/'),
    url,
    url.replace(/%../g, (code) => code.toLowerCase()),
    hex,
    hex.toUpperCase(),
    percent,
    percent.toUpperCase(),
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
