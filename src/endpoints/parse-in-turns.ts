import { closingQuote } from '../pipeline/json-scan.ts'
import { nextTurn } from '../pipeline/turns.ts'
import type { Json, JsonObject } from '../protocol/model/json.ts'

/** So much of a body is parsed at once. */
const PIECE_BYTES = 256 * 1024
/** Others get their turn after so long. */
const TURN_MILLISECONDS = 4

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const SMALL_U = 0x75
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The bytes are no JSON, or no text at all. */
export class NotJson extends Error {
  readonly isText: boolean

  constructor(message: string, isText = true) {
    super(message)
    this.isText = isText
  }
}

/**
 * The same as `JSON.parse` of the whole text, but others get their turn meanwhile: 30 MB that are mostly escapes take a
 * third of a second, and one client's body must not stop all the others (promise G6). Throws `NotJson`. A piece has
 * room for a character and an escape: eight bytes at least.
 */
export async function parseInTurns(bytes: Buffer, pieceBytes = PIECE_BYTES): Promise<Json> {
  return new Parser(bytes, pieceBytes).whole()
}

/** Puts together what a container holds: its members or items, as groups of small ones and single long ones. */
interface Container {
  close: number
  /** The members or items of a text between two commas, or between many. */
  group(text: string): void
  /** What stands before a long value; gives where that begins. */
  before(at: number): number
  long(value: Json): void
  value: Json
}

class Parser {
  readonly #bytes: Buffer
  readonly #pieceBytes: number
  /** Behind what was read last. */
  #at = 0
  #turnBegan = performance.now()

  constructor(bytes: Buffer, pieceBytes: number) {
    this.#bytes = bytes
    this.#pieceBytes = pieceBytes
  }

  async whole(): Promise<Json> {
    const hasMark = this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf
    const value = await this.#value(hasMark ? 3 : 0)
    if (this.#afterSpace(this.#at) !== this.#bytes.length) throw new NotJson('more than one value')
    return value
  }

  async #value(from: number): Promise<Json> {
    const at = this.#afterSpace(from)
    switch (this.#bytes[at]) {
      case QUOTE:
        return this.#string(at)
      case OPEN_ARRAY:
        return this.#contents(at + 1, this.#array())
      case OPEN_OBJECT:
        return this.#contents(at + 1, this.#object())
      default:
        this.#at = this.#delimiter(at, this.#bytes.length) ?? this.#bytes.length
        return this.#parse(this.#text(at, this.#at))
    }
  }

  #array(): Container {
    const items: Json[] = []
    return {
      close: CLOSE_ARRAY,
      value: items,
      group: (text) => {
        for (const item of this.#parse(`[${text}]`) as Json[]) items.push(item)
      },
      before: (at) => at,
      long: (value) => void items.push(value),
    }
  }

  #object(): Container {
    const members: JsonObject = {}
    let key = ''
    return {
      close: CLOSE_OBJECT,
      value: members,
      group: (text) => {
        for (const [name, value] of Object.entries(this.#parse(`{${text}}`) as JsonObject))
          adopt(members, name, value as Json)
      },
      before: (at) => {
        const start = this.#afterSpace(at)
        const end = this.#bytes[start] === QUOTE ? closingQuote(this.#bytes, start) : -1
        const colon = this.#afterSpace(end + 1)
        if (end === -1 || this.#bytes[colon] !== COLON) throw new NotJson('expected a key and a colon')
        key = this.#parse(this.#text(start, end + 1)) as string
        return colon + 1
      },
      long: (value) => adopt(members, key, value),
    }
  }

  /** Reads from behind the opening bracket to behind the closing one. */
  async #contents(from: number, container: Container): Promise<Json> {
    let at = this.#afterSpace(from)
    let group = at
    let isEmpty = true
    const flush = (end: number): void => {
      const text = this.#text(group, end)
      // Nothing at all between two commas would pass as an empty container.
      if (text.trim() === '') throw new NotJson('nothing beside a comma')
      container.group(text)
      isEmpty = false
    }
    for (;;) {
      const end = this.#delimiter(at, this.#pieceBytes)
      if (end !== undefined) at = end
      else {
        if (at > group) flush(at - 1)
        container.long(await this.#value(container.before(at)))
        isEmpty = false
        at = this.#afterSpace(this.#at)
        group = at + 1
      }
      if (this.#bytes[at] === container.close) break
      if (this.#bytes[at] !== COMMA) throw new NotJson('expected a comma or the end')
      at += 1
      if (at - group <= this.#pieceBytes) continue
      flush(at - 1)
      group = at
      await this.#breathe()
    }
    if (group < at || (group === at && !isEmpty)) flush(at)
    this.#at = at + 1
    return container.value
  }

  /** The text of a string, piece by piece. */
  async #string(open: number): Promise<string> {
    const end = closingQuote(this.#bytes, open)
    if (end === -1) throw new NotJson('a string without an end')
    let text = ''
    for (let from = open + 1; from < end; ) {
      const to = from + this.#pieceBytes >= end ? end : this.#cut(from, from + this.#pieceBytes)
      text += this.#parse(`"${this.#text(from, to)}"`) as string
      from = to
      await this.#breathe()
    }
    this.#at = end + 1
    return text
  }

  /** A place near `to`, behind `from`, that splits neither a character nor an escape. */
  #cut(from: number, to: number): number {
    const bytes = this.#bytes
    let cut = to
    while (cut > from + 1 && ((bytes[cut] ?? 0) & 0xc0) === 0x80) cut -= 1
    let slash = cut - 1
    while (slash > cut - 6 && slash >= from && bytes[slash] !== BACKSLASH) slash -= 1
    if (slash < from || bytes[slash] !== BACKSLASH) return cut
    let run = slash
    while (run > from && bytes[run - 1] === BACKSLASH) run -= 1
    // The last of an even number is a backslash itself.
    if ((slash - run) % 2 === 1) return cut
    const escapeEnd = slash + (bytes[slash + 1] === SMALL_U ? 6 : 2)
    if (escapeEnd <= cut) return cut
    return slash > from ? slash : escapeEnd
  }

  /** The comma or bracket that ends what begins at `at`; undefined when it is not within so many bytes. */
  #delimiter(at: number, within: number): number | undefined {
    const bytes = this.#bytes
    const limit = at + within
    let depth = 0
    for (let here = at; here < limit; here += 1) {
      switch (bytes[here]) {
        case QUOTE:
          here = closingQuote(bytes, here)
          if (here === -1) throw new NotJson('a string without an end')
          break
        case OPEN_OBJECT:
        case OPEN_ARRAY:
          depth += 1
          break
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          if (depth === 0) return here
          depth -= 1
          break
        case COMMA:
          if (depth === 0) return here
          break
        case undefined:
          return here
      }
    }
    return undefined
  }

  #afterSpace(from: number): number {
    for (let at = from; ; at += 1) {
      const byte = this.#bytes[at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at
    }
  }

  #text(from: number, to: number): string {
    try {
      return strictUtf8.decode(this.#bytes.subarray(from, to))
    } catch {
      throw new NotJson('no UTF-8', false)
    }
  }

  #parse(text: string): Json {
    try {
      return JSON.parse(text) as Json
    } catch {
      throw new NotJson('no JSON')
    }
  }

  async #breathe(): Promise<void> {
    if (performance.now() - this.#turnBegan < TURN_MILLISECONDS) return
    await nextTurn()
    this.#turnBegan = performance.now()
  }
}

/** A member named `__proto__` is one like others, as it is for `JSON.parse`. */
function adopt(members: JsonObject, name: string, value: Json): void {
  Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true })
}
