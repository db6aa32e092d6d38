import type { ExportOutcome, OtlpSignal, OtlpTransport } from '../../upstream/otlp/port.ts'
import type { LogFields } from '../log-line.ts'
import type { ExportClock } from './exporter.ts'

/** Time that a test moves on. */
export class TestClock implements ExportClock {
  now = 0
  #alarms: { at: number; wake: () => void }[] = []

  readonly monotonic = (): number => this.now

  readonly after = (milliseconds: number, wake: () => void): (() => void) => {
    const alarm = { at: this.now + milliseconds, wake }
    this.#alarms.push(alarm)
    return () => {
      this.#alarms = this.#alarms.filter((each) => each !== alarm)
    }
  }

  /** Lets time pass, alarm by alarm, with everything that follows from each. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    await settled()
    for (;;) {
      const next = this.#alarms.toSorted((one, other) => one.at - other.at)[0]
      if (next === undefined || next.at > end) break
      this.now = next.at
      this.#alarms = this.#alarms.filter((each) => each !== next)
      next.wake()
      await settled()
    }
    this.now = end
  }
}

/** Everything that only waits for promises has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A collector that does what a test says. */
export class TestTransport implements OtlpTransport {
  readonly address = 'collector:4317'
  readonly received: { signal: OtlpSignal; message: Uint8Array; at: number }[] = []
  /** The outcomes to come, in order; `hangs` ends with its abort. Without any, everything is taken. */
  readonly outcomes: (ExportOutcome | 'hangs')[] = []
  /** What comes when there are no more of them. */
  always: ExportOutcome | 'hangs' = { kind: 'accepted', rejected: 0, message: '' }
  isClosed = false
  readonly #clock: TestClock

  constructor(clock: TestClock) {
    this.#clock = clock
  }

  export(signal: OtlpSignal, message: Uint8Array, abort: AbortSignal): Promise<ExportOutcome> {
    this.received.push({ signal, message, at: this.#clock.now })
    const outcome = this.outcomes.shift() ?? this.always
    if (outcome !== 'hangs') return Promise.resolve(outcome)
    return new Promise((resolve) => {
      abort.addEventListener('abort', () => resolve({ kind: 'retry', reason: 'it was given up' }))
    })
  }

  close(): void {
    this.isClosed = true
  }
}

/** A log that a test reads. */
export class TestLog {
  readonly lines: { level: 'info' | 'warn' | 'error'; message: string; fields: LogFields }[] = []

  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields })
  }
  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields })
  }
  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields })
  }
}
