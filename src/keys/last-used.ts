import type { KeyStore } from '../store/ports/keys.ts'

/** When keys were last used: noted in memory at each call, written to the store in batches. */
export class LastUsed {
  readonly #store: Pick<KeyStore, 'touch'>
  readonly #now: () => number
  readonly #everyMs: number
  #noted = new Map<string, number>()
  #writtenAt: number

  constructor(store: Pick<KeyStore, 'touch'>, now: () => number, everyMs: number) {
    this.#store = store
    this.#now = now
    this.#everyMs = everyMs
    this.#writtenAt = now()
  }

  note(id: string, now: number): void {
    this.#noted.set(id, now)
  }

  async writeWhenDue(storeIsUp: boolean): Promise<void> {
    if (storeIsUp && this.#now() - this.#writtenAt >= this.#everyMs) await this.write()
  }

  /** Never rejects: what the store does not take now is written with the next batch. */
  async write(): Promise<void> {
    this.#writtenAt = this.#now()
    if (this.#noted.size === 0) return
    const batch = this.#noted
    this.#noted = new Map()
    try {
      await this.#store.touch(batch)
    } catch {
      for (const [id, at] of batch) this.#noted.set(id, Math.max(at, this.#noted.get(id) ?? 0))
    }
  }
}
