/** So long a hash that the store did not know is not asked for again; a key made meanwhile is learned all the same. */
const KEEP_MILLISECONDS = 10_000
const MAXIMUM = 10_000

/** Hashes of keys that do not exist: briefly and boundedly, so that repeating one costs the store nothing. */
export class UnknownHashes {
  readonly #until = new Map<string, number>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#until.size
  }

  has(hash: string): boolean {
    const until = this.#until.get(hash)
    if (until === undefined) return false
    if (this.#now() < until) return true
    this.#until.delete(hash)
    return false
  }

  add(hash: string): void {
    this.#until.delete(hash)
    const oldest = this.#until.keys().next().value
    if (this.#until.size >= MAXIMUM && oldest !== undefined) this.#until.delete(oldest)
    this.#until.set(hash, this.#now() + KEEP_MILLISECONDS)
  }
}
