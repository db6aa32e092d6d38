import { notHttp } from './failures.ts'
import { fieldName } from './field-name.ts'

/** How the end of a body is told (RFC 9112 §6.3). */
export type Framing =
  | { kind: 'none' }
  | { kind: 'length'; length: number }
  | { kind: 'chunked' }
  /** Until the peer ends the connection. */
  | { kind: 'close' }

/** Status line and fields of an answer. */
export class ResponseHead {
  readonly status: number
  readonly framing: Framing
  /** Whether the connection may serve another request after this answer. */
  readonly isPersistent: boolean
  /** How long the peer keeps the connection when nothing happens on it, in milliseconds, where it says so. */
  readonly idleMs: number | undefined
  /** Names in lower case and values, one after the other. */
  readonly #fields: readonly string[]

  constructor(status: number, fields: Fields, framing: Framing, isPersistent: boolean) {
    this.status = status
    this.framing = framing
    this.isPersistent = isPersistent
    this.idleMs = fields.idleMs
    this.#fields = fields.list
  }

  /** The field's value, repeated ones joined by commas; null when it is not there. Any case. */
  get(name: string): string | null {
    const fields = this.#fields
    const wanted = name.toLowerCase()
    let found: string | null = null
    for (let index = 0; index < fields.length; index += 2)
      if (fields[index] === wanted)
        found = found === null ? String(fields[index + 1]) : `${found}, ${fields[index + 1]}`
    return found
  }
}

const MAXIMUM_FIELDS = 200
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/
/** A NUL, or a CR that does not end a line: either may make the next reader see other lines than we do. */
const forbidden = /\0|\r(?!\n)/
const SPACE = 0x20
const TAB = 0x09
const CR = 0x0d

/**
 * Reads one head: Latin-1 text up to and with its empty line, lines ended by CRLF or LF. Undefined for an
 * informational answer. `isHeadRequest`: an answer to HEAD has no body.
 */
export function parseHead(text: string, isHeadRequest: boolean): ResponseHead | undefined {
  if (forbidden.test(text)) throw notHttp('a control character in its headers')
  const firstEnd = text.indexOf('\n')
  const line = statusLine.exec(withoutReturn(text, 0, firstEnd))
  if (line === null) throw notHttp('no HTTP/1.1 status line')
  const status = Number(line[2])
  const fields = new Fields(text, firstEnd + 1)
  if (status === 101) throw notHttp('an upgrade that nobody asked for')
  if (status < 200) return undefined
  const framing =
    isHeadRequest || status === 204 || status === 304 ? ({ kind: 'none' } as const) : fields.framing()
  // An HTTP/1.0 server may keep a connection, but one that has a length and a coding does not know what it says.
  const isPersistent = line[1] === '1' && !fields.closes && framing.kind !== 'close' && !fields.isAmbiguous
  return new ResponseHead(status, fields, framing, isPersistent)
}

function withoutReturn(text: string, start: number, lineEnd: number): string {
  return text.slice(start, text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd)
}

/** The fields of one head, and what they say of the connection. */
class Fields {
  readonly list: string[] = []
  closes = false
  idleMs: number | undefined
  #length: string | undefined
  #coding: string | undefined

  constructor(text: string, start: number) {
    for (let from = start; ; ) {
      const lineEnd = text.indexOf('\n', from)
      const end = text.charCodeAt(lineEnd - 1) === CR ? lineEnd - 1 : lineEnd
      if (end <= from) return
      this.#add(text, from, end)
      from = lineEnd + 1
    }
  }

  /** A length beside a coding is how two readers are made to disagree: the coding counts (RFC 9112 §6.3). */
  get isAmbiguous(): boolean {
    return this.#length !== undefined && this.#coding !== undefined
  }

  framing(): Framing {
    if (this.#coding !== undefined) {
      if (this.#coding.toLowerCase() === 'chunked') return { kind: 'chunked' }
      throw notHttp('a transfer-encoding other than chunked')
    }
    if (this.#length === undefined) return { kind: 'close' }
    const length = Number(this.#length)
    return length === 0 ? { kind: 'none' } : { kind: 'length', length }
  }

  #add(text: string, start: number, end: number): void {
    if (this.list.length >= MAXIMUM_FIELDS * 2) throw notHttp(`more than ${MAXIMUM_FIELDS} header fields`)
    const colon = text.indexOf(':', start)
    const field = colon === -1 || colon > end ? undefined : fieldName(text.slice(start, colon))
    if (field === undefined) throw notHttp('a line in its headers that is no field')
    let from = colon + 1
    let to = end
    while (from < to && isBlank(text.charCodeAt(from))) from += 1
    while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1
    const value = text.slice(from, to)
    this.list.push(field, value)
    if (meanings.has(field)) this.#understand(field, value)
  }

  #understand(field: string, value: string): void {
    if (field === 'content-length') this.#length = single(this.#length, lengthOf(value))
    else if (field === 'transfer-encoding')
      this.#coding = this.#coding === undefined ? value : `${this.#coding},${value}`
    else if (field === 'connection') this.closes ||= closing.test(value)
    else this.#keepAlive(value)
  }

  #keepAlive(value: string): void {
    const seconds = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i.exec(value)?.[1]
    if (seconds !== undefined) this.idleMs = Number(seconds) * 1000
    if (/(?:^|[\s,;])max\s*=\s*"?0+(?!\d)/i.test(value)) this.closes = true
  }
}

const meanings = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive'])
const closing = /(?:^|[\s,])close(?:$|[\s,])/i

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** A length repeated in one field (`5, 5`) is not read: no sound server sends it. */
function lengthOf(value: string): string {
  if (!/^\d{1,15}$/.test(value)) throw notHttp('a content-length that is no number')
  return value
}

function single(known: string | undefined, value: string): string {
  if (known !== undefined && known !== value) throw notHttp('two different content-lengths')
  return value
}
