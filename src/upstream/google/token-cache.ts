import { GatewayError } from '../../protocol/model/error.ts'
import type { Grant, Granter } from './outside.ts'

const minute = 60_000
/** A token is renewed when it has this long left (protocol.md §5.3) … */
const earlyMs = 5 * minute
/** … but used, while that fails, until it has only this left. */
const usableMs = minute / 2
/** After a failed renewal of a token that still works. */
const pauseMs = minute / 2

/**
 * One credential's token. Whoever asks first fetches, all others wait for the same answer; a token that is still
 * good is given out at once while the next one is being fetched.
 */
export class TokenCache {
  readonly #fetch: Granter
  readonly #now: () => number
  #grant: Grant | undefined
  #pending: Promise<Grant> | undefined
  #failedAt = Number.NEGATIVE_INFINITY

  constructor(fetch: Granter, now: () => number) {
    this.#fetch = fetch
    this.#now = now
  }

  async get(signal: AbortSignal): Promise<Grant> {
    const left = this.#grant ? this.#grant.expiresAt - this.#now() : 0
    if (this.#grant && left > earlyMs) return this.#grant
    if (this.#grant && left > usableMs) {
      // Reported when the token really is needed.
      if (this.#now() - this.#failedAt >= pauseMs) this.#renew().catch(() => {})
      return this.#grant
    }
    return unlessAborted(this.#renew(), signal)
  }

  /** The caller's signal has no part in it: others may be waiting for the same token. */
  #renew(): Promise<Grant> {
    this.#pending ??= this.#fetch().then(
      (grant) => {
        this.#pending = undefined
        this.#grant = grant
        return grant
      },
      (thrown: unknown) => {
        this.#pending = undefined
        this.#failedAt = this.#now()
        throw thrown
      },
    )
    return this.#pending
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(new GatewayError('client_closed', 'The client left while Google credentials were fetched'))
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
