import { appendFile, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Redactor } from './redact.ts'

export const logLevels = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof logLevels)[number]
export type LogFields = Record<string, string | number | boolean | undefined | null | readonly string[]>

export interface LogSettings {
  level: LogLevel
  format: 'json' | 'text'
  stdout: boolean
  file?: string
}

/** A field longer than this is cut: one record never floods the log (promise J9). */
const MAXIMUM_FIELD = 2_000
const FLUSH_MILLISECONDS = 100
const MAXIMUM_PENDING = 4 * 1024 * 1024

/**
 * One record a line, written in batches off the request's path. A sink that fails loses lines, counts them, and
 * never hurts a request.
 */
export class Logger {
  lost = 0
  #settings: LogSettings
  readonly #redactor: Redactor
  readonly #now: () => Date
  #pending: string[] = []
  #pendingLength = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(settings: LogSettings, redactor: Redactor, now: () => Date = () => new Date()) {
    this.#settings = settings
    this.#redactor = redactor
    this.#now = now
  }

  configure(settings: LogSettings): void {
    this.#settings = settings
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#write('debug', message, fields)
  }
  info(message: string, fields: LogFields = {}): void {
    this.#write('info', message, fields)
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#write('warn', message, fields)
  }
  error(message: string, fields: LogFields = {}): void {
    this.#write('error', message, fields)
  }

  /** Writes what is pending; call before the process ends. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const text = this.#pending.join('')
    this.#pending = []
    this.#pendingLength = 0
    if (text !== '') this.#writing = this.#writing.then(() => this.#sink(text))
    await this.#writing
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    if (logLevels.indexOf(level) < logLevels.indexOf(this.#settings.level)) return
    if (this.#pendingLength > MAXIMUM_PENDING) {
      this.lost += 1
      return
    }
    const line = this.#redactor.text(this.#format(level, message, fields))
    this.#pending.push(line)
    this.#pendingLength += line.length
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MILLISECONDS)
  }

  #format(level: LogLevel, message: string, fields: LogFields): string {
    const time = this.#now().toISOString()
    const shown: LogFields = {}
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue
      shown[key] =
        typeof value === 'string' && value.length > MAXIMUM_FIELD
          ? `${value.slice(0, MAXIMUM_FIELD)}…`
          : value
    }
    if (this.#settings.format === 'json') return `${JSON.stringify({ time, level, message, ...shown })}\n`
    const tail = Object.entries(shown)
      .map(([key, value]) => ` ${key}=${JSON.stringify(value)}`)
      .join('')
    return `${time} ${level.toUpperCase().padEnd(5)} ${printable(message)}${tail}\n`
  }

  async #sink(text: string): Promise<void> {
    if (this.#settings.stdout) process.stdout.write(text)
    if (this.#settings.file === undefined) return
    try {
      await mkdir(dirname(this.#settings.file), { recursive: true })
      await appendFile(this.#settings.file, text)
    } catch {
      this.lost += 1
    }
  }
}

/** Control characters cannot forge a second record or drive a terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}
