import type { MemoryIdempotency } from './memory/idempotency.ts'
import type { IdempotencyClaim, IdempotencyState } from './ports/shared-state.ts'

/**
 * The shared state, with this process's own memory of what it executes and has answered. A shared store may lose what it
 * was told (a restart without a disk, a fail-over): what happened here is still not done twice here.
 */
export class ShadowedIdempotency implements IdempotencyState {
  readonly #shared: IdempotencyState
  readonly #own: MemoryIdempotency
  /** The tokens of this process's memory, by those of the shared state. */
  readonly #tokens = new Map<string, string>()

  constructor(shared: IdempotencyState, own: MemoryIdempotency) {
    this.#shared = shared
    this.#own = own
  }

  async claim(scope: string, fingerprint: string, leaseMs: number): Promise<IdempotencyClaim> {
    const own = this.#own.claim(scope, fingerprint, leaseMs)
    switch (own.state) {
      case 'execute':
        return this.#claimBoth(scope, own.token, () => this.#shared.claim(scope, fingerprint, leaseMs))
      case 'done':
        return this.#confirmed(scope, own.answer, await this.#shared.claim(scope, fingerprint, leaseMs))
      default:
        return own
    }
  }

  async renew(scope: string, token: string, leaseMs: number): Promise<boolean> {
    this.#own.renew(scope, this.#tokens.get(token) ?? '', leaseMs)
    return this.#shared.renew(scope, token, leaseMs)
  }

  async complete(scope: string, token: string, answer: Uint8Array, keepMs: number): Promise<void> {
    this.#own.complete(scope, this.#taken(token), answer, keepMs)
    await this.#shared.complete(scope, token, answer, keepMs)
  }

  async release(scope: string, token: string): Promise<void> {
    const own = this.#taken(token)
    try {
      await this.#shared.release(scope, token)
    } finally {
      this.#own.release(scope, own)
    }
  }

  async #claimBoth(
    scope: string,
    ownToken: string,
    claim: () => IdempotencyClaim | Promise<IdempotencyClaim>,
  ): Promise<IdempotencyClaim> {
    try {
      const shared = await claim()
      if (shared.state === 'execute') this.#tokens.set(shared.token, ownToken)
      else this.#own.release(scope, ownToken)
      return shared
    } catch (thrown) {
      this.#own.release(scope, ownToken)
      throw thrown
    }
  }

  /** The shared state was asked because it decides whether keys can be served at all; the answer is known here. */
  async #confirmed(scope: string, answer: Uint8Array, shared: IdempotencyClaim): Promise<IdempotencyClaim> {
    // It has lost the answer: nobody executes, and it is told again.
    if (shared.state === 'execute')
      await this.#shared.complete(scope, shared.token, answer, this.#own.remainingMs(scope))
    return { state: 'done', answer }
  }

  #taken(token: string): string {
    const own = this.#tokens.get(token) ?? ''
    this.#tokens.delete(token)
    return own
  }
}
