import type { Capabilities } from '../../protocol/model/capabilities.ts'
import type { DialectName } from '../../protocol/model/origin.ts'

/** Some facts; what is absent comes from the layer below. */
export type Facts = Partial<Capabilities>

/** One model, or several that behave alike. */
export interface FamilyRow {
  /** Tested against the canonical name (`model-name.ts`), anchored at its start. */
  models: RegExp
  facts: Facts
  /** Facts that hold in one dialect only. */
  in?: Partial<Record<DialectName, Facts>>
  /** Facts that hold at one provider only; they stand above the others. */
  at?: Readonly<Record<string, Facts>>
}

/** Models of one line. The first row that matches counts; the last matches all and is the newest profile. */
export interface Family {
  name: string
  models: RegExp
  rows: readonly FamilyRow[]
}

/** What a provider imposes on the models it serves. */
export interface HostFacts {
  /** Below the family rows: how this host differs from its dialect's default. */
  defaults?: Facts
  in?: Partial<Record<DialectName, Facts>>
  /** Above the family rows: holds for each model there, because the host translates or forbids by itself. */
  always?: Facts
  alwaysIn?: Partial<Record<DialectName, Facts>>
}
