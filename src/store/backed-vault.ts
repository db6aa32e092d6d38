import type { Block } from '../protocol/model/block.ts'
import { parseJson } from '../protocol/model/json.ts'
import type { MaybePromise } from './ports/shared-state.ts'
import { blindName, seal, unseal } from './seal.ts'
import type { MemoryVault, Vault } from './vault.ts'

/** Where a vault's content outlives the process. Names and values are blinded and sealed already. */
export interface VaultBacking {
  /** The values in the order of the names; undefined where there is none. Rejects when it cannot be asked. */
  read(names: readonly string[]): MaybePromise<readonly (Uint8Array | undefined)[]>
  /** In the background; what cannot be written is lost. The promise resolves when it is there, or lost. */
  write(name: string, value: Uint8Array): Promise<void> | void
  /** Other processes read what is written here. */
  readonly isShared: boolean
  /** Writes what is still waiting, and ends. */
  close(): Promise<void>
}

/** Thinking of a longer turn is kept in memory only. */
const MAXIMUM_BYTES = 1024 * 1024
/** Of a long history the newest turns matter; the others follow with the next requests. */
const MAXIMUM_LOADED = 128
const ABSENT_MILLISECONDS = 30_000
const MAXIMUM_ABSENT = 10_000

/**
 * The vault in memory with something behind it that outlives the process: every turn is written through in the
 * background, and read back where memory has none.
 */
export class BackedVault implements Vault {
  readonly #memory: MemoryVault
  readonly #backing: VaultBacking
  readonly #now: () => number
  /** Turns that were not found lately, and when; oldest first. */
  readonly #absent = new Map<string, number>()

  constructor(memory: MemoryVault, backing: VaultBacking, now: () => number) {
    this.#memory = memory
    this.#backing = backing
    this.#now = now
  }

  get(tenant: string, key: string): readonly Block[] | undefined {
    return this.#memory.get(tenant, key)
  }

  get isShared(): boolean {
    return this.#backing.isShared
  }

  put(tenant: string, key: string, blocks: readonly Block[]): Promise<void> | void {
    this.#memory.put(tenant, key, blocks)
    const secret = secretOf(tenant, key)
    const text = JSON.stringify(blocks)
    if (text.length > MAXIMUM_BYTES) return
    return this.#backing.write(blindName(secret), seal(secret, Buffer.from(text)))
  }

  load(tenant: string, keys: readonly string[]): Promise<void> | undefined {
    const unknown = keys.filter((key) => !this.#memory.get(tenant, key) && !this.#isAbsent(tenant, key))
    return unknown.length === 0 ? undefined : this.#load(tenant, unknown.slice(-MAXIMUM_LOADED))
  }

  async #load(tenant: string, keys: readonly string[]): Promise<void> {
    try {
      const values = await this.#backing.read(keys.map((key) => blindName(secretOf(tenant, key))))
      keys.forEach((key, at) => {
        const value = values[at]
        if (value) this.#take(tenant, key, value)
        else this.#note(absentName(tenant, key))
      })
    } catch {
      // A turn without its state may be worse, but it is a turn.
    }
  }

  #take(tenant: string, key: string, value: Uint8Array): void {
    const plain = unseal(secretOf(tenant, key), value)
    const blocks = plain && parseJson(plain.toString())
    // Sealed by us, so it is what `put` was given.
    if (Array.isArray(blocks)) this.#memory.put(tenant, key, blocks as unknown as Block[])
  }

  #isAbsent(tenant: string, key: string): boolean {
    if (this.#absent.size === 0) return false
    const name = absentName(tenant, key)
    const since = this.#absent.get(name)
    if (since === undefined) return false
    if (this.#now() - since < ABSENT_MILLISECONDS) return true
    this.#absent.delete(name)
    return false
  }

  #note(name: string): void {
    this.#absent.set(name, this.#now())
    const oldest = this.#absent.keys().next().value
    if (this.#absent.size > MAXIMUM_ABSENT && oldest !== undefined) this.#absent.delete(oldest)
  }
}

/** Only who sends the turn back knows it. */
function secretOf(tenant: string, key: string): string {
  return JSON.stringify(['vault', tenant, key])
}

/** Looked up for every turn of every request, so it is not hashed. */
function absentName(tenant: string, key: string): string {
  return `${tenant}\n${key}`
}
