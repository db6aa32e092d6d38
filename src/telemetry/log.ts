import { LogFile } from './log-file.ts'
import { LineWriter, type LogFields, type LogFormat, type LogLevel, logLevels } from './log-line.ts'
import { type LogPlace, LogSink, streamPlace } from './log-sink.ts'
import type { Redactor } from './redact.ts'

export interface LogSettings {
  level: LogLevel
  format: LogFormat
  stdout: boolean
  /** A file that would grow beyond `maxBytes` is put aside; `maxFiles` of those are kept. */
  file?: { path: string; maxBytes: number; maxFiles: number }
}

/** How long `flush` waits for a place that takes nothing. */
const FLUSH_MILLISECONDS = 2_000

/**
 * One record a line, written in batches off the request's path. A place that fails loses lines, which are counted, and
 * never hurts a request.
 */
export class Logger {
  #settings: LogSettings
  /** Holds in place of the configured level. */
  #override: LogLevel | undefined
  #lowest: number
  #sinks: ReadonlyMap<string, LogSink>
  /** Sinks that were replaced and still have lines. */
  readonly #leaving = new Set<LogSink>()
  /** Lines lost by sinks that are gone. */
  #lostBefore = 0
  readonly #writer: LineWriter

  constructor(settings: LogSettings, redactor: Redactor, now: () => Date = () => new Date()) {
    this.#settings = settings
    this.#writer = new LineWriter(redactor, now)
    this.#lowest = logLevels.indexOf(settings.level)
    this.#sinks = this.#sinksFor(settings)
  }

  /** Takes new settings at once. A place that stays the same goes on; one that is left gets what was meant for it. */
  configure(settings: LogSettings): void {
    const before = this.#sinks
    this.#settings = settings
    this.#sinks = this.#sinksFor(settings, before)
    for (const [place, sink] of before) if (!this.#sinks.has(place)) this.#leave(sink)
    this.override(this.#override)
  }

  /** Writes from this level on whatever is configured, until it is called without one. */
  override(level: LogLevel | undefined): void {
    this.#override = level
    this.#lowest = logLevels.indexOf(this.level)
  }

  /** Whether lines of a level are written: what is only said there need not be made otherwise. */
  writes(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= this.#lowest
  }

  /** The level that holds now. */
  get level(): LogLevel {
    return this.#override ?? this.#settings.level
  }

  /** Lines that could not be written. */
  get lost(): number {
    let lost = this.#lostBefore
    for (const sink of this.#sinks.values()) lost += sink.lost
    for (const sink of this.#leaving) lost += sink.lost
    return lost
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

  /** Writes what is pending, as far as the places take it within two seconds; call before the process ends. */
  async flush(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MILLISECONDS)
    })
    const all = [...this.#sinks.values(), ...this.#leaving].map((sink) => sink.flush())
    await Promise.race([Promise.all(all), patience])
    clearTimeout(timer)
  }

  #write(level: LogLevel, message: string, fields: LogFields): void {
    if (!this.writes(level)) return
    const line = this.#writer.line(this.#settings.format, level, message, fields)
    for (const sink of this.#sinks.values()) sink.push(line)
  }

  #sinksFor(settings: LogSettings, known?: ReadonlyMap<string, LogSink>): ReadonlyMap<string, LogSink> {
    const { stdout, file } = settings
    const sinks = new Map<string, LogSink>()
    const add = (name: string, open: () => LogPlace): void => {
      const lostLine = (lost: number): string =>
        this.#writer.line(this.#settings.format, 'warn', 'lines of this log were lost', { lost })
      sinks.set(name, known?.get(name) ?? new LogSink(open(), lostLine))
    }
    if (stdout) add('stdout', () => streamPlace(process.stdout))
    if (file) add(JSON.stringify(file), () => new LogFile({ ...file, tell }))
    return sinks
  }

  #leave(sink: LogSink): void {
    this.#leaving.add(sink)
    void sink.flush().then(() => {
      this.#leaving.delete(sink)
      this.#lostBefore += sink.lost
    })
  }
}

/** Where the log itself has a trouble it is no place to say so. */
function tell(text: string): void {
  process.stderr.write(`xjp-gateway: ${text}\n`)
}
