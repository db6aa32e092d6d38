import {
  type ErrorCode,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type YAMLError,
  type Document as YamlDocument,
} from 'yaml'
import type { Parsed, SyntaxFault } from './parsed.ts'
import { newPlace, type Path, type Place } from './place.ts'
import { newTable, type Tree, type TreeObject } from './tree.ts'

const MAX_DEPTH = 64
/** Values a file may unfold to; an alias counts every time it is used, so a few lines cannot fill the memory. */
const MAX_VALUES = 20_000

/** Our own words for the parser's faults: its own sentences may quote the source, which may hold a secret. */
const faultTexts: Readonly<Partial<Record<ErrorCode, string>>> = {
  BAD_ALIAS: 'an alias that ends where a word ends',
  BAD_DQ_ESCAPE: 'a legal escape in a double-quoted string',
  BAD_INDENT: 'the same indentation as the other keys of this section',
  BAD_SCALAR_START: 'a value that does not begin with a reserved character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'one "key: value" a line; put a value that contains ": " in quotes',
  BLOCK_IN_FLOW: 'only "key: value" pairs separated by commas inside { } or [ ]',
  MISSING_CHAR: 'the character that ends or separates this (a quote, a comma, a colon, a bracket)',
  MULTILINE_IMPLICIT_KEY: 'a key on one line, followed by ":"',
  MULTIPLE_DOCS: 'one document in the file',
  NON_STRING_KEY: 'a plain key',
  TAB_AS_INDENT: 'spaces, not tabs, for indentation',
  TAG_RESOLVE_FAILED: 'a value without a tag',
  UNEXPECTED_TOKEN: 'the end of this value',
}

/** YAML 1.2, core schema, every key a string (`1.10` stays `1.10`), no tags of its own, no merge keys. */
export function parseYaml(text: string): Parsed {
  const places = newPlace(0)
  let document: YamlDocument
  try {
    document = parseDocument(text, {
      prettyErrors: false,
      stringKeys: true,
      uniqueKeys: false,
      merge: false,
    })
  } catch {
    // The parser recurses: what nests deep enough to break it is not a configuration.
    const fault = { offset: 0, expected: `at most ${MAX_DEPTH} levels` }
    return { tree: newTable(), places, faults: [fault], readable: false }
  }
  const faults = [...document.errors, ...document.warnings].map(faultOf)
  if (faults.length > 0) return { tree: newTable(), places, faults, readable: false }
  const reader = new Reader(document)
  const tree = document.contents === null ? newTable() : reader.value(document.contents, places, [])
  return { tree, places, faults: reader.faults, readable: true }
}

function faultOf(error: YAMLError): SyntaxFault {
  return { offset: error.pos[0], expected: faultTexts[error.code] ?? 'valid YAML' }
}

class Reader {
  readonly faults: SyntaxFault[] = []
  readonly #document: YamlDocument
  #values = 0
  #stopped = false

  constructor(document: YamlDocument) {
    this.#document = document
  }

  value(node: unknown, place: Place, path: Path): Tree {
    if (node === null || this.#stopped) return null
    const offset = (node as Node).range?.[0] ?? place.value
    place.value = offset
    this.#values += 1
    if (path.length > MAX_DEPTH) return this.#stop(offset, `at most ${MAX_DEPTH} levels`)
    if (this.#values > MAX_VALUES)
      return this.#stop(offset, `at most ${MAX_VALUES} values, aliases counted each time they are used`)
    if (isAlias(node)) return this.#alias(node.resolve(this.#document), place, path, offset)
    if (isMap(node)) return this.#map(node.items, place, path)
    if (isSeq(node)) return this.#list(node.items, place, path)
    if (!isScalar(node)) return null
    return typeof node.value === 'bigint' ? Number(node.value) : (node.value as Tree)
  }

  /** What an alias brings in is reported where the alias stands. */
  #alias(target: Node | undefined, place: Place, path: Path, offset: number): Tree {
    if (target === undefined) {
      this.faults.push({ offset, expected: 'an alias whose anchor stands before it', path })
      return null
    }
    const tree = this.value(target, newPlace(offset), path)
    place.value = offset
    return tree
  }

  #stop(offset: number, expected: string): null {
    this.#stopped = true
    this.faults.push({ offset, expected })
    return null
  }

  #map(items: readonly unknown[], place: Place, path: Path): TreeObject {
    const table = newTable()
    for (const pair of items) {
      if (!isPair(pair) || !isScalar(pair.key)) continue
      const key = String(pair.key.value)
      const offset = pair.key.range?.[0] ?? place.value
      if (place.children.has(key)) {
        this.faults.push({ offset, expected: 'each key once', path: [...path, key] })
        continue
      }
      const member = newPlace(offset, offset)
      place.children.set(key, member)
      table[key] = this.value(pair.value, member, [...path, key])
    }
    return table
  }

  #list(items: readonly unknown[], place: Place, path: Path): Tree[] {
    return items.map((item, index) => {
      const member = newPlace(place.value)
      place.children.set(String(index), member)
      return this.value(item, member, [...path, index])
    })
  }
}
