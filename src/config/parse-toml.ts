import { parse, TomlError } from 'smol-toml'
import type { Parsed } from './parsed.ts'
import { newPlace } from './place.ts'
import { tomlPlaces } from './toml-places.ts'
import { newTable, type Tree } from './tree.ts'

const MAX_DEPTH = 64

/** TOML 1.0. The parser stops at the first fault; positions of keys come from our own scan of the same text. */
export function parseToml(text: string): Parsed {
  try {
    const tree = parse(text, { maxDepth: MAX_DEPTH }) as Tree
    return { tree, places: tomlPlaces(text), faults: [], readable: true }
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const fault = { offset: offsetOf(text, error.line, error.column), expected: expectedOf(error.message) }
    return { tree: newTable(), places: newPlace(0), faults: [fault], readable: false }
  }
}

function offsetOf(text: string, line: number, column: number): number {
  let start = 0
  for (let current = 1; current < line; current++) start = text.indexOf('\n', start) + 1
  return start + column - 1
}

const DUPLICATE = 'trying to redefine'

/** The parser's own first line only: what follows it is the source, which may hold a secret. */
function expectedOf(message: string): string {
  const reason = (message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, '')
  return reason.startsWith(DUPLICATE) ? 'each key and table once' : `valid TOML (${reason})`
}
