import type { UsageRow, UsageStore } from '../../../src/store/ports/usage.ts'

const PAGE = 1_000
/** A call lasts at most so long, and its row may wait through an outage. */
const BACK_MS = 150_000

/** Reads the rows of usage as they arrive; rows of the last minutes again and again. */
export class RowReader {
  readonly #store: UsageStore
  readonly #now: () => number
  #from = 0
  #isReading = false

  constructor(store: UsageStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /** While the database is away nothing is read, and everything later. */
  async read(take: (rows: readonly UsageRow[]) => void): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const begun = this.#now()
    try {
      for (let after: string | undefined; ; ) {
        const page = { limit: PAGE, ...(after === undefined ? {} : { after }) }
        const rows = await this.#store.rows({ from: this.#from }, page)
        take(rows)
        after = rows.at(-1)?.id
        if (rows.length < PAGE) break
      }
      this.#from = begun - BACK_MS
    } catch {
      // It is away: that is what this is about.
    } finally {
      this.#isReading = false
    }
  }
}
