import { parseJson } from './parse-json.ts'
import { parseToml } from './parse-toml.ts'
import { parseYaml } from './parse-yaml.ts'
import type { Parsed } from './parsed.ts'
import { LineIndex, newPlace, offsetOf, type Path, type Place, type Position } from './place.ts'
import { type Problem, pathText } from './problem.ts'
import { newTable, type Tree } from './tree.ts'

export type Format = 'toml' | 'yaml' | 'json'

/** A text read as a tree of plain values that knows where everything stands. */
export interface Document {
  file: string
  format: Format
  tree: Tree
  places: Place
  lines: LineIndex
  /** False when the text is not of its format: then the tree is empty. */
  readable: boolean
  problems: Problem[]
}

/** More than any real configuration has; a parser is given no more (bytes). */
export const MAX_FILE_BYTES = 1024 * 1024

/** A file with more faults is no configuration at all. */
const MAX_FAULTS = 1000

const byExtension: Readonly<Record<string, Format>> = {
  toml: 'toml',
  yaml: 'yaml',
  yml: 'yaml',
  json: 'json',
}

const parsers: Readonly<Record<Format, (text: string) => Parsed>> = {
  toml: parseToml,
  yaml: parseYaml,
  json: parseJson,
}

/** The format by the file's extension, else by the first lines. */
export function formatOf(file: string, text: string): Format {
  const extension = /\.([^./\\]+)$/.exec(file)?.[1]?.toLowerCase()
  const known = extension === undefined ? undefined : byExtension[extension]
  if (known !== undefined) return known
  if (/^\s*\{/.test(text)) return 'json'
  return /^[ \t]*(\[[^\n]*\][ \t]*(#[^\n]*)?|[\w."'-][\w."' -]*=[^\n]*)$/m.test(text) ? 'toml' : 'yaml'
}

/** Parses a text. Never throws: what is wrong stands in `problems`, with positions. */
export function parseDocument(file: string, source: string): Document {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source
  const format = formatOf(file, text)
  if (text.length > MAX_FILE_BYTES) return refused(file, format, `at most ${MAX_FILE_BYTES} bytes`)
  const { tree, places, faults, readable } = parsers[format](text)
  const lines = new LineIndex(text)
  const problems = faults.slice(0, MAX_FAULTS).map(
    (fault): Problem => ({
      file,
      position: lines.position(fault.offset),
      path: pathText(fault.path ?? []),
      expected: fault.expected,
    }),
  )
  return { file, format, tree, places, lines, readable, problems }
}

function refused(file: string, format: Format, expected: string): Document {
  const problems: Problem[] = [{ file, position: { line: 1, column: 1 }, path: '', expected }]
  return {
    file,
    format,
    tree: newTable(),
    places: newPlace(0),
    lines: new LineIndex(''),
    readable: false,
    problems,
  }
}

/** Where an error about `path` points. */
export function locate(document: Document, path: Path, part: 'key' | 'value' = 'value'): Position {
  return document.lines.position(offsetOf(document.places, path, part))
}
