import type { StreamWriter } from '../platform/stream.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { shuttingDown } from './admission.ts'
import { READ_BYTES } from './body.ts'

interface ActiveCall {
  since: number
  /** While its body is read: since when the client has sent too little. */
  readingSince: number | undefined
  /** Ends it with an error in place of an answer. */
  giveUp(error: GatewayError): void
  /** Ends a stream that has begun. */
  finish?: () => void
  /** Absent once it was called. */
  keepOpen: (() => void) | undefined
}

/** Well below the time after which the server lets a silent connection go, and above most calls' whole life. */
const KEEP_OPEN_AFTER_MILLISECONDS = 20_000
/** A client has to send `READ_BYTES` of its body in this time, or the rest of it. */
const READ_MILLISECONDS = 30_000
const TICK_MILLISECONDS = 5_000

/**
 * The calls that are open now: kept from being closed for their silence, given up when their body does not come, waited
 * for at the end, and at the drain limit ended with an error their clients understand.
 */
export class ActiveCalls {
  /** Milliseconds on a clock that never jumps. */
  readonly #now: () => number
  readonly #calls = new Map<object, ActiveCall>()
  #idle: (() => void) | undefined
  #ticker: ReturnType<typeof setInterval> | undefined

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  get count(): number {
    return this.#calls.size
  }

  /**
   * A call whose body is still to be read. `giveUp` ends it as long as it has nothing to show: its client gets an error
   * in place of an answer. `keepOpen` lifts the server's limit on silence; that is dear, so only the calls that live long
   * ask for it.
   */
  enter(token: object, giveUp: (error: GatewayError) => void, keepOpen: () => void): void {
    const since = this.#now()
    this.#calls.set(token, { since, readingSince: since, giveUp, keepOpen })
    this.#ticker ??= setInterval(() => this.tick(), TICK_MILLISECONDS)
  }

  /** Its client has sent enough of the body for now. */
  readOn(token: object): void {
    const call = this.#calls.get(token)
    if (call) call.readingSince = this.#now()
  }

  /** Its body is there. */
  read(token: object): void {
    const call = this.#calls.get(token)
    if (call) call.readingSince = undefined
  }

  onOpen(token: object, writer: StreamWriter, last: () => string): void {
    const call = this.#calls.get(token)
    if (call) call.finish = () => writer.finish(last())
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
    for (const call of this.#calls.values()) {
      if (call.finish) call.finish()
      else call.giveUp(shuttingDown())
    }
  }

  /** Every now and again, while there are calls. */
  tick(): void {
    const now = this.#now()
    for (const call of this.#calls.values()) {
      // They stand in the order in which they came.
      if (now - call.since < KEEP_OPEN_AFTER_MILLISECONDS) break
      if (call.readingSince === undefined) {
        call.keepOpen?.()
        call.keepOpen = undefined
      } else if (now - call.readingSince >= READ_MILLISECONDS) call.giveUp(tooSlow())
    }
    if (this.#calls.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }
}

function tooSlow(): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The request's body came too slowly: within ${READ_MILLISECONDS / 1000} s expected ${READ_BYTES} bytes of it, or its end`,
    { status: 408, code: 'request_timeout' },
  )
}
