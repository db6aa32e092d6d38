import { parseJson } from './parse-json.ts'
import { parseToml } from './parse-toml.ts'
import { parseYaml } from './parse-yaml.ts'
import type { Parsed } from './parsed.ts'
import { newPlace, offsetOf, type Path, type Place, type Position, positionOf } from './place.ts'
import { type Problem, pathText } from './problem.ts'
import { newTable, type Tree } from './tree.ts'

export type Format = 'toml' | 'yaml' | 'json'

/** A text read as a tree of plain values that knows where everything stands. */
export interface Document {
  file: string
  format: Format
  text: string
  tree: Tree
  places: Place
  /** False when the text is not of its format: then the tree is empty. */
  readable: boolean
  problems: Problem[]
}

/** More than any real configuration has; a parser is given no more (bytes). */
export const MAX_FILE_BYTES = 1024 * 1024

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
  if (text.length > MAX_FILE_BYTES) return refused(file, format, text, `at most ${MAX_FILE_BYTES} bytes`)
  const { tree, places, faults, readable } = parsers[format](text)
  const problems = faults.map(
    (fault): Problem => ({
      file,
      position: positionOf(text, fault.offset),
      path: pathText(fault.path ?? []),
      expected: fault.expected,
    }),
  )
  return { file, format, text, tree, places, readable, problems }
}

function refused(file: string, format: Format, text: string, expected: string): Document {
  const problems: Problem[] = [{ file, position: { line: 1, column: 1 }, path: '', expected }]
  return { file, format, text, tree: newTable(), places: newPlace(0), readable: false, problems }
}

/** Where an error about `path` points. */
export function locate(document: Document, path: Path, part: 'key' | 'value' = 'value'): Position {
  return positionOf(document.text, offsetOf(document.places, path, part))
}
