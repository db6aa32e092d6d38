import type { Snapshot } from '../config/snapshot.ts'
import type { ClientDialect, Handler } from '../pipeline/call.ts'
import type { Outside } from '../pipeline/exchange.ts'
import type { StreamWriter } from '../platform/stream.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Redactor } from '../telemetry/redact.ts'

/** What every endpoint is given. */
export interface Gateway {
  /** The live configuration; a request takes it once and keeps it. */
  snapshot(): Snapshot
  clients: Readonly<Partial<Record<DialectName, ClientDialect>>>
  /** The policies and the exchange, composed. */
  handle: Handler
  outside: Outside
  log: Logger
  redactor: Redactor
  active: ActiveCalls
  /** Set while draining: new work is refused. */
  draining: boolean
  startedAt: number
}

/** The calls that are open now: waited for, and at the drain limit ended with an error their clients understand. */
export class ActiveCalls {
  readonly #enders = new Map<object, () => void>()
  #idle: (() => void) | undefined

  get count(): number {
    return this.#enders.size
  }

  /** `giveUp` ends a call that has nothing to show yet: its client gets an error in place of an answer. */
  enter(token: object, giveUp: () => void): void {
    this.#enders.set(token, giveUp)
  }

  onOpen(token: object, writer: StreamWriter, last: () => string): void {
    if (this.#enders.has(token)) this.#enders.set(token, () => writer.finish(last()))
  }

  leave(token: object): void {
    this.#enders.delete(token)
    if (this.#enders.size === 0) this.#idle?.()
  }

  /** Resolves true when none is left, false after the time. */
  async drained(milliseconds: number): Promise<boolean> {
    if (this.#enders.size === 0) return true
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds)
      this.#idle = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  endAll(): void {
    for (const end of this.#enders.values()) end()
  }
}
