import { join } from 'node:path'
import type { Snapshot } from './config/snapshot.ts'
import { createIdentifier, type Identifier } from './keys/identifier.ts'
import { KeptKeys } from './keys/kept-keys.ts'
import { createLimits } from './limits/create.ts'
import type { Limits } from './limits/limits.ts'
import { newId } from './platform/random.ts'
import { createResilience } from './resilience/create.ts'
import type { Resilience, ResilienceEvent } from './resilience/resilience.ts'
import { createIdempotency } from './store/create-idempotency.ts'
import { createVault } from './store/create-vault.ts'
import { MemoryAnnouncements } from './store/memory/announcements.ts'
import type { Database } from './store/open.ts'
import type { IdempotencyState, StoreHealth } from './store/ports/shared-state.ts'
import type { RedisAnnouncements } from './store/redis/announcements.ts'
import type { RedisConnection } from './store/redis/connection.ts'
import type { Vault } from './store/vault.ts'
import type { Logger } from './telemetry/log.ts'
import { type Accounting, createAccounting } from './usage/accounting.ts'

/** Who calls, how much they may, what they used: the parts with a memory, and where that is kept. */
export interface Accounts {
  /** Undefined in open mode without a data directory or a database: nothing is kept then. */
  database: Database | undefined
  identifier: Identifier
  idempotency: IdempotencyState
  vault: Vault
  limits: Limits
  accounting: Accounting
  resilience: Resilience
  /** For `/readyz`. */
  stores(): StoreHealth[]
  /** Begins to follow the stores. Resolves when keys are known, or cannot be for now. */
  start(): Promise<void>
  /** At the end of the process: writes what is not written yet, within the time. */
  stop(milliseconds: number): Promise<void>
}

export interface AccountsParts {
  snapshot(): Snapshot
  /** Everything the gateway writes goes here. Undefined: nothing is written. */
  dataDirectory: string | undefined
  log: Logger
  /** Takes secrets out of a text. */
  clean?(text: string): string
  /** A circuit changed, or a cool-down began. Must not throw or wait. */
  onRouteEvent?(event: ResilienceEvent): void
}

/** Changes of keys are asked for this often: in a file of one's own, and in a database that others use too. */
const FILE_POLL_MILLISECONDS = 250
const SERVER_POLL_MILLISECONDS = 500

/** Libraries of stores that nobody configured are not loaded: a laptop's gateway stays small. */
export async function openAccounts({
  snapshot,
  dataDirectory,
  log,
  clean = (text) => text,
  onRouteEvent = () => {},
}: AccountsParts): Promise<Accounts> {
  const settings = snapshot()
  const now = Date.now
  const monotonic = (): number => performance.now()
  const database = await openStore(settings, dataDirectory, log)
  const redis = await openRedis(settings, log)
  // Or has failed to: the first call must not be the one that finds it not connected yet.
  const redisAnswered = redis && new Promise<void>((resolve) => redis.connection.onHealth(() => resolve()))
  const announcements = redis?.announcements ?? new MemoryAnnouncements()
  const accounting = createAccounting({
    dataDirectory: dataDirectory ?? '.',
    store: database?.usage,
    snapshot,
    now,
    newId,
    log,
  })
  const usage = database?.usage
  const limits = createLimits({
    redis: redis?.connection,
    spent: usage && ((scope, from) => usage.spent(scope, from)),
    flushUsage: async () => void (await accounting.flush(settings.database.timeoutMs)),
    now,
    monotonic,
  })
  const idempotency = createIdempotency({ now, ...(redis ? { redis: redis.connection } : {}) })
  const vault = createVault({
    now,
    ...(redis ? { redis: redis.connection } : {}),
    ...(dataDirectory === undefined ? {} : { dataDir: dataDirectory }),
    warn: (message) => log.warn(message),
  })
  const identifier = createIdentifier({
    ...(database ? { store: database.keys } : {}),
    mode: () => snapshot().auth.mode,
    now,
    pollMs: database?.kind === 'postgres' ? SERVER_POLL_MILLISECONDS : FILE_POLL_MILLISECONDS,
    announcements,
    ...keptKeys(settings, dataDirectory, log),
    log,
  })
  return {
    database,
    identifier,
    idempotency: idempotency.state,
    vault: vault.vault,
    limits,
    accounting,
    resilience: createResilience({ now, monotonic, announcements, snapshot, clean, onEvent: onRouteEvent }),
    stores: () => [...(database ? [database.health()] : []), ...(redis ? [redis.connection.health()] : [])],
    async start() {
      accounting.start()
      await Promise.all([identifier.start(), redisAnswered])
    },
    async stop(milliseconds) {
      await Promise.all([accounting.stop(milliseconds), identifier.stop(), limits.close(), vault.close()])
      await idempotency.close()
      await redis?.announcements.close()
      await Promise.all([redis?.connection.close(), database?.close()])
    },
  }
}

/** Every change of a store's state is a line of the log, and nothing in between is. */
function told(log: Logger): (health: StoreHealth) => void {
  let wasAway = false
  return ({ store, up, reason }) => {
    if (!up) log.warn('a store is away', { store, reason })
    else if (wasAway) log.info('a store is there again', { store })
    wasAway = !up
  }
}

async function openStore(
  { database }: Snapshot,
  dataDirectory: string | undefined,
  log: Logger,
): Promise<Database | undefined> {
  if (dataDirectory === undefined && database.url === undefined) return undefined
  const { openDatabase } = await import('./store/open.ts')
  const place = dataDirectory === undefined ? {} : { dataDir: dataDirectory }
  return openDatabase({ ...database, ...place }, Date.now, told(log))
}

async function openRedis(
  { redis }: Snapshot,
  log: Logger,
): Promise<{ connection: RedisConnection; announcements: RedisAnnouncements } | undefined> {
  if (redis.url === undefined) return undefined
  const [connections, words] = await Promise.all([
    import('./store/redis/connection.ts'),
    import('./store/redis/announcements.ts'),
  ])
  const { url, prefix, commandTimeoutMs } = redis
  const connection = new connections.RedisConnection({
    url,
    prefix,
    commandTimeoutMs,
    now: Date.now,
    onChange: told(log),
  })
  return { connection, announcements: new words.RedisAnnouncements(connection) }
}

/** Only a shared database can be away while its gateway starts. */
function keptKeys(
  { database }: Snapshot,
  dataDirectory: string | undefined,
  log: Logger,
): { kept?: KeptKeys } {
  if (database.url === undefined || dataDirectory === undefined) return {}
  const { host, pathname } = new URL(database.url)
  return {
    kept: new KeptKeys({
      file: join(dataDirectory, 'keys-cache.json'),
      database: host + pathname,
      onError: (reason) => log.warn('the known keys could not be kept for the next start', { reason }),
    }),
  }
}
