import type { Call } from '../../pipeline/call.ts'
import { BoundedNames, type Clean } from './bounded-names.ts'

interface NameLimits {
  /** Names of the configuration. */
  models: number
  /** Names that clients chose and an upstream has answered under: they cannot take the place of configured ones. */
  foundModels: number
  tenants: number
  providers: number
  targets: number
  /** Of labels whose values are words of our own: reasons, codes. */
  reasons: number
}

export const nameLimits: NameLimits = {
  models: 300,
  foundModels: 100,
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
  readonly foundModel: BoundedNames
  readonly tenant: BoundedNames
  readonly provider: BoundedNames
  readonly target: BoundedNames
  readonly reason: BoundedNames

  constructor(clean: Clean, limits: NameLimits = nameLimits) {
    this.model = new BoundedNames(limits.models, clean)
    this.foundModel = new BoundedNames(limits.foundModels, clean)
    this.tenant = new BoundedNames(limits.tenants, clean)
    this.provider = new BoundedNames(limits.providers, clean)
    this.target = new BoundedNames(limits.targets, clean)
    this.reason = new BoundedNames(limits.reasons, clean)
  }

  /**
   * The model of a call. A name of the configuration has its place. Any other is the client's own: it gets a place of
   * its own once an upstream has answered under it, and before that stands under the pattern it fits (`provider/*`), or
   * is `other`, so that invented names have none.
   */
  modelOf({ record, snapshot, targets }: Call, isAnswered: boolean): string {
    const { model } = record
    if (snapshot.models.has(model) || snapshot.aliases.has(model)) return this.model.of(model)
    if (isAnswered || this.foundModel.has(model)) return this.foundModel.of(model)
    const pattern = targets[0]?.publicModel
    return pattern === undefined || pattern === model ? this.model.fold() : this.model.of(pattern)
  }

  providerOf(name: string | undefined): string {
    return name === undefined ? NONE : this.provider.of(name)
  }

  /** How often a value had no room, by label. */
  *folded(): Generator<readonly [labels: readonly [string], value: number]> {
    yield [['model'], this.model.folded + this.foundModel.folded]
    for (const label of ['tenant', 'provider', 'target', 'reason'] as const)
      yield [[label], this[label].folded]
  }
}
