import { newPlace, type Place } from './place.ts'

interface Key {
  name: string
  offset: number
}

const BLANK = /[ \t]*/y
const VOID = /(?:[ \t\r\n]+|#[^\n]*)*/y
const BARE_KEY = /[A-Za-z0-9_-]+/y
const BASIC_KEY = /"(?:[^"\\]|\\.)*"/y
const LITERAL_KEY = /'[^']*'/y
/** Longest first: up to two quotes may stand right before the three that end a multi-line string. */
const STRINGS = [/"""(?:[^\\]|\\[\s\S])*?"""(?:"{0,2})/y, /'''[\s\S]*?'''(?:'{0,2})/y, BASIC_KEY, LITERAL_KEY]
const PLAIN_VALUE = /[^,\]}#\r\n]*/y

/**
 * Where every key and value of a TOML text stands. It only locates: the text has been parsed before, so it is
 * known to be right, and what is not understood here is passed over.
 */
export function tomlPlaces(text: string): Place {
  return new Scanner(text).document()
}

class Scanner {
  readonly #text: string
  /** Places that stand for a list of tables, whose last item the next header speaks of. */
  readonly #lists = new Set<Place>()
  #offset = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Place {
    const root = newPlace(0)
    let table = root
    this.#skip(VOID)
    while (this.#offset < this.#text.length) {
      if (this.#text[this.#offset] === '[') table = this.#header(root)
      else this.#pair(table)
      this.#skip(VOID)
    }
    return root
  }

  #skip(pattern: RegExp): string {
    pattern.lastIndex = this.#offset
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#offset += found.length
    return found
  }

  #take(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false
    this.#offset += 1
    return true
  }

  /** `[a.b]` or `[[a.b]]`; gives the table that the following pairs belong to. */
  #header(root: Place): Place {
    this.#offset += 1
    const isList = this.#take('[')
    const keys = this.#keys()
    let place = root
    keys.forEach((key, index) => {
      const isLast = index === keys.length - 1
      place = child(place, key)
      if (isList && isLast) {
        const item = newPlace(key.offset, key.offset)
        place.children.set(String(place.children.size), item)
        this.#lists.add(place)
        place = item
      } else if (this.#lists.has(place)) {
        place = place.children.get(String(place.children.size - 1)) ?? place
      }
    })
    this.#skip(/\]*/y)
    return place
  }

  #pair(table: Place): void {
    let place = table
    for (const key of this.#keys()) place = child(place, key)
    if (!this.#take('=')) {
      // Unreachable for a text that parses; moving on keeps the scan finite for any other.
      this.#offset += 1
      return
    }
    this.#skip(BLANK)
    this.#value(place)
  }

  #keys(): Key[] {
    const keys: Key[] = []
    do {
      this.#skip(BLANK)
      const offset = this.#offset
      const bare = this.#skip(BARE_KEY)
      if (bare !== '') keys.push({ name: bare, offset })
      else if (this.#text[offset] === '"') keys.push({ name: unescaped(this.#skip(BASIC_KEY)), offset })
      else if (this.#text[offset] === "'") keys.push({ name: this.#skip(LITERAL_KEY).slice(1, -1), offset })
      this.#skip(BLANK)
    } while (this.#take('.'))
    return keys
  }

  #value(place: Place): void {
    place.value = this.#offset
    const first = this.#text[this.#offset]
    if (first === '[') this.#items(place)
    else if (first === '{') this.#inline(place)
    else if (!STRINGS.some((pattern) => this.#skip(pattern) !== '')) this.#skip(PLAIN_VALUE)
  }

  #items(place: Place): void {
    this.#offset += 1
    for (let index = 0; this.#offset < this.#text.length; index++) {
      this.#skip(VOID)
      if (this.#take(']')) return
      const item = newPlace(this.#offset)
      place.children.set(String(index), item)
      this.#value(item)
      this.#skip(VOID)
      this.#take(',')
    }
  }

  #inline(place: Place): void {
    this.#offset += 1
    while (this.#offset < this.#text.length) {
      this.#skip(VOID)
      if (this.#take('}')) return
      this.#pair(place)
      this.#skip(VOID)
      this.#take(',')
    }
  }
}

function child(place: Place, key: Key): Place {
  const known = place.children.get(key.name)
  if (known !== undefined) return known
  const made = newPlace(key.offset, key.offset)
  place.children.set(key.name, made)
  return made
}

const ESCAPES: Readonly<Record<string, string>> = {
  b: '\b',
  t: '\t',
  n: '\n',
  f: '\f',
  r: '\r',
  e: '\u001B',
  '"': '"',
  '\\': '\\',
}

/** The text of a quoted key. */
function unescaped(quoted: string): string {
  return quoted
    .slice(1, -1)
    .replace(
      /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|(.))/g,
      (whole, short, long, byte, letter) => {
        const hex = short ?? long ?? byte
        return hex === undefined ? (ESCAPES[letter] ?? whole) : String.fromCodePoint(Number.parseInt(hex, 16))
      },
    )
}
