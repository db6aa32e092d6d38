import type { Circuit } from '../../../../src/config/snapshot.ts'

/** What the oracle remembers of one attempt. */
export interface Known {
  /** Which state of the circuit it began in. */
  era: number
  probe: boolean
  leaseEnds: number
  told: boolean
  succeeded: boolean
  released: boolean
}

/** One thing that was said of an attempt while its era lasted. */
interface Said {
  by: Known
  good: boolean
  at: number
  /** It is in the window: not taken back. */
  counts: boolean
}

const SLICES = 10
const LEASE = 30_000
const LONGEST_HINT = 1_000

/**
 * What a circuit should do, said plainly: everything that was ever said is kept, and every number is counted anew from
 * that. Written from the description of the circuit, not from its code.
 */
export class BreakerOracle {
  settings: Circuit
  /** Each change and what brought it about. */
  readonly changes: string[] = []
  /** Situations that were met, for the coverage of the test. */
  readonly met = new Map<string, number>()
  #state: 'closed' | 'open' | 'half_open' = 'closed'
  #era = 0
  #openedAt = 0
  #clock = 0
  #raw: number
  /** For the window and the probes: what was said since the state began. */
  #said: Said[] = []
  /** For the row: goods and bads since it was last closed. */
  #row: { by: Known; good: boolean; at: number }[] = []
  #newestGood: Known | undefined
  #probes: Known[] = []

  constructor(settings: Circuit, raw: number) {
    this.settings = settings
    this.#raw = raw
  }

  /** The clock that somebody may set shows this now. */
  clockShows(raw: number): void {
    if (raw > this.#raw) this.#clock += raw - this.#raw
    this.#raw = raw
  }

  reload(settings: Circuit): void {
    if (settings.windowMs !== this.settings.windowMs) for (const each of this.#said) each.counts = false
    this.settings = settings
  }

  get state(): 'closed' | 'open' | 'half_open' {
    const rested = this.#clock >= this.#openedAt + this.settings.openMs
    if (this.#state === 'open' && rested) this.#become('half_open', 'rested')
    return this.#state
  }

  /** Bads behind the last good. */
  get failuresInRow(): number {
    return this.#badsAtTheEnd().length
  }

  /** 0: an attempt may begin. */
  get wait(): number {
    const state = this.state
    if (state === 'closed') return 0
    if (state === 'open') return this.#openedAt + this.settings.openMs - this.#clock
    const alive = this.#probes.filter(({ leaseEnds }) => leaseEnds > this.#clock)
    if (alive.length < this.#probes.length && alive.length < this.settings.probes) this.#meet('lease ended')
    if (alive.length < this.settings.probes) return 0
    return Math.min(LONGEST_HINT, ...alive.map(({ leaseEnds }) => leaseEnds - this.#clock))
  }

  begin(): Known {
    const probe = this.state === 'half_open'
    const leaseEnds = this.#clock + Math.max(LEASE, this.settings.openMs)
    const known: Known = {
      era: this.#era,
      probe,
      leaseEnds,
      told: false,
      succeeded: false,
      released: false,
    }
    if (probe) this.#probes.push(known)
    return known
  }

  end(known: Known, outcome: 'success' | 'failure' | 'neutral'): void {
    const isLate = known.era !== this.#era
    this.#meet(known.told ? 'ended twice' : `${isLate ? 'late ' : ''}${outcome} while ${this.#state}`)
    if (known.told) return
    known.told = true
    known.succeeded = outcome === 'success'
    this.#probes = this.#probes.filter((probe) => probe !== known)
    if (isLate || outcome === 'neutral') return
    this.#said.push({ by: known, good: outcome === 'success', at: this.#clock, counts: true })
    if (outcome === 'failure') this.#bad(known, 'failure')
    else if (this.#state === 'closed') {
      this.#row.push({ by: known, good: true, at: this.#clock })
      this.#newestGood = known
    } else if (this.#said.length >= this.settings.successThreshold) {
      this.#row = []
      this.#become('closed', 'probes succeeded')
    }
  }

  /** The answer broke after its first content. */
  broke(known: Known): void {
    const isLate = known.era !== this.#era
    const what = `${isLate ? 'late ' : ''}break while ${this.#state}`
    this.#meet(known.succeeded ? what : 'broke without a success')
    if (!known.succeeded) return
    known.succeeded = false
    if (isLate) return
    if (this.#newestGood === known) {
      // As if it had never been.
      this.#row = this.#row.filter(({ by }) => by !== known)
      this.#newestGood = undefined
    } else this.#meet('an older success is taken back')
    for (const each of this.#said) if (each.by === known) each.counts = false
    this.#said.push({ by: known, good: false, at: this.#clock, counts: true })
    this.#bad(known, 'break')
  }

  release(known: Known): void {
    if (known.released) return
    known.released = true
    if (!known.told) this.end(known, 'neutral')
  }

  #bad(known: Known, what: string): void {
    this.#row.push({ by: known, good: false, at: this.#clock })
    const { failureThreshold, failureSpanMs, failureRate, minimumAttempts } = this.settings
    const bads = this.#badsAtTheEnd()
    const spans = this.#clock - (bads[0]?.at ?? this.#clock) >= failureSpanMs
    const inWindow = this.#said.filter(({ counts, at }) => counts && this.#isRecent(at))
    const share = inWindow.filter(({ good }) => !good).length / inWindow.length
    const left = this.#said.some(({ counts, at }) => counts && !this.#isRecent(at))
    if (this.#state === 'half_open') this.#become('open', `${what} of a probe`)
    else if (bads.length >= failureThreshold && spans) this.#become('open', `${what}, in a row`)
    else if (inWindow.length >= minimumAttempts && share >= failureRate) {
      if (left) this.#meet('opened by share after something left the window')
      this.#become('open', `${what}, by share`)
    } else if (left) this.#meet('not opened after something left the window')
  }

  #badsAtTheEnd(): { at: number }[] {
    const lastGood = this.#row.findLastIndex(({ good }) => good)
    return this.#row.slice(lastGood + 1)
  }

  /** In one of the window's newest slices, the one of now included. */
  #isRecent(at: number): boolean {
    const slice = this.settings.windowMs / SLICES
    return Math.floor(this.#clock / slice) - Math.floor(at / slice) < SLICES
  }

  #become(state: 'closed' | 'open' | 'half_open', why: string): void {
    this.changes.push(`${this.#state} → ${state}`)
    this.#meet(`${this.#state} → ${state}: ${why}`)
    if (state === 'open') this.#openedAt = this.#clock
    this.#state = state
    this.#era += 1
    this.#said = []
    this.#probes = []
    this.#newestGood = undefined
  }

  #meet(situation: string): void {
    this.met.set(situation, (this.met.get(situation) ?? 0) + 1)
  }
}
