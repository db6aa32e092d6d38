import type { Snapshot } from '../config/snapshot.ts'
import type { Decision, MaybePromise } from '../store/ports/shared-state.ts'
import type { Planned, Rule } from './rule.ts'

/** A decision and the rules it was made by: those that a lost Redis lifts are not among them. */
export interface Verdict {
  readonly decision: Decision
  readonly rules: readonly Rule[]
}

/** What the limit policy asks. */
export interface Limits {
  /** Milliseconds since 1970: the calendar of budgets. */
  now(): number
  /**
   * Admits a call under all its limits or under none. Answers at once where everything is counted in this process.
   * Throws (or rejects with) `unavailable` when a limit cannot be asked and its policy is `deny`.
   */
  admit(planned: Planned, redis: Snapshot['redis']): MaybePromise<Verdict>
  /** Delivers what was settled and gives back what is held, within one command time-out. */
  close(): Promise<void>
}
