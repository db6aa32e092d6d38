import type { Exchange } from '../platform/serve.ts'
import type { KeyStore } from '../store/ports/keys.ts'
import type { Announcements, MaybePromise } from '../store/ports/shared-state.ts'
import { cameThroughProxy, credentialOf } from './credential.ts'
import { Guesses, type GuessLimits } from './guesses.ts'
import type { KeptKeys } from './kept-keys.ts'
import { hashOf, isKey } from './key-format.ts'
import { KeyMirror, type MirrorLog } from './key-mirror.ts'
import type { Caller } from './key-table.ts'
import { LastUsed } from './last-used.ts'
import { RefusalCounts, type RefusalKind } from './refusal-counts.ts'
import { refusals } from './refusals.ts'
import { UnknownHashes } from './unknown-hashes.ts'

/** See `Snapshot.auth`. */
export type AuthMode = 'keys' | 'first-key' | 'open'

export interface IdentifierParts {
  /** Absent: there are no keys, and nobody is asked (open mode without a store). */
  store?: KeyStore
  /** Read at each call, so that a reload counts at once. */
  mode(): AuthMode
  /** Milliseconds since 1970. */
  now(): number
  /** How often changes are asked for: 250 ms for a file of one's own, 1 s for a shared database. */
  pollMs: number
  /** Words of other replicas that keys changed; absent without Redis. */
  announcements?: Announcements
  /** Where known keys outlive a restart with the database down. */
  kept?: KeptKeys
  guesses?: GuessLimits
  log?: MirrorLog
}

export interface Identifier {
  /**
   * Who calls. Throws 400 (two credentials), 401 (none, or not ours), 403 (disabled, expired), 429 (guessing), 503 (the
   * store cannot be asked about a key that is not known yet). Answers at once when the key is in memory.
   */
  identify(request: Request, exchange: Pick<Exchange, 'clientAddress'>): MaybePromise<Caller>
  /** Begins to follow the store; resolves when it has answered once, or could not. Never rejects. */
  start(): Promise<void>
  /** Notes what is not written yet, as far as the store can be reached. */
  stop(): Promise<void>
  /** Asks for changes now; resolves when they are known, or the store could not be asked. */
  refresh(): Promise<void>
  /** For `/readyz` and metrics. */
  state(): IdentifierState
}

export interface IdentifierState {
  /** Keys in memory. */
  keys: number
  /** The store answered the last time it was asked. */
  following: boolean
  /** When it last answered, in milliseconds since 1970; absent without a store, or when it never did. */
  followedAt?: number
  /** Known keys can be let in: the store has answered once, or its keys were kept from before. */
  ready: boolean
  /** Callers who were not let in since the start. */
  refused: Readonly<Record<RefusalKind, number>>
}

const open: Caller = Object.freeze({ tenant: 'open' })

/** How often it is noted in the store when keys were last used. */
const TOUCH_MILLISECONDS = 30_000

export function createIdentifier(parts: IdentifierParts): Identifier {
  return parts.store === undefined ? withoutStore(parts.mode) : new StoredIdentifier(parts, parts.store)
}

/** A reload may ask for keys where there is no place for them: then nobody is let in, and not everybody. */
function withoutStore(mode: () => AuthMode): Identifier {
  return {
    identify(request) {
      credentialOf(request.headers)
      if (mode() !== 'open') throw refusals.noStore()
      return open
    },
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
    refresh: () => Promise.resolve(),
    state: () => ({
      keys: 0,
      following: true,
      ready: mode() === 'open',
      refused: new RefusalCounts().all(),
    }),
  }
}

class StoredIdentifier implements Identifier {
  readonly #parts: IdentifierParts
  readonly #mirror: KeyMirror
  readonly #guesses: Guesses
  readonly #unknown: UnknownHashes
  readonly #lastUsed: LastUsed
  readonly #refused = new RefusalCounts()
  #current: Promise<void> = Promise.resolve()
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopped = false
  #silence = (): void => {}

  constructor(parts: IdentifierParts, store: KeyStore) {
    this.#parts = parts
    this.#mirror = new KeyMirror({ store, now: parts.now, kept: parts.kept, log: parts.log })
    this.#guesses = new Guesses(parts.now, parts.guesses)
    this.#unknown = new UnknownHashes(parts.now)
    this.#lastUsed = new LastUsed(store, parts.now, TOUCH_MILLISECONDS)
  }

  identify(request: Request, exchange: Pick<Exchange, 'clientAddress'>): MaybePromise<Caller> {
    const credential = credentialOf(request.headers)
    const wellFormed = credential !== undefined && isKey(credential)
    // What the store says at the start decides about keys, and in `first-key` about everybody.
    const waits = !this.#mirror.settled && (wellFormed || this.#parts.mode() === 'first-key')
    if (waits)
      return this.#mirror.firstAnswer().then(() => this.#decide(request, exchange, credential, wellFormed))
    return this.#decide(request, exchange, credential, wellFormed)
  }

  #decide(
    { headers }: Request,
    exchange: Pick<Exchange, 'clientAddress'>,
    credential: string | undefined,
    wellFormed: boolean,
  ): MaybePromise<Caller> {
    if (credential !== undefined && wellFormed) {
      const hash = hashOf(credential)
      const caller = this.#admitted(hash)
      if (caller !== undefined) return caller
      return this.#askStore(hash, headers, exchange)
    }
    if (credential === undefined && this.#asksForKeys(headers)) throw this.#refusal('missing')
    return this.#stranger(headers, exchange)
  }

  /** The caller with a known key; undefined when it is not known. */
  #admitted(hash: string): Caller | undefined {
    const now = this.#parts.now()
    const caller = this.#mirror.find(hash, now)
    if (caller === undefined) return undefined
    const { id, enabled, expiresAt } = caller.key
    if (!enabled) throw this.#refusal('disabled')
    if (expiresAt !== undefined && expiresAt <= now) throw this.#refusal('expired')
    this.#lastUsed.note(id, now)
    return caller
  }

  #asksForKeys(headers: Headers): boolean {
    const mode = this.#parts.mode()
    if (mode !== 'first-key') return mode === 'keys'
    // Whether there ever was a key is not known: letting everybody in would be a guess.
    if (!this.#mirror.known) throw refusals.storeDown()
    return this.#mirror.hadKeys || cameThroughProxy(headers)
  }

  /** A key that can be one but is not in memory: made a moment ago, or invented. */
  #askStore(hash: string, headers: Headers, exchange: Pick<Exchange, 'clientAddress'>): MaybePromise<Caller> {
    if (this.#unknown.has(hash)) return this.#stranger(headers, exchange)
    if (!this.#mirror.following) return this.#stranger(headers, exchange, refusals.storeDown())
    return this.#mirror.followSoon().then(() => {
      const caller = this.#admitted(hash)
      if (caller !== undefined) return caller
      if (!this.#mirror.following) return this.#stranger(headers, exchange, refusals.storeDown())
      this.#unknown.add(hash)
      return this.#stranger(headers, exchange)
    })
  }

  /** Somebody without a key of ours: nobody in particular where none is asked for, else refused. */
  #stranger(headers: Headers, exchange: Pick<Exchange, 'clientAddress'>, trouble?: Error): Caller {
    if (!this.#asksForKeys(headers)) return open
    throw trouble ?? this.#refusedGuess(exchange)
  }

  #refusedGuess(exchange: Pick<Exchange, 'clientAddress'>): Error {
    const wait = this.#guesses.take(exchange.clientAddress())
    return wait === undefined ? this.#refusal('unknown') : this.#refusal('guessing', wait)
  }

  #refusal(kind: RefusalKind, retryAfterSeconds = 0): Error {
    this.#refused.count(kind)
    return refusals[kind](retryAfterSeconds)
  }

  async start(): Promise<void> {
    this.#silence =
      this.#parts.announcements?.subscribe(KEYS_TOPIC, () => void this.#mirror.follow()) ?? this.#silence
    this.#current = this.#round()
    await this.#current
  }

  /** One round of following the store and of noting what is due, then the next after a while. */
  async #round(): Promise<void> {
    await this.#mirror.follow()
    await this.#lastUsed.writeWhenDue(this.#mirror.following)
    await this.#mirror.keepWhenDue()
    this.#refused.tellWhenDue(this.#parts.now(), this.#parts.log)
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#current = this.#round()
    }, this.#parts.pollMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#silence()
    await this.#current
    await this.#lastUsed.write()
    await this.#mirror.keep()
  }

  refresh(): Promise<void> {
    return this.#mirror.follow()
  }

  state(): IdentifierState {
    return {
      keys: this.#mirror.size,
      following: this.#mirror.following,
      ...(this.#mirror.followedAt === undefined ? {} : { followedAt: this.#mirror.followedAt }),
      ready: this.#mirror.known,
      refused: this.#refused.all(),
    }
  }
}

/** Under this topic a change of keys is announced; the text is the key's id. */
export const KEYS_TOPIC = 'keys'
