import type { Redactor } from './redact.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFormat = 'json' | 'text'
export type LogFields = Record<string, string | number | boolean | undefined | null | readonly string[]>

/** A field longer than this is cut: one record never floods the log (promise J9). */
const MAXIMUM_FIELD = 2_000
/** What is looked through for secrets: a secret that begins in what is shown ends in here. */
const MAXIMUM_READ = 2 * MAXIMUM_FIELD
const MAXIMUM_ITEMS = 20
/** Texts and keys that are known to need nothing done to them. */
const MAXIMUM_KNOWN = 1_000
const MAXIMUM_KNOWN_LENGTH = 100

/** Makes one line of one record: without secrets, bounded, and never more than one line for any reader. */
export class LineWriter {
  readonly #redactor: Redactor
  readonly #now: () => Date
  #lastTime = Number.NaN
  #lastTimeText = ''
  readonly #members = new Map<string, string>()
  readonly #plain = new Set<string>()
  /** How many secrets were known when these texts were looked at. */
  #plainBefore = 0

  constructor(redactor: Redactor, now: () => Date) {
    this.#redactor = redactor
    this.#now = now
  }

  /** The line with its end. */
  line(format: LogFormat, level: LogLevel, message: string, fields: LogFields): string {
    const time = this.#time()
    const plain = format === 'json' ? this.#plainLine(time, level, message, fields) : undefined
    if (plain !== undefined) return plain
    const said = this.#shown(message)
    const members = Object.entries(fields).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, this.#value(value)] as const],
    )
    if (format === 'text') {
      const tail = members.map(([key, value]) => ` ${key}=${readable(value)}`).join('')
      return `${printable(`${time} ${level.toUpperCase().padEnd(5)} ${said}${tail}`)}\n`
    }
    const tail = members.map(([key, value]) => `,${JSON.stringify(key)}:${JSON.stringify(value)}`).join('')
    return `${escaped(`{"time":"${time}","level":"${level}","message":${JSON.stringify(said)}${tail}}`)}\n`
  }

  /** Under load many lines are written within one millisecond. */
  #time(): string {
    const now = this.#now()
    const milliseconds = now.getTime()
    if (milliseconds !== this.#lastTime) {
      this.#lastTime = milliseconds
      this.#lastTimeText = now.toISOString()
    }
    return this.#lastTimeText
  }

  /** The line of a record in which nothing has to be cut, taken out, escaped or written as a list; else undefined. */
  #plainLine(time: string, level: LogLevel, message: string, fields: LogFields): string | undefined {
    if (!this.#isPlain(message)) return undefined
    let line = `{"time":"${time}","level":"${level}","message":"${message}"`
    for (const key in fields) {
      const value = fields[key]
      if (value === undefined) continue
      const member = this.#memberOf(key)
      if (typeof value === 'string') {
        if (!this.#isPlain(value)) return undefined
        line += `${member}"${value}"`
      } else if (typeof value === 'object' ? value === null : isWritable(value)) line += `${member}${value}`
      else return undefined
    }
    return `${line}}\n`
  }

  /** What stands before a value. Keys name secrets (`input_tokens`), so they are not looked at for them. */
  #memberOf(key: string): string {
    const known = this.#members.get(key)
    if (known !== undefined) return known
    const member = escaped(`,${JSON.stringify(key)}:`)
    if (this.#members.size >= MAXIMUM_KNOWN) this.#members.clear()
    if (key.length <= MAXIMUM_KNOWN_LENGTH) this.#members.set(key, member)
    return member
  }

  /** Whether a text can stand in a line as it is. The same few names stand in nearly all of them. */
  #isPlain(text: string): boolean {
    if (this.#plainBefore !== this.#redactor.learned) {
      this.#plainBefore = this.#redactor.learned
      this.#plain.clear()
    }
    if (this.#plain.has(text)) return true
    if (text.length > MAXIMUM_FIELD || needsEscape.test(text) || this.#redactor.text(text) !== text)
      return false
    if (this.#plain.size >= MAXIMUM_KNOWN) this.#plain.clear()
    if (text.length <= MAXIMUM_KNOWN_LENGTH) this.#plain.add(text)
    return true
  }

  #value(value: Exclude<LogFields[string], undefined>): Written {
    if (typeof value === 'string') return this.#shown(value)
    if (typeof value !== 'object' || value === null) return value
    const items = value.slice(0, MAXIMUM_ITEMS).map((item) => this.#shown(item))
    return value.length > MAXIMUM_ITEMS ? [...items, `… ${value.length - MAXIMUM_ITEMS} more`] : items
  }

  /** Without secrets, and not too long. Secrets go before anything is written as JSON, which they might break. */
  #shown(text: string): string {
    const clean = this.#redactor.text(text.length > MAXIMUM_READ ? text.slice(0, MAXIMUM_READ) : text)
    return text.length > MAXIMUM_FIELD ? `${clean.slice(0, MAXIMUM_FIELD)}…` : clean
  }
}

type Written = string | number | boolean | null | readonly string[]

/**
 * Characters that would begin another line for some reader, drive a terminal, or turn the order of what is shown:
 * control characters, line and paragraph separators, direction marks.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const unruly = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** What JSON has to escape, and what we do. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const needsEscape = /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/

/** A text that nobody can take for two fields, or for another kind of value. */
const bare = /^(?![[{])[^\s"=\\]+$/

/** A value as people read it: quoted only where it has to be. */
function readable(value: Written): string {
  return typeof value === 'string' && bare.test(value) ? value : JSON.stringify(value)
}

/** JSON has no word for a number that is none. */
function isWritable(value: LogFields[string]): boolean {
  return typeof value !== 'number' || Number.isFinite(value)
}

function printable(line: string): string {
  return line.replace(unruly, ' ')
}

/** Inside JSON they stand only in strings, where they can be escaped. */
function escaped(json: string): string {
  return json.search(unruly) === -1
    ? json
    : json.replace(unruly, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
