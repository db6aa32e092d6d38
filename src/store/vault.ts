import type { Block } from '../protocol/model/block.ts'

/**
 * Remembers what clients drop: the thinking and signatures of an assistant turn, by tenant and by a key that the
 * client does send back (a tool-call id, or the turn's text). Bounded per tenant and in all; the oldest go first.
 */
export interface Vault {
  get(tenant: string, key: string): readonly Block[] | undefined
  put(tenant: string, key: string, blocks: readonly Block[]): void
}

export interface VaultLimits {
  bytesPerTenant: number
  tenants: number
  maxAgeMilliseconds: number
}

interface Entry {
  blocks: readonly Block[]
  bytes: number
  at: number
}

const defaults: VaultLimits = {
  bytesPerTenant: 32 * 1024 * 1024,
  tenants: 1_000,
  maxAgeMilliseconds: 24 * 3_600_000,
}

export class MemoryVault implements Vault {
  readonly #tenants = new Map<string, { entries: Map<string, Entry>; bytes: number }>()
  readonly #limits: VaultLimits
  readonly #now: () => number

  constructor(now: () => number, limits: VaultLimits = defaults) {
    this.#now = now
    this.#limits = limits
  }

  get(tenant: string, key: string): readonly Block[] | undefined {
    const entry = this.#tenants.get(tenant)?.entries.get(key)
    if (!entry || this.#now() - entry.at > this.#limits.maxAgeMilliseconds) return undefined
    return entry.blocks
  }

  put(tenant: string, key: string, blocks: readonly Block[]): void {
    const room = this.#room(tenant)
    const bytes = JSON.stringify(blocks).length + key.length
    if (bytes > this.#limits.bytesPerTenant) return
    this.#remove(room, key)
    room.entries.set(key, { blocks, bytes, at: this.#now() })
    room.bytes += bytes
    for (const oldest of room.entries.keys()) {
      if (room.bytes <= this.#limits.bytesPerTenant) break
      this.#remove(room, oldest)
    }
  }

  #room(tenant: string): { entries: Map<string, Entry>; bytes: number } {
    const known = this.#tenants.get(tenant)
    if (known) {
      // Most recently used last.
      this.#tenants.delete(tenant)
      this.#tenants.set(tenant, known)
      return known
    }
    const oldest = this.#tenants.keys().next().value
    if (this.#tenants.size >= this.#limits.tenants && oldest !== undefined) this.#tenants.delete(oldest)
    const room = { entries: new Map<string, Entry>(), bytes: 0 }
    this.#tenants.set(tenant, room)
    return room
  }

  #remove(room: { entries: Map<string, Entry>; bytes: number }, key: string): void {
    const entry = room.entries.get(key)
    if (!entry) return
    room.entries.delete(key)
    room.bytes -= entry.bytes
  }
}
