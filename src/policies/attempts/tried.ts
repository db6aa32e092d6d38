import type { Target } from '../../pipeline/target.ts'
import type { GatewayError } from '../../protocol/model/error.ts'
import type { Pass } from '../../resilience/resilience.ts'

/** What was already tried at one target, and how it ended last. */
export class Tried {
  failure: GatewayError
  /** Further tries after a wait. */
  retries = 0
  #used: string[] = []

  constructor(failure: GatewayError, pass: Pass) {
    this.failure = failure
    this.#use(pass)
  }

  note(failure: GatewayError, pass: Pass): void {
    this.failure = failure
    this.#use(pass)
  }

  /** The target with those of its credentials that were not used yet; undefined when there are none. */
  withoutUsed({ siblings = [] }: Target): Target | undefined {
    const left = siblings.filter(({ credential }) => credential && !this.#used.includes(credential.name))
    return left[0] && { ...left[0], siblings: left }
  }

  /** After a wait all of them may do better. */
  forgetUsed(): void {
    this.#used = []
  }

  #use({ target }: Pass): void {
    if (target.credential) this.#used.push(target.credential.name)
  }
}
