import type { Path } from '../place.ts'
import type { Problem } from '../problem.ts'
import type { Config } from '../schema.ts'
import type { Reporter } from '../validate.ts'

/** A configuration in our own terms, and the rules its file brings with it. */
export interface Translated {
  config: Config
  /**
   * Whether the environment fills what the file leaves out. System B promises that it does not, and the keys of
   * system C stand in its file.
   */
  fillsFromEnvironment: boolean
  /** Where a setting of `config` stands in the file it came from; absent when the file is in our own terms. */
  placeOf?(path: Path): Path
}

/** Checks of meaning that a schema cannot make; `removed` are paths that are known to be wrong already. */
export type Check<Value> = (value: Value, reporter: Reporter, removed: readonly Path[]) => Problem[]

/** True when a part of the file at or below `path` was left out because it is wrong. */
export function touches(removed: readonly Path[], path: Path): boolean {
  return removed.some((gone) => path.every((segment, index) => gone[index] === segment))
}
