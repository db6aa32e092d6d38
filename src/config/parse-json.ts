import type { Parsed, SyntaxFault } from './parsed.ts'
import { newPlace, type Path, type Place } from './place.ts'
import { newTable, type Tree } from './tree.ts'

const MAX_DEPTH = 64
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** Control characters are checked apart: they may not stand in a string as they are. */
const STRING = /"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SPACE = /[ \t\n\r]*/y

class Fault extends Error {
  readonly offset: number
  readonly expected: string
  constructor(offset: number, expected: string) {
    super(expected)
    this.offset = offset
    this.expected = expected
  }
}

/**
 * JSON exactly as RFC 8259 has it (what `JSON.parse` takes), read by hand because `JSON.parse` tells no
 * positions and keeps the last of two equal keys without a word.
 */
export function parseJson(text: string): Parsed {
  const reader = new Reader(text)
  try {
    const tree = reader.document()
    return { tree, places: reader.root, faults: reader.faults, readable: true }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const fault: SyntaxFault = { offset: error.offset, expected: error.expected }
    return { tree: newTable(), places: reader.root, faults: [...reader.faults, fault], readable: false }
  }
}

function hasControl(token: string): boolean {
  for (let index = 0; index < token.length; index++) if (token.charCodeAt(index) < 0x20) return true
  return false
}

class Reader {
  readonly faults: SyntaxFault[] = []
  readonly root: Place = newPlace(0)
  readonly #text: string
  #offset = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Tree {
    this.#space()
    const tree = this.#value(this.root, [])
    this.#space()
    if (this.#offset < this.#text.length) throw new Fault(this.#offset, 'nothing more after the value')
    return tree
  }

  #space(): void {
    this.#match(SPACE)
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset
    const found = pattern.exec(this.#text)?.[0]
    if (found !== undefined) this.#offset += found.length
    return found
  }

  #take(character: string): boolean {
    if (this.#text[this.#offset] !== character) return false
    this.#offset += 1
    return true
  }

  #value(place: Place, path: Path): Tree {
    place.value = this.#offset
    if (path.length > MAX_DEPTH) throw new Fault(this.#offset, `at most ${MAX_DEPTH} levels`)
    const first = this.#text[this.#offset]
    if (first === '{') return this.#object(place, path)
    if (first === '[') return this.#array(place, path)
    if (first === '"') return this.#string()
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const) {
      if (!this.#text.startsWith(word, this.#offset)) continue
      this.#offset += word.length
      return value
    }
    const number = this.#match(NUMBER)
    if (number === undefined) throw new Fault(this.#offset, 'a JSON value')
    return Number(number)
  }

  #string(): string {
    const start = this.#offset
    const token = this.#match(STRING)
    if (token === undefined || hasControl(token))
      throw new Fault(start, 'a string that ends with " on its line, with legal escapes')
    return JSON.parse(token) as string
  }

  #object(place: Place, path: Path): Tree {
    const object = newTable()
    this.#offset += 1
    this.#space()
    if (this.#take('}')) return object
    do {
      this.#space()
      const start = this.#offset
      if (this.#text[start] !== '"') throw new Fault(start, 'a key in double quotes')
      const key = this.#string()
      this.#space()
      if (!this.#take(':')) throw new Fault(this.#offset, '":" after the key')
      this.#space()
      const member = newPlace(this.#offset, start)
      const value = this.#value(member, [...path, key])
      if (place.children.has(key)) {
        this.faults.push({ offset: start, expected: 'each key once', path: [...path, key] })
      } else {
        place.children.set(key, member)
        object[key] = value
      }
      this.#space()
    } while (this.#take(','))
    if (!this.#take('}')) throw new Fault(this.#offset, '"," or "}"')
    return object
  }

  #array(place: Place, path: Path): Tree {
    const array: Tree[] = []
    this.#offset += 1
    this.#space()
    if (this.#take(']')) return array
    do {
      this.#space()
      const item = newPlace(this.#offset)
      array.push(this.#value(item, [...path, array.length]))
      place.children.set(String(array.length - 1), item)
      this.#space()
    } while (this.#take(','))
    if (!this.#take(']')) throw new Fault(this.#offset, '"," or "]"')
    return array
  }
}
