import { Losses } from '../../model/dropped.ts'
import { isSendable } from '../../model/envelope.ts'
import { isObject, type Json } from '../../model/json.ts'
import type { Opaque } from '../../model/origin.ts'
import type { UpstreamTarget } from '../dialect.ts'

/** What every part of one request's encoding shares. */
export class Encoding {
  readonly losses = new Losses()
  readonly target: UpstreamTarget
  /** Opaque values of other makers that had to stay behind, by path; reported once at the end. */
  readonly foreign: string[] = []

  constructor(target: UpstreamTarget) {
    this.target = target
  }

  get capabilities(): UpstreamTarget['capabilities'] {
    return this.target.capabilities
  }

  /** The signature for `thoughtSignature`, when this target made it (protocol.md §2.8.4). */
  signature(opaque: Opaque | undefined, path: string): string | undefined {
    if (opaque === undefined) return undefined
    const own = opaque.kind === 'thought-signature'
    if (own && isSendable(opaque, this.capabilities.opaqueDialect, this.target.maker)) return opaque.value
    this.foreign.push(path)
    return undefined
  }

  /** One line for all foreign opaque values: a long conversation would otherwise fill the report. */
  reportForeign(): void {
    const [first] = this.foreign
    if (first === undefined) return
    const count = this.foreign.length === 1 ? '' : ` (and ${this.foreign.length - 1} more)`
    this.losses.drop(first, `thinking state of another model or provider cannot be sent here${count}`)
  }
}

/** True when the JSON holds the key at any depth. Explicit stack: the depth is the client's. */
export function holdsKey(value: Json | undefined, key: string): boolean {
  const waiting: (Json | undefined)[] = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (Array.isArray(next)) waiting.push(...next)
    else if (isObject(next)) {
      if (Object.hasOwn(next, key)) return true
      waiting.push(...Object.values(next))
    }
  }
  return false
}
