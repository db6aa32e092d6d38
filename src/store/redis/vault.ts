import type { VaultBacking } from '../backed-vault.ts'
import type { RedisConnection } from './connection.ts'

/** What this needs of the connection: plain commands, which take one way there and back. */
export type Commands = Pick<RedisConnection, 'prefix' | 'run'>

/** So many names in one command that large turns still come within its time. */
const NAMES_AT_ONCE = 32
/** More writes than this under way mean that Redis does not keep up: what comes then stays in memory only. */
const MAXIMUM_WRITES = 256

/** The vault's content in Redis, shared by replicas; every turn lapses by itself. */
export class RedisVaultBacking implements VaultBacking {
  readonly isShared = true
  readonly #redis: Commands
  readonly #keepMs: string
  readonly #writes = new Set<Promise<void>>()

  constructor(redis: Commands, keepMilliseconds: number) {
    this.#redis = redis
    this.#keepMs = String(keepMilliseconds)
  }

  async read(names: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const chunks = Array.from({ length: Math.ceil(names.length / NAMES_AT_ONCE) }, (_, at) =>
      this.#readChunk(names.slice(at * NAMES_AT_ONCE, (at + 1) * NAMES_AT_ONCE)),
    )
    return (await Promise.all(chunks)).flat()
  }

  async #readChunk(names: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const keys = names.map((name) => this.#keyOf(name))
    const values = await this.#redis.run<(Buffer | null)[]>(['MGET', ...keys], { binary: true })
    return values.map((value) => value ?? undefined)
  }

  write(name: string, value: Uint8Array): Promise<void> | void {
    if (this.#writes.size >= MAXIMUM_WRITES) return
    const command = ['SET', this.#keyOf(name), value, 'PX', this.#keepMs]
    const written = this.#redis.run(command).then(nothing, nothing)
    this.#writes.add(written)
    void written.then(() => this.#writes.delete(written))
    return written
  }

  async close(): Promise<void> {
    await Promise.all(this.#writes)
  }

  #keyOf(name: string): string {
    return `${this.#redis.prefix}vault:${name}`
  }
}

/** What cannot be written stays in memory only. */
function nothing(): void {}
