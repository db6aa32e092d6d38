import type { Circuit as CircuitSettings } from '../config/snapshot.ts'
import { OutcomeWindow } from './outcome-window.ts'
import type { CircuitStatus } from './resilience.ts'

export type CircuitState = CircuitStatus['state']

/** A probe that has not said anything for so long (or for the time a circuit rests, when that is longer) is given up. */
export const PROBE_LEASE_MILLISECONDS = 30_000
/** While probes are under way nobody knows when the first is back: who asks may ask again soon. */
const LONGEST_PROBE_WAIT_MILLISECONDS = 1_000

/** What a circuit keeps of one attempt; only the circuit writes it. */
export class Trial {
  /** The circuit is half open, and this attempt is one of its probes. */
  probe = false
  /** Of the circuit when the attempt began. */
  generation = 0
  leaseUntil = 0
  /** Where its success was counted. */
  window: OutcomeWindow | undefined
  slice = 0
  /** Failures in a row that its success ended, and when the first of them was. */
  rowBefore = 0
  rowBeganBefore = 0
}

/** `ago`: milliseconds since it changed; a rest is over when its time is over, whenever somebody looks. */
type Change = (from: CircuitState, to: CircuitState, reason: string, ago: number) => void

/**
 * Closed, open, half open: a machine without a clock of its own. `at` is in milliseconds of a clock that never goes
 * back. Every change of the state begins a new generation, and attempts of an earlier one say nothing any more: what
 * comes back late can neither open a circuit that has recovered nor close one that was opened meanwhile.
 *
 * An attempt counts once. `success` is said at the first content; when the answer breaks later, `broke` takes it back:
 * the newest success then never ended the failures in a row, an older one had its effect and adds a failure.
 */
export class Circuit {
  #settings: CircuitSettings
  readonly #onChange: Change
  #window: OutcomeWindow
  #state: CircuitState = 'closed'
  #generation = 0
  #openedAt = 0
  #failuresInRow = 0
  #rowBeganAt = 0
  #newestSuccess: Trial | undefined
  #successes = 0
  readonly #probes = new Set<Trial>()

  constructor(settings: CircuitSettings, onChange: Change) {
    this.#settings = settings
    this.#onChange = onChange
    this.#window = new OutcomeWindow(settings.windowMs)
  }

  /** Since it was last closed. */
  get failuresInRow(): number {
    return this.#failuresInRow
  }

  /** Other settings hold from now on, for what began under the earlier ones too. */
  use(settings: CircuitSettings): void {
    if (settings.windowMs !== this.#settings.windowMs) this.#window = new OutcomeWindow(settings.windowMs)
    this.#settings = settings
  }

  state(at: number): CircuitState {
    if (this.#state !== 'open') return this.#state
    const over = at - (this.#openedAt + this.#settings.openMs)
    if (over >= 0) this.#change('half_open', 'it has rested', over)
    return this.#state
  }

  /** Milliseconds until an attempt may begin, as far as one can know; 0: now. */
  waitMs(at: number): number {
    const state = this.state(at)
    if (state === 'closed') return 0
    if (state === 'open') return this.#openedAt + this.#settings.openMs - at
    return this.#waitForProbe(at)
  }

  /** An attempt begins; only when there is nothing to wait for. */
  begin(trial: Trial, at: number): void {
    trial.generation = this.#generation
    if (this.#state !== 'half_open') return
    trial.probe = true
    trial.leaseUntil = at + Math.max(PROBE_LEASE_MILLISECONDS, this.#settings.openMs)
    this.#probes.add(trial)
  }

  success(trial: Trial, at: number): void {
    if (trial.generation !== this.#generation) return
    if (this.#state === 'half_open') this.#probeSucceeded(trial)
    else {
      trial.window = this.#window
      trial.slice = this.#window.success(at)
      trial.rowBefore = this.#failuresInRow
      trial.rowBeganBefore = this.#rowBeganAt
      this.#newestSuccess = trial
      this.#failuresInRow = 0
    }
  }

  failure(trial: Trial, at: number): void {
    if (trial.generation !== this.#generation) return
    this.#addToRow(at)
    this.#window.failure(at)
    this.#openAfterFailure('a probe failed', at)
  }

  /** It says nothing about the upstream; a probe's place is free again. */
  neutral(trial: Trial): void {
    this.#probes.delete(trial)
  }

  /** After `success`: the answer did not last. */
  broke(trial: Trial, at: number): void {
    if (trial.generation !== this.#generation) return
    if (this.#newestSuccess === trial) this.#restoreRow(trial)
    this.#addToRow(at)
    // A window of another length was begun anew.
    if (trial.window === this.#window) this.#window.successFailed(trial.slice, at)
    else this.#window.failure(at)
    this.#openAfterFailure('a probe’s answer broke off', at)
  }

  #waitForProbe(at: number): number {
    if (this.#probes.size < this.#settings.probes) return 0
    let soonest = LONGEST_PROBE_WAIT_MILLISECONDS
    for (const probe of this.#probes) {
      if (probe.leaseUntil <= at) this.#probes.delete(probe)
      else soonest = Math.min(soonest, probe.leaseUntil - at)
    }
    return this.#probes.size < this.#settings.probes ? 0 : soonest
  }

  #probeSucceeded(trial: Trial): void {
    this.#probes.delete(trial)
    this.#successes += 1
    if (this.#successes < this.#settings.successThreshold) return
    this.#change('closed', `${counted(this.#successes, 'probe')} succeeded`, 0)
  }

  #restoreRow(trial: Trial): void {
    if (trial.rowBefore > 0) this.#rowBeganAt = trial.rowBeganBefore
    this.#failuresInRow += trial.rowBefore
  }

  #addToRow(at: number): void {
    if (this.#failuresInRow === 0) this.#rowBeganAt = at
    this.#failuresInRow += 1
  }

  #openAfterFailure(probeReason: string, at: number): void {
    const { failureThreshold, failureSpanMs, failureRate, minimumAttempts } = this.#settings
    const { attempts, failures } = this.#window
    if (this.#state === 'half_open') this.#open(probeReason, at)
    else if (this.#failuresInRow >= failureThreshold && at - this.#rowBeganAt >= failureSpanMs)
      this.#open(`${counted(this.#failuresInRow, 'failure')} in a row`, at)
    else if (attempts >= minimumAttempts && failures / attempts >= failureRate)
      this.#open(`${failures} of ${counted(attempts, 'attempt')} failed`, at)
  }

  #open(reason: string, at: number): void {
    this.#openedAt = at
    this.#change('open', reason, 0)
  }

  #change(to: CircuitState, reason: string, ago: number): void {
    const from = this.#state
    this.#state = to
    this.#generation += 1
    this.#successes = 0
    this.#probes.clear()
    this.#window.clear()
    if (to === 'closed') this.#failuresInRow = 0
    this.#onChange(from, to, reason, ago)
  }
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`
}
