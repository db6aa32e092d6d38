import type { Call } from '../../pipeline/call.ts'
import { BoundedNames, type Clean } from './bounded-names.ts'

interface NameLimits {
  models: number
  tenants: number
  providers: number
  targets: number
  /** Of labels whose values are words of our own: reasons, codes. */
  reasons: number
}

export const nameLimits: NameLimits = {
  models: 300,
  tenants: 500,
  providers: 100,
  targets: 1_000,
  reasons: 100,
}

/** Stands for what a request never said or never had. */
export const NONE = 'none'

/** The values that labels may have: bounded, whatever clients send. */
export class CallNames {
  readonly model: BoundedNames
  readonly tenant: BoundedNames
  readonly provider: BoundedNames
  readonly target: BoundedNames
  readonly reason: BoundedNames

  constructor(clean: Clean, limits: NameLimits = nameLimits) {
    this.model = new BoundedNames(limits.models, clean)
    this.tenant = new BoundedNames(limits.tenants, clean)
    this.provider = new BoundedNames(limits.providers, clean)
    this.target = new BoundedNames(limits.targets, clean)
    this.reason = new BoundedNames(limits.reasons, clean)
  }

  /**
   * The model of a call. A name of the configuration has its place; a wildcard's call stands under the wildcard. Any
   * other name is the client's own (`provider/model`): it gets a place once an upstream has answered under it, and is
   * `other` before that, so that invented names have none.
   */
  modelOf({ record, snapshot, targets }: Call, isAnswered: boolean): string {
    const { model } = record
    if (snapshot.models.has(model) || this.model.has(model)) return this.model.of(model)
    const configured = targets[0]?.publicModel
    if (configured !== undefined && configured !== model) return this.model.of(configured)
    return isAnswered ? this.model.of(model) : this.model.fold()
  }

  providerOf(name: string | undefined): string {
    return name === undefined ? NONE : this.provider.of(name)
  }

  /** How often a value had no room, by label. */
  *folded(): Generator<readonly [labels: readonly [string], value: number]> {
    for (const label of ['model', 'tenant', 'provider', 'target', 'reason'] as const)
      yield [[label], this[label].folded] as const
  }
}
