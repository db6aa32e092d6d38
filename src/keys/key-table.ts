import type { KeyRecord } from '../store/ports/keys.ts'

/** Who calls, as the gateway's pipeline wants it: one object a key, so that a call makes none. */
export interface Caller {
  readonly tenant: string
  readonly key?: KeyRecord
}

/**
 * The keys of the store in memory, by the hash of the secret and of the earlier secret. It only ever learns from the
 * store: of two states of a key the one with the higher revision stays, whatever order they come in.
 */
export class KeyTable {
  readonly #byId = new Map<string, Caller & { key: KeyRecord }>()
  readonly #byHash = new Map<string, Caller & { key: KeyRecord }>()
  #revision: number

  /** `revision`: up to where the table knows every change. */
  constructor(revision = 0) {
    this.#revision = revision
  }

  get size(): number {
    return this.#byId.size
  }

  /** Every change up to this one is known. */
  get revision(): number {
    return this.#revision
  }

  records(): KeyRecord[] {
    return [...this.#byId.values()].map(({ key }) => key)
  }

  /** A page of changes by rising revision, with nothing left out between. */
  learn(records: readonly KeyRecord[]): void {
    for (const record of records) {
      this.#put(record)
      this.#revision = Math.max(this.#revision, record.revision)
    }
  }

  /** The key with this hash, also by its earlier secret as long as that is good. */
  find(hash: string, now: number): (Caller & { key: KeyRecord }) | undefined {
    const found = this.#byHash.get(hash)
    if (found === undefined || found.key.hash === hash) return found
    const { previousUntil } = found.key
    return previousUntil !== undefined && now < previousUntil ? found : undefined
  }

  #put(record: KeyRecord): void {
    const known = this.#byId.get(record.id)
    if (known !== undefined) {
      if (known.key.revision > record.revision) return
      for (const hash of [known.key.hash, known.key.previousHash])
        if (hash !== undefined && this.#byHash.get(hash) === known) this.#byHash.delete(hash)
    }
    if (record.deletedAt !== undefined) {
      this.#byId.delete(record.id)
      return
    }
    const entry = { tenant: record.tenant, key: record }
    this.#byId.set(record.id, entry)
    if (record.previousHash !== undefined) this.#byHash.set(record.previousHash, entry)
    this.#byHash.set(record.hash, entry)
  }
}
