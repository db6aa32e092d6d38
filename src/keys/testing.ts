import type { KeyChange, KeyPage, KeyRecord, KeyStore, NewKey, SettingStore } from '../store/ports/keys.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { createIdentifier, type Identifier, type IdentifierParts } from './identifier.ts'
import { hashOf, newKey, newKeyId, shownOf } from './key-format.ts'
import type { Caller } from './key-table.ts'

/** Bytes that look random and are the same in every run. */
export function countedRandom(seed = 1): (bytes: number) => Uint8Array {
  let state = seed >>> 0
  return (bytes) =>
    Uint8Array.from({ length: bytes }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state >>> 24
    })
}

/** A store in memory that counts what it is asked and can be taken down. */
export class MemoryKeyStore implements KeyStore {
  readonly #keys = new Map<string, KeyRecord>()
  #revision = 0
  isDown = false
  calls: string[] = []
  /** Awaited before anything is answered, after it was decided. */
  hold: Promise<unknown> | undefined

  async #answer<Value>(name: string, value: () => Value): Promise<Value> {
    this.calls.push(name)
    if (this.isDown) throw new StoreUnavailable('database', 'the database is down')
    const answer = value()
    await this.hold
    return answer
  }

  create(key: NewKey): Promise<KeyRecord> {
    return this.#answer('create', () => this.#put({ ...key, revision: 0 }))
  }

  findByHash(hash: string): Promise<KeyRecord | undefined> {
    return this.#answer('findByHash', () =>
      [...this.#keys.values()].find(
        (key) => key.deletedAt === undefined && (key.hash === hash || key.previousHash === hash),
      ),
    )
  }

  get(id: string): Promise<KeyRecord | undefined> {
    return this.#answer('get', () => this.#live(id))
  }

  list({ tenant, after, limit = 100 }: Parameters<KeyStore['list']>[0]): Promise<KeyPage> {
    return this.#answer('list', () => {
      const all = [...this.#keys.values()].filter(
        (key) => key.deletedAt === undefined && (tenant === undefined || key.tenant === tenant),
      )
      const from = after === undefined ? 0 : all.findIndex((key) => key.id === after) + 1
      const keys = all.slice(from, from + limit)
      const last = keys.at(-1)
      return last && from + limit < all.length ? { keys, next: last.id } : { keys }
    })
  }

  update(id: string, change: KeyChange): Promise<KeyRecord | undefined> {
    return this.#answer('update', () => {
      const known = this.#live(id)
      if (!known) return undefined
      const changed: Record<string, unknown> = { ...known }
      for (const [name, value] of Object.entries(change)) {
        if (value === null) delete changed[name]
        else if (value !== undefined) changed[name] = value
      }
      return this.#put(changed as unknown as KeyRecord)
    })
  }

  delete(id: string, now: number): Promise<boolean> {
    return this.#answer('delete', () => {
      const known = this.#live(id)
      if (known) this.#put({ ...known, deletedAt: now })
      return known !== undefined
    })
  }

  revision(): Promise<number> {
    return this.#answer('revision', () => this.#revision)
  }

  changedSince(revision: number, limit: number): Promise<KeyRecord[]> {
    return this.#answer('changedSince', () =>
      [...this.#keys.values()]
        .filter((key) => key.revision > revision)
        .sort((one, other) => one.revision - other.revision)
        .slice(0, limit),
    )
  }

  touch(lastUsed: ReadonlyMap<string, number>): Promise<void> {
    return this.#answer('touch', () => {
      for (const [id, at] of lastUsed) {
        const known = this.#keys.get(id)
        if (known) this.#keys.set(id, { ...known, lastUsedAt: Math.max(at, known.lastUsedAt ?? 0) })
      }
    })
  }

  #live(id: string): KeyRecord | undefined {
    const known = this.#keys.get(id)
    return known?.deletedAt === undefined ? known : undefined
  }

  #put(key: KeyRecord): KeyRecord {
    this.#revision += 1
    const kept = { ...key, revision: this.#revision }
    this.#keys.set(kept.id, kept)
    return kept
  }
}

export class MemorySettingStore implements SettingStore {
  readonly values = new Map<string, string>()

  get(name: string): Promise<string | undefined> {
    return Promise.resolve(this.values.get(name))
  }

  setIfAbsent(name: string, value: string): Promise<boolean> {
    if (this.values.has(name)) return Promise.resolve(false)
    this.values.set(name, value)
    return Promise.resolve(true)
  }

  set(name: string, value: string): Promise<void> {
    this.values.set(name, value)
    return Promise.resolve()
  }
}

export const NOON = Date.UTC(2026, 10, 21, 12)

export function keyRecord(key: string, id: string, parts: Partial<NewKey> = {}): NewKey {
  return {
    id,
    hash: hashOf(key),
    prefix: shownOf(key),
    tenant: 'acme',
    description: '',
    scopes: [],
    limits: {},
    unlimitedRequests: false,
    tags: {},
    enabled: true,
    createdAt: NOON,
    ...parts,
  }
}

/** An identifier over a store in memory, with a clock that is set by hand. */
export interface Bench {
  store: MemoryKeyStore
  clock: { now: number }
  identifier: Identifier
  random: (bytes: number) => Uint8Array
  /** Makes a key in the store; the identifier is not told. */
  make(parts?: Partial<NewKey>): Promise<{ key: string; record: KeyRecord }>
  /** Identifies a request with these headers. */
  call(headers: Record<string, string>, address?: string): Promise<Caller>
  callWith(key: string, address?: string): Promise<Caller>
}

export function bench(parts: Partial<IdentifierParts> = {}): Bench {
  const store = new MemoryKeyStore()
  const clock = { now: NOON }
  const random = countedRandom()
  const identifier = createIdentifier({
    store,
    mode: () => 'keys',
    now: () => clock.now,
    pollMs: 250,
    ...parts,
  })
  const call = async (headers: Record<string, string>, address = '192.0.2.1'): Promise<Caller> =>
    identifier.identify(new Request('http://gateway/v1/models', { headers }), {
      clientAddress: () => address,
    })
  return {
    store,
    clock,
    identifier,
    random,
    async make(more) {
      const key = newKey(random)
      return { key, record: await store.create(keyRecord(key, newKeyId(random), more)) }
    },
    call,
    callWith: (key, address) => call({ authorization: `Bearer ${key}` }, address),
  }
}
