import { GatewayError } from '../protocol/model/error.ts'
import { MemberIndex, type Members } from './member-index.ts'

export interface JsonLimits {
  depth: number
  /** Members of one object. */
  keys: number
  /** Items of one array. */
  items: number
  /** Values in the whole body. */
  values: number
}

/** Limits on a body's shape (promise J6): far above any real request, far below what hurts to parse. */
export const jsonLimits: JsonLimits = { depth: 64, keys: 10_000, items: 20_000, values: 400_000 }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

function refuse(what: string): GatewayError {
  return new GatewayError('invalid_request', `The request body has ${what}`, { code: 'body_too_complex' })
}

/** `commas` commas stand between `commas + 1` members or items. */
function checkCount(commas: number, inObject: boolean, limits: JsonLimits): void {
  if (inObject && commas >= limits.keys) throw refuse(`an object with more than ${limits.keys} members`)
  if (!inObject && commas >= limits.items) throw refuse(`an array with more than ${limits.items} items`)
}

/** Strings are read byte by byte up to this length; the rest of longer ones is searched, which is faster. */
const SHORT_STRING_BYTES = 32

/** The index of the quote that closes the string opened at `open`, or -1. */
export function closingQuote(bytes: Buffer, open: number): number {
  let at = open + 1
  for (;;) {
    const near = Math.min(at + SHORT_STRING_BYTES, bytes.length)
    for (; at < near; at += 1) {
      if (bytes[at] === QUOTE) return at
      if (bytes[at] === BACKSLASH) at += 1
    }
    const quote = bytes.indexOf(QUOTE, at)
    if (quote === -1) return -1
    let slashes = 0
    while (quote - slashes > at && bytes[quote - 1 - slashes] === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return quote
    at = quote + 1
  }
}

/** The same memory with the methods of a buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Commas seen in each open container, by depth; `isObject` says which kind it is. A scan has them to itself. */
interface Scratch {
  counts: Int32Array
  isObject: Uint8Array
}

let scratch: Scratch = { counts: new Int32Array(0), isObject: new Uint8Array(0) }

function scratchFor(depths: number): Scratch {
  if (scratch.counts.length < depths)
    scratch = { counts: new Int32Array(depths), isObject: new Uint8Array(depths) }
  // Deeper ones are set when their containers open.
  scratch.counts[0] = 0
  scratch.isObject[0] = 0
  return scratch
}

/**
 * One linear pass over a JSON body before it is parsed: refuses shapes that would block the loop, and notes where
 * each top-level member's value stands, so that a member can be replaced without re-writing the rest. It does not
 * check the grammar: `JSON.parse` does, after this.
 */
export function scanJson(body: Uint8Array, limits: JsonLimits = jsonLimits): Members {
  const bytes = asBuffer(body)
  const members = new MemberIndex(bytes)
  const { counts, isObject } = scratchFor(limits.depth + 2)
  let depth = 0
  let values = 0
  /** The last string, between its quotes; -1 when there is none since the last key. */
  let stringStart = -1
  let stringEnd = -1
  /** The same of the open member's key, and where its value begins. */
  let keyStart = -1
  let keyEnd = -1
  let valueStart = 0
  const close = (end: number): void => {
    if (keyStart === -1) return
    let from = valueStart
    while (from < end && isSpace(bytes[from])) from += 1
    while (end > from && isSpace(bytes[end - 1])) end -= 1
    members.note(keyStart, keyEnd, from, end)
    keyStart = -1
  }
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = closingQuote(bytes, at)
        if (end === -1) return members
        stringStart = at + 1
        stringEnd = end
        at = end
        break
      }
      case COLON:
        if (depth === 1 && keyStart === -1) {
          // Not JSON: the parser will stop here too.
          if (stringStart === -1) return members
          keyStart = stringStart
          keyEnd = stringEnd
          stringStart = -1
          valueStart = at + 1
        }
        break
      case COMMA:
        values += 1
        if (values > limits.values) throw refuse(`more than ${limits.values} values`)
        counts[depth] = (counts[depth] ?? 0) + 1
        checkCount(counts[depth] ?? 0, isObject[depth] === 1, limits)
        if (depth === 1) close(at)
        break
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        depth += 1
        if (depth > limits.depth) throw refuse(`more than ${limits.depth} levels of nesting`)
        counts[depth] = 0
        isObject[depth] = bytes[at] === OPEN_OBJECT ? 1 : 0
        break
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        if (depth === 1) close(at)
        depth = Math.max(0, depth - 1)
        break
    }
  }
  return members
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

interface Edit {
  start: number
  end: number
  text: string
}

/**
 * The body with some top-level members replaced (or added, when absent), every other byte as it was. Values are
 * JSON text. Empty objects get their first member without a comma.
 */
export function replaceMembers(
  body: Uint8Array,
  members: Members,
  replacements: ReadonlyMap<string, string>,
): Uint8Array {
  const edits: Edit[] = []
  let added = ''
  for (const [key, text] of replacements) {
    const span = members.get(key)
    if (span) for (const { start, end } of [...(span.earlier ?? []), span]) edits.push({ start, end, text })
    else added += `,${JSON.stringify(key)}:${text}`
  }
  if (added !== '') {
    const end = body.lastIndexOf(CLOSE_OBJECT)
    edits.push({ start: end, end, text: members.size === 0 ? added.slice(1) : added })
  }
  edits.sort((one, other) => one.start - other.start)
  return edited(asBuffer(body), edits)
}

/** The edits stand in the order of their places. */
function edited(body: Buffer, edits: readonly Edit[]): Buffer {
  let length = body.length
  for (const { start, end, text } of edits) length += Buffer.byteLength(text) - (end - start)
  const out = Buffer.allocUnsafe(length)
  let from = 0
  let to = 0
  for (const { start, end, text } of edits) {
    to += body.copy(out, to, from, start)
    to += out.write(text, to)
    from = end
  }
  body.copy(out, to, from)
  return out
}
