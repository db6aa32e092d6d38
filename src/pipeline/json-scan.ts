import { GatewayError } from '../protocol/model/error.ts'

interface Span {
  start: number
  end: number
}

/** Where the value of one top-level member stands in the body, in bytes; `end` is exclusive. */
export interface MemberSpan extends Span {
  /** The values of the same key before this one: `JSON.parse` takes the last, other parsers may not. */
  earlier?: Span[]
}

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
function closingQuote(bytes: Buffer, open: number): number {
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

/**
 * One linear pass over a JSON body before it is parsed: refuses shapes that would block the loop, and notes where
 * each top-level member's value stands, so that a member can be replaced without re-writing the rest. It does not
 * check the grammar: `JSON.parse` does, after this.
 */
export function scanJson(body: Uint8Array, limits: JsonLimits = jsonLimits): Map<string, MemberSpan> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const members = new Map<string, MemberSpan>()
  /** Commas seen in each open container, by depth; `isObject` says which kind it is. */
  const counts = new Int32Array(limits.depth + 2)
  const isObject = new Uint8Array(limits.depth + 2)
  let depth = 0
  let values = 0
  let key: string | undefined
  let lastString: [number, number] | undefined
  let valueStart = 0
  const close = (end: number): void => {
    if (key === undefined) return
    const span = trim(bytes, valueStart, end)
    const known = members.get(key)
    if (known) {
      const { earlier = [], ...last } = known
      earlier.push(last)
      members.set(key, { ...span, earlier })
    } else members.set(key, span)
    key = undefined
  }
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE: {
        const end = closingQuote(bytes, at)
        if (end === -1) return members
        lastString = [at, end + 1]
        at = end
        break
      }
      case COLON:
        if (depth === 1 && key === undefined) {
          key = lastString && keyAt(bytes, lastString)
          // Not JSON: the parser will stop here too. Each key is read once, or a long one could be read for ever.
          if (key === undefined) return members
          lastString = undefined
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

/** Keys are nearly always plain ASCII without escapes: those need no parser. */
const plainKey = /^"[\w.-]*"$/

function keyAt(bytes: Buffer, [start, end]: [number, number]): string | undefined {
  const text = bytes.toString('utf8', start, end)
  if (plainKey.test(text)) return text.slice(1, -1)
  try {
    return JSON.parse(text) as string
  } catch {
    return undefined
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function trim(bytes: Buffer, start: number, end: number): Span {
  while (start < end && isSpace(bytes[start])) start += 1
  while (end > start && isSpace(bytes[end - 1])) end -= 1
  return { start, end }
}

/**
 * The body with some top-level members replaced (or added, when absent), every other byte as it was. Values are
 * JSON text. Empty objects get their first member without a comma.
 */
export function replaceMembers(
  body: Uint8Array,
  members: ReadonlyMap<string, MemberSpan>,
  replacements: ReadonlyMap<string, string>,
): Uint8Array {
  const edits: { start: number; end: number; text: string }[] = []
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
  const pieces: Uint8Array[] = []
  let from = 0
  for (const edit of edits) {
    pieces.push(body.subarray(from, edit.start), Buffer.from(edit.text))
    from = edit.end
  }
  pieces.push(body.subarray(from))
  return Buffer.concat(pieces)
}
