import type { Block } from '../protocol/model/block.ts'

/**
 * Remembers what clients drop: the thinking and signatures of an assistant turn, by tenant and by a key that is made
 * of what the client does send back. Bounded per tenant and in all; the oldest go first.
 */
export interface Vault {
  /** What this process has; answers at once. */
  get(tenant: string, key: string): readonly Block[] | undefined
  /** The promise resolves when others can find it too, or cannot for now; it never rejects. */
  put(tenant: string, key: string, blocks: readonly Block[]): Promise<void> | void
  /** Others read what is put here: whoever hears of a turn may send it back to any of them. */
  readonly isShared?: boolean
  /**
   * Fetches what this process lacks from where it outlives the process, so that `get` finds it. Undefined when nothing
   * has to be waited for. Never rejects, and takes no longer than one command may.
   */
  load?(tenant: string, keys: readonly string[]): Promise<void> | undefined
}

export interface VaultLimits {
  bytesPerTenant: number
  /** Over all tenants. */
  bytes: number
  tenants: number
  maxAgeMilliseconds: number
}

interface Entry {
  blocks: readonly Block[]
  bytes: number
  at: number
}

/** What one tenant has: entries in the order they came, oldest first. */
interface Room {
  entries: Map<string, Entry>
  bytes: number
}

const defaults: VaultLimits = {
  bytesPerTenant: 32 * 1024 * 1024,
  bytes: 256 * 1024 * 1024,
  tenants: 1_000,
  maxAgeMilliseconds: 24 * 3_600_000,
}

/** What an entry costs beside its content. */
const ENTRY_BYTES = 200

export class MemoryVault implements Vault {
  /** The tenant that was last written to is last. */
  readonly #tenants = new Map<string, Room>()
  readonly #limits: VaultLimits
  readonly #now: () => number
  #bytes = 0

  constructor(now: () => number, limits: Partial<VaultLimits> = {}) {
    this.#now = now
    this.#limits = { ...defaults, ...limits }
  }

  /** Bytes held, as counted against the limits. */
  get bytes(): number {
    return this.#bytes
  }

  get(tenant: string, key: string): readonly Block[] | undefined {
    const room = this.#tenants.get(tenant)
    const entry = room?.entries.get(key)
    if (!room || !entry) return undefined
    if (this.#now() - entry.at <= this.#limits.maxAgeMilliseconds) return entry.blocks
    this.#remove(room, key)
    return undefined
  }

  put(tenant: string, key: string, blocks: readonly Block[]): void {
    // Characters, each counted as the two bytes it may take.
    const bytes = 2 * (JSON.stringify(blocks).length + key.length) + ENTRY_BYTES
    if (bytes > Math.min(this.#limits.bytesPerTenant, this.#limits.bytes)) return
    const room = this.#room(tenant)
    this.#remove(room, key)
    while (room.bytes + bytes > this.#limits.bytesPerTenant) this.#removeOldest(room)
    while (this.#bytes + bytes > this.#limits.bytes) this.#removeOldestOfAll()
    room.entries.set(key, { blocks, bytes, at: this.#now() })
    room.bytes += bytes
    this.#bytes += bytes
  }

  /** The tenant's room, made when it has none; the tenant that was silent longest makes way. */
  #room(tenant: string): Room {
    const room = this.#tenants.get(tenant) ?? { entries: new Map<string, Entry>(), bytes: 0 }
    this.#tenants.delete(tenant)
    const oldest = first(this.#tenants)
    if (this.#tenants.size >= this.#limits.tenants && oldest !== undefined) this.#removeTenant(oldest)
    this.#tenants.set(tenant, room)
    return room
  }

  /** Takes from the tenant that was silent longest. */
  #removeOldestOfAll(): void {
    const tenant = first(this.#tenants)
    const room = tenant === undefined ? undefined : this.#tenants.get(tenant)
    if (tenant === undefined || !room) return
    this.#removeOldest(room)
    if (room.entries.size === 0 && this.#tenants.size > 1) this.#removeTenant(tenant)
  }

  #removeTenant(tenant: string): void {
    this.#bytes -= this.#tenants.get(tenant)?.bytes ?? 0
    this.#tenants.delete(tenant)
  }

  #removeOldest(room: Room): void {
    const oldest = first(room.entries)
    if (oldest !== undefined) this.#remove(room, oldest)
  }

  #remove(room: Room, key: string): void {
    const entry = room.entries.get(key)
    if (!entry) return
    room.entries.delete(key)
    room.bytes -= entry.bytes
    this.#bytes -= entry.bytes
  }
}

function first(map: ReadonlyMap<string, unknown>): string | undefined {
  return map.keys().next().value
}
