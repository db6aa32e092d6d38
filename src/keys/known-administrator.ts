import { timingSafeEqual } from 'node:crypto'
import type { SettingStore } from '../store/ports/keys.ts'
import { checkedToken, TOKEN_SETTING } from './administrator-token.ts'
import { hashOf } from './key-format.ts'

/** A token that was made anew or replaced counts after this time at the latest. */
const POLL_MILLISECONDS = 5_000
/** At the start another part makes the token. */
const FIRST_POLL_MILLISECONDS = 250

/**
 * Tells the administrator by the token's hash, which it keeps in memory: nobody waits for a store. The environment's
 * token wins; else the kept one is followed, and stays good while the store is away.
 */
export class KnownAdministrator {
  readonly #settings: SettingStore | undefined
  readonly #fixed: Buffer | undefined
  #kept: Buffer | undefined
  /** The store has not answered yet. */
  #isUnasked: boolean
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopped = false

  /** Throws `WeakToken` for a token of the environment that must not be used. */
  constructor(settings: SettingStore | undefined, environment: Readonly<Record<string, string | undefined>>) {
    const token = checkedToken(environment)
    this.#fixed = token === undefined ? undefined : bytesOf(hashOf(token))
    this.#settings = this.#fixed === undefined ? settings : undefined
    this.#isUnasked = this.#settings !== undefined
  }

  /** Whether this is the administrator's token; undefined while the store that keeps it has never answered. */
  is(token: string): boolean | undefined {
    const known = this.#fixed ?? this.#kept
    if (known === undefined) return this.#isUnasked ? undefined : false
    const given = bytesOf(hashOf(token))
    return given.length === known.length && timingSafeEqual(given, known)
  }

  /** Begins to follow the store. */
  start(): void {
    if (this.#settings) void this.#follow(this.#settings)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  /** Asks the store now. Never rejects: what is known stays when it cannot be asked. */
  async refresh(): Promise<void> {
    try {
      const hash = await this.#settings?.get(TOKEN_SETTING)
      this.#isUnasked = false
      if (hash !== undefined) this.#kept = bytesOf(hash)
    } catch {
      // Its health is told elsewhere.
    }
  }

  async #follow(settings: SettingStore): Promise<void> {
    await this.refresh()
    if (this.#stopped) return
    const pause = this.#kept === undefined ? FIRST_POLL_MILLISECONDS : POLL_MILLISECONDS
    this.#timer = setTimeout(() => void this.#follow(settings), pause)
    this.#timer.unref()
  }
}

function bytesOf(hash: string): Buffer {
  return Buffer.from(hash, 'hex')
}
