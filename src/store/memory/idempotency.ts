import { newId } from '../../platform/random.ts'
import type { IdempotencyClaim, IdempotencyState } from '../ports/shared-state.ts'

interface Entry {
  fingerprint: string
  /** Absent once it is done. */
  token?: string
  answer?: Uint8Array
  expiresAt: number
  bytes: number
}

/** What an entry costs beside its answer. */
const ENTRY_BYTES = 400
/** The largest answer that a configuration may keep fits in. */
const MAXIMUM_BYTES = 96 * 1024 * 1024
/** Lapsed entries that one claim clears away: more than it can add. */
const CLEARED_AT_ONCE = 4

/**
 * Idempotency inside one process. Bounded in bytes: when a new answer needs room, the oldest answers are forgotten. Keys
 * in flight always stay.
 */
export class MemoryIdempotency implements IdempotencyState {
  /** Finished ones stand in the order they were finished, oldest first. */
  readonly #done = new Map<string, Entry>()
  readonly #running = new Map<string, Entry>()
  readonly #now: () => number
  readonly #maximumBytes: number
  #bytes = 0

  constructor(now: () => number, maximumBytes = MAXIMUM_BYTES) {
    this.#now = now
    this.#maximumBytes = maximumBytes
  }

  /** Bytes held by finished calls, as counted against the bound. */
  get bytes(): number {
    return this.#bytes
  }

  claim(scope: string, fingerprint: string, leaseMs: number): IdempotencyClaim {
    this.#clear()
    const entry = this.#live(scope)
    if (!entry) {
      const token = newId()
      this.#run(scope, { fingerprint, token, leaseMs })
      return { state: 'execute', token }
    }
    if (entry.fingerprint !== fingerprint) return { state: 'mismatch' }
    return entry.answer ? { state: 'done', answer: entry.answer } : { state: 'in-flight' }
  }

  renew(scope: string, token: string, leaseMs: number): boolean {
    const entry = this.#running.get(scope)
    // A lease that lapsed unnoticed is still good: nobody else has come.
    if (entry?.token !== token) return false
    entry.expiresAt = this.#now() + leaseMs
    return true
  }

  complete(scope: string, token: string, answer: Uint8Array, keepMs: number): void {
    const entry = this.#running.get(scope)
    if (entry?.token !== token) return
    this.#running.delete(scope)
    const bytes = answer.length + 2 * scope.length + ENTRY_BYTES
    if (bytes > this.#maximumBytes) return
    while (this.#bytes + bytes > this.#maximumBytes) this.#forget(this.#done.keys().next().value as string)
    this.#done.set(scope, { fingerprint: entry.fingerprint, answer, expiresAt: this.#now() + keepMs, bytes })
    this.#bytes += bytes
  }

  /** What is kept now, with how long it is. */
  *answers(): Iterable<{ scope: string; fingerprint: string; answer: Uint8Array; keepMs: number }> {
    const now = this.#now()
    for (const [scope, { fingerprint, answer, expiresAt }] of this.#done)
      if (answer && expiresAt > now) yield { scope, fingerprint, answer, keepMs: expiresAt - now }
  }

  /** How long the answer of this scope is still kept. */
  remainingMs(scope: string): number {
    return Math.max(0, (this.#done.get(scope)?.expiresAt ?? 0) - this.#now())
  }

  release(scope: string, token: string): void {
    if (this.#running.get(scope)?.token === token) this.#running.delete(scope)
  }

  #run(scope: string, claim: { fingerprint: string; token: string; leaseMs: number }): void {
    const { fingerprint, token, leaseMs } = claim
    this.#forget(scope)
    this.#running.set(scope, { fingerprint, token, expiresAt: this.#now() + leaseMs, bytes: 0 })
  }

  #live(scope: string): Entry | undefined {
    const entry = this.#running.get(scope) ?? this.#done.get(scope)
    return entry && entry.expiresAt > this.#now() ? entry : undefined
  }

  /** Lapsed leases need no clearing: every call in this process settles its own. */
  #clear(): void {
    const now = this.#now()
    let left = CLEARED_AT_ONCE
    for (const [scope, entry] of this.#done) {
      if (entry.expiresAt > now || left === 0) return
      left -= 1
      this.#forget(scope)
    }
  }

  #forget(scope: string): void {
    const entry = this.#done.get(scope)
    if (!entry) return
    this.#done.delete(scope)
    this.#bytes -= entry.bytes
  }
}
