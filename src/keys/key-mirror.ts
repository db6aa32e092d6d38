import type { KeyRecord, KeyStore } from '../store/ports/keys.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { KeptKeys } from './kept-keys.ts'
import { type Caller, KeyTable } from './key-table.ts'

export interface MirrorLog {
  info(message: string, fields?: Record<string, string | number>): void
  warn(message: string, fields?: Record<string, string | number>): void
}

interface MirrorParts {
  store: KeyStore
  now(): number
  kept: KeptKeys | undefined
  log: MirrorLog | undefined
}

const PAGE = 1_000
/** Unknown keys make the store be asked this often at most. */
const GAP_MILLISECONDS = 10
/** So often it is asked whether the store is still the one it was: a backup put back begins at an earlier revision. */
const IDENTITY_CHECK_MILLISECONDS = 60_000

/**
 * All keys of the store in memory. It follows the store by asking for what changed since; while the store is away
 * everything known stays good, for however long (promise C6). It never writes anything about a key back.
 */
export class KeyMirror {
  readonly #parts: MirrorParts
  #table: KeyTable
  /** The store has told everything once, in this process. */
  #complete = false
  #known: boolean
  #settled = false
  #following = false
  #followedAt: number | undefined
  #running: Promise<void> | undefined
  #again = false
  #soon: Promise<void> | undefined
  #beganAt = Number.NEGATIVE_INFINITY
  #checkedAt = Number.NEGATIVE_INFINITY
  #isDirty = false

  constructor(parts: MirrorParts) {
    this.#parts = parts
    const kept = parts.kept?.read(parts.now())
    this.#table = new KeyTable()
    this.#known = kept !== undefined
    if (kept === undefined) return
    // Their revision is that of the time they were kept: the store's word replaces all of them.
    this.#table = new KeyTable(kept.revision)
    this.#table.learn(kept.keys)
  }

  /** The store has answered, or failed to, since the start. */
  get settled(): boolean {
    return this.#settled
  }

  /** The store answered when it was last asked. */
  get following(): boolean {
    return this.#following
  }

  /** When the store last answered, in milliseconds since 1970; undefined when it never did. */
  get followedAt(): number | undefined {
    return this.#followedAt
  }

  /** Something is known of the store's keys, from itself or from an earlier process. */
  get known(): boolean {
    return this.#known
  }

  /** At least one key was ever made, even if it was deleted. */
  get hadKeys(): boolean {
    return this.#table.revision > 0 || this.#table.size > 0
  }

  get size(): number {
    return this.#table.size
  }

  find(hash: string, now: number): (Caller & { key: KeyRecord }) | undefined {
    return this.#table.find(hash, now)
  }

  /** Resolves when the store has answered, or failed to, for the first time. */
  firstAnswer(): Promise<void> {
    return this.#running ?? this.follow()
  }

  /** Learns what changed. One at a time; who asks meanwhile gets an answer that began after the asking. */
  follow(): Promise<void> {
    if (this.#running) {
      this.#again = true
      return this.#running
    }
    this.#running = this.#followUntilQuiet()
    return this.#running
  }

  /**
   * Learns what changed up to now, for who brings a key that is not known: one question to the store for all of them,
   * and not many a second, so that inventing keys costs the store nothing.
   */
  followSoon(): Promise<void> {
    this.#soon ??= this.#waitAndFollow()
    return this.#soon
  }

  async #waitAndFollow(): Promise<void> {
    const wait = this.#beganAt + GAP_MILLISECONDS - performance.now()
    // Also without a wait it goes on only when `soon` is set.
    await (wait > 0 ? new Promise((wake) => setTimeout(wake, wait)) : undefined)
    // Who comes from now on may bring a key that was made after this question.
    this.#soon = undefined
    await this.follow()
  }

  async #followUntilQuiet(): Promise<void> {
    do {
      this.#again = false
      this.#beganAt = performance.now()
      try {
        if (!(await this.#isSameStore())) this.#complete = false
        if (this.#complete) await this.#learnChanges(this.#table)
        else await this.#learnAll()
        this.#succeeded()
      } catch (thrown) {
        this.#failed(thrown)
      }
      this.#settled = true
    } while (this.#again && this.#following)
    // In the same step as the last look at `again`: who comes between the two would wait for nothing.
    this.#running = undefined
  }

  async #isSameStore(): Promise<boolean> {
    const now = this.#parts.now()
    if (this.#following && now - this.#checkedAt < IDENTITY_CHECK_MILLISECONDS) return true
    const revision = await this.#parts.store.revision()
    this.#checkedAt = now
    return revision >= this.#table.revision
  }

  /** Into a table of its own: what the store does not know any more must not stay. */
  async #learnAll(): Promise<void> {
    const table = new KeyTable()
    await this.#learnChanges(table)
    this.#table = table
    this.#complete = true
    this.#known = true
    this.#isDirty = true
  }

  async #learnChanges(table: KeyTable): Promise<void> {
    for (;;) {
      const records = await this.#parts.store.changedSince(table.revision, PAGE)
      table.learn(records)
      if (records.length > 0) this.#isDirty = true
      if (records.length < PAGE) return
    }
  }

  #succeeded(): void {
    if (this.#settled && !this.#following)
      this.#parts.log?.info('API keys follow the database again', { keys: this.#table.size })
    this.#following = true
    this.#followedAt = this.#parts.now()
  }

  #failed(thrown: unknown): void {
    if (this.#following || !this.#settled)
      this.#parts.log?.warn(
        'the database cannot be asked for API keys: known keys stay good, others get 503',
        {
          keys: this.#table.size,
          error: thrown instanceof StoreUnavailable ? thrown.message : String(thrown),
        },
      )
    this.#following = false
  }

  async keepWhenDue(): Promise<void> {
    if (this.#following && this.#parts.kept?.isDue(this.#parts.now(), this.#isDirty)) await this.keep()
  }

  /** Writes the keys where the next process finds them; only what the store itself has said. */
  async keep(): Promise<void> {
    if (!this.#complete || !this.#following || this.#parts.kept === undefined) return
    this.#isDirty = false
    const { revision } = this.#table
    await this.#parts.kept.write({ revision, keys: this.#table.records() }, this.#parts.now())
  }
}
