import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { UsageRow, UsageStore } from '../store/ports/usage.ts'
import type { UsageLog } from './log.ts'

/** Puts rows into the store, whole batches at a time; what the store refuses for good is set aside, not lost. */
export class Inserter {
  readonly #store: UsageStore
  readonly #setAside: (row: UsageRow, reason: string) => void
  readonly #log: UsageLog

  constructor(store: UsageStore, setAside: (row: UsageRow, reason: string) => void, log: UsageLog) {
    this.#store = store
    this.#setAside = setAside
    this.#log = log
  }

  /** Resolves when the rows are in the store or set aside; rejects with `StoreUnavailable` when it has to be tried again. */
  async insert(rows: readonly UsageRow[]): Promise<void> {
    if (rows.length === 0) return
    try {
      await this.#store.insert(rows)
    } catch (thrown) {
      if (thrown instanceof StoreUnavailable) throw thrown
      const [only] = rows
      if (rows.length === 1 && only) this.#giveUp(only, thrown)
      else await this.#halves(rows)
    }
  }

  /** Among many, one row is at fault. */
  async #halves(rows: readonly UsageRow[]): Promise<void> {
    const middle = Math.ceil(rows.length / 2)
    await this.insert(rows.slice(0, middle))
    await this.insert(rows.slice(middle))
  }

  #giveUp(row: UsageRow, thrown: unknown): void {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    this.#setAside(row, reason)
    this.#log.error('a usage row was refused by the store and set aside', { row: row.id, error: reason })
  }
}
