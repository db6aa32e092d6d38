import type { Capabilities } from '../../model/capabilities.ts'
import { Losses } from '../../model/dropped.ts'
import type { UpstreamTarget } from '../dialect.ts'

/** What the parts of the request encoder share: the target, and the losses found so far. */
export class EncodeContext {
  readonly losses = new Losses()
  readonly target: UpstreamTarget
  readonly capabilities: Capabilities
  readonly #said = new Set<string>()

  constructor(target: UpstreamTarget) {
    this.target = target
    this.capabilities = target.capabilities
  }

  /** For a loss that may happen many times in one request and is told once. */
  dropOnce(path: string, why: string): void {
    if (this.#first(path)) this.losses.drop(path, why)
  }

  approximateOnce(path: string, why: string): void {
    if (this.#first(path)) this.losses.approximate(path, why)
  }

  #first(path: string): boolean {
    if (this.#said.has(path)) return false
    this.#said.add(path)
    return true
  }
}
