import type { Snapshot } from '../config/snapshot.ts'
import type { Call, CallObserver, ClientDialect, Handler, Identity, Refusal } from '../pipeline/call.ts'
import type { Outside } from '../pipeline/exchange.ts'
import type { Exchange } from '../platform/serve.ts'
import type { StreamWriter } from '../platform/stream.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { MaybePromise, StoreHealth } from '../store/ports/shared-state.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Redactor } from '../telemetry/redact.ts'

/** What every endpoint is given. */
export interface Gateway {
  /** The live configuration; a request takes it once and keeps it. */
  snapshot(): Snapshot
  /**
   * Who calls, by the credential in the headers. Throws 400, 401, 403, 429 or 503; answers at once where nothing has to
   * be looked up.
   */
  identify(request: Request, exchange: Exchange): MaybePromise<Identity>
  /** What has to happen for every call as soon as it is known: it gets its account. Throws 503 when it cannot. */
  begin(call: Call): void
  /** A request that never became a call has its account too. Never throws. */
  refused(refusal: Refusal): void
  /** Admits a call that makes no answer under its limits of requests; throws 429 or 503. */
  limitRequests(call: Call): MaybePromise<void>
  /** Who looks on at every call: metrics, traces, samples. */
  observers: readonly CallObserver[]
  /** How the stores stand; for `/readyz`. */
  stores(): readonly StoreHealth[]
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

interface ActiveCall {
  since: number
  end: () => void
  /** Absent once it was called. */
  keepOpen: (() => void) | undefined
}

/** Well below the time after which the server lets a silent connection go, and above most calls' whole life. */
const KEEP_OPEN_AFTER_MILLISECONDS = 20_000
const TICK_MILLISECONDS = 5_000

/**
 * The calls that are open now: kept from being closed for their silence, waited for at the end, and at the drain limit
 * ended with an error their clients understand.
 */
export class ActiveCalls {
  readonly #calls = new Map<object, ActiveCall>()
  #idle: (() => void) | undefined
  #ticker: ReturnType<typeof setInterval> | undefined

  get count(): number {
    return this.#calls.size
  }

  /**
   * `giveUp` ends a call that has nothing to show yet: its client gets an error in place of an answer. `keepOpen` lifts
   * the server's limit on silence; that is dear, so only the calls that live long ask for it.
   */
  enter(token: object, giveUp: () => void, keepOpen: () => void): void {
    this.#calls.set(token, { since: performance.now(), end: giveUp, keepOpen })
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MILLISECONDS)
  }

  onOpen(token: object, writer: StreamWriter, last: () => string): void {
    const call = this.#calls.get(token)
    if (call) call.end = () => writer.finish(last())
  }

  leave(token: object): void {
    this.#calls.delete(token)
    if (this.#calls.size === 0) this.#idle?.()
  }

  /** Resolves true when none is left, false after the time. */
  async drained(milliseconds: number): Promise<boolean> {
    if (this.#calls.size === 0) return true
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), milliseconds)
      this.#idle = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  endAll(): void {
    for (const call of this.#calls.values()) call.end()
  }

  #tick(): void {
    const now = performance.now()
    for (const call of this.#calls.values()) {
      // They stand in the order in which they came.
      if (now - call.since < KEEP_OPEN_AFTER_MILLISECONDS) break
      call.keepOpen?.()
      call.keepOpen = undefined
    }
    if (this.#calls.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }
}
