import type { StoreHealth } from '../ports/shared-state.ts'

/** How the database stands, and since when; tells of changes only. */
export class DatabaseHealth {
  readonly #now: () => number
  readonly #onChange: ((health: StoreHealth) => void) | undefined
  #health: StoreHealth

  constructor(now: () => number, onChange: ((health: StoreHealth) => void) | undefined) {
    this.#now = now
    this.#onChange = onChange
    this.#health = { store: 'database', up: false, since: now(), reason: 'not asked yet' }
  }

  get current(): StoreHealth {
    return this.#health
  }

  up(): void {
    if (!this.#health.up) this.#change({ store: 'database', up: true, since: this.#now() })
  }

  /** A new reason for being down is a change only when it was up, or was never asked. */
  down(reason: string): void {
    if (this.#health.up || this.#health.reason === 'not asked yet')
      this.#change({ store: 'database', up: false, since: this.#now(), reason })
    else this.#health = { ...this.#health, reason }
  }

  #change(health: StoreHealth): void {
    this.#health = health
    this.#onChange?.(health)
  }
}
