import type { Format } from '../document.ts'
import { LineIndex, type Path, type Position } from '../place.ts'

/** Plain data to be written as a file. `undefined` members are left out. */
export type Data = boolean | number | string | readonly Data[] | { readonly [key: string]: Data | undefined }

/** A text that knows where each key and value was written, independent of any parser. */
export class Rendered {
  text = ''
  readonly #keys = new Map<string, number>()
  readonly #values = new Map<string, number>()

  write(text: string): this {
    this.text += text
    return this
  }

  key(path: Path, text: string): this {
    const id = JSON.stringify(path)
    if (!this.#keys.has(id)) this.#keys.set(id, this.text.length)
    return this.write(text)
  }

  /** The next character begins this value. */
  value(path: Path): this {
    this.#values.set(JSON.stringify(path), this.text.length)
    return this
  }

  position(path: Path, part: 'key' | 'value'): Position {
    const offset = (part === 'key' ? this.#keys : this.#values).get(JSON.stringify(path))
    if (offset === undefined) throw new Error(`nothing was written at ${JSON.stringify(path)} (${part})`)
    return new LineIndex(this.text).position(offset)
  }
}

export function render(data: Data, format: Format): Rendered {
  const out = new Rendered()
  if (format === 'json') writeJson(out, data, [], '')
  else if (format === 'yaml') writeYaml(out, data, [], '')
  else writeToml(out, data, [])
  return out
}

function isTable(data: Data | undefined): data is { readonly [key: string]: Data | undefined } {
  return typeof data === 'object' && !Array.isArray(data)
}

function members(data: { readonly [key: string]: Data | undefined }): [string, Data][] {
  return Object.entries(data).filter((entry): entry is [string, Data] => entry[1] !== undefined)
}

function writeJson(out: Rendered, data: Data, path: Path, indent: string): void {
  out.value(path)
  const inner = `${indent}  `
  if (Array.isArray(data)) {
    out.write('[')
    data.forEach((item, index) => {
      out.write(index === 0 ? '' : ', ')
      writeJson(out, item, [...path, index], inner)
    })
    out.write(']')
  } else if (isTable(data)) {
    out.write('{')
    members(data).forEach(([key, member], index) => {
      out
        .write(`${index === 0 ? '' : ','}\n${inner}`)
        .key([...path, key], JSON.stringify(key))
        .write(': ')
      writeJson(out, member, [...path, key], inner)
    })
    out.write(`\n${indent}}`)
  } else out.write(JSON.stringify(data))
}

/** Block style for sections, flow style for lists of plain values. */
function writeYaml(out: Rendered, data: Data, path: Path, indent: string): void {
  if (!isTable(data)) {
    out.value(path)
    writeFlow(out, data, path)
    out.write('\n')
    return
  }
  members(data).forEach(([key, member], index) => {
    const at = [...path, key]
    if (index > 0 || path.length > 0) out.write(indent)
    if (index === 0) out.value(path)
    const plain = /^[A-Za-z][A-Za-z0-9_-]*$/.test(key)
    out.key(at, plain ? key : JSON.stringify(key)).write(':')
    const isEmpty = isTable(member) && members(member).length === 0
    if (isTable(member) && !isEmpty) {
      out.write('\n')
      writeYaml(out, member, at, `${indent}  `)
      return
    }
    out.write(' ').value(at)
    writeFlow(out, member, at)
    out.write('\n')
  })
}

function writeFlow(out: Rendered, data: Data, path: Path): void {
  out.value(path)
  if (Array.isArray(data)) {
    out.write('[')
    data.forEach((item, index) => {
      out.write(index === 0 ? '' : ', ')
      writeFlow(out, item, [...path, index])
    })
    out.write(']')
  } else if (isTable(data)) {
    out.write('{ ')
    members(data).forEach(([key, member], index) => {
      const at = [...path, key]
      out
        .write(index === 0 ? '' : ', ')
        .key(at, JSON.stringify(key))
        .write(': ')
      writeFlow(out, member, at)
    })
    out.write(' }')
  } else out.write(JSON.stringify(data))
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)
}

/** Plain members first, then a header for every section, and one for every item of a list of sections. */
function writeToml(out: Rendered, data: Data, path: Path): void {
  if (!isTable(data)) return
  const all = members(data)
  for (const [key, member] of all) {
    if (isTable(member) || isListOfTables(member)) continue
    const at = [...path, key]
    out.key(at, tomlKey(key)).write(' = ')
    writeTomlValue(out, member, at)
    out.write('\n')
  }
  for (const [key, member] of all) {
    const at = [...path, key]
    if (isTable(member)) {
      writeHeader(out, at, '[', ']')
      writeToml(out, member, at)
    } else if (isListOfTables(member))
      member.forEach((item, index) => {
        writeHeader(out, at, '[[', ']]', index)
        writeToml(out, item, [...at, index])
      })
  }
}

function isListOfTables(data: Data): data is readonly Data[] {
  return Array.isArray(data) && data.length > 0 && data.every((item) => isTable(item))
}

function writeHeader(out: Rendered, path: Path, open: string, close: string, index?: number): void {
  out.write(`\n${open}`)
  // Indexes are not written; what follows them belongs to the newest item.
  const names = path.filter((segment) => typeof segment === 'string')
  const depths = path.flatMap((segment, depth) => (typeof segment === 'string' ? [depth + 1] : []))
  names.forEach((name, at) => {
    const prefix = path.slice(0, depths[at])
    out.write(at === 0 ? '' : '.')
    const isLast = at === names.length - 1
    if (isLast && index !== undefined) out.key([...prefix, index], '').value([...prefix, index])
    if (isLast && index === undefined) out.value(prefix)
    out.key(prefix, tomlKey(name))
  })
  out.write(`${close}\n`)
}

function writeTomlValue(out: Rendered, data: Data, path: Path): void {
  out.value(path)
  if (Array.isArray(data)) {
    out.write('[')
    data.forEach((item, index) => {
      out.write(index === 0 ? '' : ', ')
      writeTomlValue(out, item, [...path, index])
    })
    out.write(']')
  } else if (isTable(data)) {
    out.write('{ ')
    members(data).forEach(([key, member], index) => {
      const at = [...path, key]
      out
        .write(index === 0 ? '' : ', ')
        .key(at, tomlKey(key))
        .write(' = ')
      writeTomlValue(out, member, at)
    })
    out.write(' }')
  } else out.write(JSON.stringify(data))
}
