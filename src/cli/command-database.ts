import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseDocument } from '../config/document.ts'
import { findConfigFile, load } from '../config/load.ts'
import { problemReport } from '../config/problem.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { treeAt } from '../config/tree.ts'
import type { Provider } from '../providers/provider.ts'
import { DATABASE_FILE, type Database, openDatabase } from '../store/open.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { RedisAnnouncements } from '../store/redis/announcements.ts'
import { RedisConnection } from '../store/redis/connection.ts'
import { type Flags, type ParsedArguments, UsageError } from './arguments.ts'
import type { CommandIo } from './config.ts'

/** Where a command finds what a gateway keeps. */
export const databaseFlags: Flags = {
  'data-dir': { value: 'a directory' },
  config: { value: 'a file' },
}

/** Where a gateway writes when it is told nothing. */
export const DATA_DIRECTORY = './data'

/** Nothing is there yet, so there is nothing to look at; the program ends with 1. */
export class NoDatabase extends Error {}

/** What a command says when it ends with a fault: a driver's own words do not name what was tried. */
export function faultText(thrown: Error): string {
  return thrown instanceof StoreUnavailable
    ? `the ${thrown.store} cannot be asked: ${thrown.message}`
    : thrown.message
}

type StoreSettings = Pick<Snapshot, 'database' | 'redis'>

/**
 * Opens the same database as a gateway with the same arguments, configuration and environment would. Throws
 * `UsageError` for a configuration that cannot be read, and `NoDatabase` when it was never made and `makes` is false.
 */
export function openCommandDatabase(
  parsed: ParsedArguments,
  io: CommandIo,
  providers: readonly Provider[],
  makes: boolean,
): { database: Database; redis: StoreSettings['redis'] } {
  const { database: settings, redis } = storeSettings(parsed, io, providers)
  const dataDir = resolve(io.cwd, parsed.text('data-dir') ?? DATA_DIRECTORY)
  if (settings.url === undefined && !makes && !existsSync(resolve(dataDir, DATABASE_FILE)))
    throw new NoDatabase(
      `there is no database in ${parsed.text('data-dir') ?? DATA_DIRECTORY}: say where with --data-dir DIR, or set DATABASE_URL`,
    )
  try {
    const { url, poolSize, timeoutMs } = settings
    // A person waits longer than a request does.
    const patience = Math.max(timeoutMs, 5_000)
    const common = { poolSize: Math.min(poolSize, 2), timeoutMs: patience }
    return { database: openDatabase(url === undefined ? { ...common, dataDir } : { ...common, url }), redis }
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/**
 * The stores' addresses. A configuration that is at fault elsewhere (a provider's key that is set only where the gateway
 * runs) must not keep anyone from disabling a key.
 */
function storeSettings(
  parsed: ParsedArguments,
  io: CommandIo,
  providers: readonly Provider[],
): StoreSettings {
  const file = findConfigFile(parsed.text('config'), io.env, io.cwd)
  const options = { cwd: io.cwd, environment: io.env, providers }
  const loaded = load(file === undefined ? options : { ...options, file })
  if (loaded.ok) return loaded.snapshot
  const bare = load(options)
  const addresses = file === undefined ? undefined : addressesIn(resolve(io.cwd, file), io)
  const faultsOfStores = loaded.problems.some(({ path }) => /^(database|redis)\b/.test(path))
  if (!bare.ok || addresses === undefined || faultsOfStores)
    throw new UsageError(problemReport(loaded.problems).trim())
  io.stderr(
    `note: ${file} has faults (xjp-gateway config check says which); only its database is used here\n`,
  )
  const { database, redis } = bare.snapshot
  return {
    database: { ...database, ...(addresses.database === undefined ? {} : { url: addresses.database }) },
    redis: { ...redis, ...(addresses.redis === undefined ? {} : { url: addresses.redis }) },
  }
}

/** What a file says of its stores' addresses; undefined when it cannot be read at all. */
function addressesIn(path: string, io: CommandIo): { database?: string; redis?: string } | undefined {
  if (!existsSync(path)) return undefined
  const document = parseDocument(path, readFileSync(path, 'utf8'))
  if (!document.readable) return undefined
  const address = (store: string): string | undefined => {
    const text = treeAt(document.tree, [store, 'url'])
    if (typeof text !== 'string') return undefined
    return text.startsWith('ENV:') ? io.env[text.slice(4)] : text
  }
  const [database, redis] = [address('database'), address('redis')]
  return { ...(database === undefined ? {} : { database }), ...(redis === undefined ? {} : { redis }) }
}

const REDIS_PATIENCE_MILLISECONDS = 2_000

/** Tells running gateways over Redis, where there is one; without it they find out by themselves within five seconds. */
export async function announce(
  redis: StoreSettings['redis'],
  topic: string,
  text: string,
  io: CommandIo,
): Promise<void> {
  if (redis.url === undefined) return
  const connected = Promise.withResolvers<void>()
  const connection = new RedisConnection({
    url: redis.url,
    prefix: redis.prefix,
    commandTimeoutMs: Math.max(redis.commandTimeoutMs, 1_000),
    now: Date.now,
    onChange: ({ up }) => up && connected.resolve(),
  })
  const timer = setTimeout(() => connected.reject(new Error('no answer')), REDIS_PATIENCE_MILLISECONDS)
  try {
    await connected.promise
    new RedisAnnouncements(connection).publish(topic, text)
    // Commands of one connection are answered in order: when this one is, the word is out.
    await connection.run(['PING'])
  } catch {
    io.stderr('note: Redis cannot be reached; running gateways learn of the change within five seconds\n')
  } finally {
    clearTimeout(timer)
    await connection.close()
  }
}
