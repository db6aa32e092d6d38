import type { Block } from '../protocol/model/block.ts'
import { parseJson } from '../protocol/model/json.ts'
import type { MaybePromise } from './ports/shared-state.ts'
import { blindName, seal, unseal } from './seal.ts'
import type { MemoryVault, Vault } from './vault.ts'

/** Where a vault's content outlives the process. Names and values are blinded and sealed already. */
export interface VaultBacking {
  /** The values in the order of the names; undefined where there is none. Rejects when it cannot be asked. */
  read(names: readonly string[]): MaybePromise<readonly (Uint8Array | undefined)[]>
  /** In the background; what cannot be written is lost. */
  write(name: string, value: Uint8Array): void
  /** Writes what is still waiting, and ends. */
  close(): Promise<void>
}

/** Thinking of a longer turn is kept in memory only. */
const MAXIMUM_BYTES = 1024 * 1024
/** Of a long history the newest turns matter; the others follow with the next requests. */
const MAXIMUM_LOADED = 128
const ABSENT_MILLISECONDS = 30_000
const MAXIMUM_ABSENT = 20_000

/**
 * The vault in memory with something behind it that outlives the process: every turn is written through in the
 * background, and read back where memory has none.
 */
export class BackedVault implements Vault {
  readonly #memory: MemoryVault
  readonly #backing: VaultBacking
  readonly #now: () => number
  /** Names that were not found lately, and when; oldest first. */
  readonly #absent = new Map<string, number>()

  constructor(memory: MemoryVault, backing: VaultBacking, now: () => number) {
    this.#memory = memory
    this.#backing = backing
    this.#now = now
  }

  get(tenant: string, key: string): readonly Block[] | undefined {
    return this.#memory.get(tenant, key)
  }

  put(tenant: string, key: string, blocks: readonly Block[]): void {
    this.#memory.put(tenant, key, blocks)
    const secret = secretOf(tenant, key)
    const text = JSON.stringify(blocks)
    if (text.length > MAXIMUM_BYTES) return
    this.#backing.write(blindName(secret), seal(secret, Buffer.from(text)))
  }

  load(tenant: string, keys: readonly string[]): Promise<void> | undefined {
    const wanted = new Map<string, string>()
    for (const key of keys.slice(-MAXIMUM_LOADED)) {
      const name = blindName(secretOf(tenant, key))
      if (!this.#memory.get(tenant, key) && !this.#isAbsent(name)) wanted.set(name, key)
    }
    return wanted.size === 0 ? undefined : this.#load(tenant, wanted)
  }

  async #load(tenant: string, wanted: ReadonlyMap<string, string>): Promise<void> {
    try {
      const names = [...wanted.keys()]
      const values = await this.#backing.read(names)
      names.forEach((name, at) => {
        const value = values[at]
        if (value) this.#take(tenant, wanted.get(name) ?? '', value)
        else this.#note(name)
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

  #isAbsent(name: string): boolean {
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
