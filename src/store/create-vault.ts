import { BackedVault, type VaultBacking } from './backed-vault.ts'
import { type Commands, RedisVaultBacking } from './redis/vault.ts'
import { MemoryVault, type Vault } from './vault.ts'
import { openVaultFile } from './vault-file.ts'

/** How long a conversation may rest and still be continued with its thinking. */
const KEEP_MILLISECONDS = 24 * 3_600_000

export interface VaultSettings {
  now(): number
  /** Shared by replicas; wins over the data directory. */
  redis?: Commands
  /** Survives a restart of this one gateway. */
  dataDir?: string
  /** Told once when the vault's file cannot be used. */
  warn?(message: string): void
}

/** The vault of this process and what stands behind it; without either it is memory only. */
export function createVault(settings: VaultSettings): { vault: Vault; close(): Promise<void> } {
  const memory = new MemoryVault(settings.now, { maxAgeMilliseconds: KEEP_MILLISECONDS })
  const backing = backingOf(settings)
  if (!backing) return { vault: memory, close: async () => {} }
  return { vault: new BackedVault(memory, backing, settings.now), close: () => backing.close() }
}

function backingOf({ now, redis, dataDir, warn }: VaultSettings): VaultBacking | undefined {
  if (redis) return new RedisVaultBacking(redis, KEEP_MILLISECONDS)
  if (dataDir === undefined) return undefined
  return openVaultFile(dataDir, { now, keepMilliseconds: KEEP_MILLISECONDS, warn: warn ?? (() => {}) })
}
