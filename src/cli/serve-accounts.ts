import { randomBytes } from 'node:crypto'
import { resolve } from 'node:path'
import type { Accounts } from '../accounts.ts'
import { isLoopback } from '../config/loopback.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { administratorToken, checkedToken, TOKEN_VARIABLE, WeakToken } from '../keys/administrator-token.ts'
import { NewerSchema } from '../store/sql/newer-schema.ts'
import type { Logger } from '../telemetry/log.ts'
import type { CommandIo } from './config.ts'
import type { ServeArguments } from './serve-arguments.ts'

/** Where the gateway writes when it is not told. */
export const USUAL_DATA_DIRECTORY = 'data'
const RETRY_MILLISECONDS = 2_000
/** Another replica may be migrating; its calls are served meanwhile, and soon ours too. */
const MIGRATION_WAIT_MILLISECONDS = 2_000

/** Undefined when nothing is to be written: open mode, and nobody named a place. */
export function dataDirectoryOf(
  snapshot: Snapshot,
  { dataDir }: Pick<ServeArguments, 'dataDir'>,
  { cwd }: Pick<CommandIo, 'cwd'>,
): string | undefined {
  if (dataDir !== undefined) return resolve(cwd, dataDir)
  const keeps = snapshot.auth.mode !== 'open' || snapshot.database.url !== undefined
  return keeps ? resolve(cwd, USUAL_DATA_DIRECTORY) : undefined
}

/** What is wrong with the administrator token of the environment. */
export function weakToken({ env }: Pick<CommandIo, 'env'>): string | undefined {
  try {
    checkedToken(env)
    return undefined
  } catch (thrown) {
    if (thrown instanceof WeakToken) return thrown.message
    throw thrown
  }
}

/** The accounts; undefined, with a line that says why, when the data directory cannot be written. */
export async function openPlaces(
  open: () => Promise<Accounts>,
  dataDirectory: string | undefined,
  { stderr }: Pick<CommandIo, 'stderr'>,
): Promise<Accounts | undefined> {
  try {
    return await open()
  } catch (thrown) {
    if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown
    stderr(
      `xjp-gateway: cannot write to the data directory ${dataDirectory}: ${thrown.message}\nName another one with --data-dir.\n`,
    )
    return undefined
  }
}

/** Why this program must leave the database alone: a later release has been there. */
export async function newerSchema({ database }: Accounts): Promise<string | undefined> {
  try {
    await database?.migrate({ waitMs: MIGRATION_WAIT_MILLISECONDS })
    return undefined
  } catch (thrown) {
    if (thrown instanceof NewerSchema) return thrown.message
    // It cannot be asked: the stores try again with each use, and the log says so.
    return undefined
  }
}

/** Says aloud who is let in, and loudest where that is everybody. */
export function tellWhoMayCall(snapshot: Snapshot, dataDirectory: string | undefined, log: Logger): void {
  const { host } = snapshot.server
  const { mode } = snapshot.auth
  if (mode === 'open' && !isLoopback(host))
    log.warn(
      `This gateway asks for no keys and listens on ${host}: anyone who reaches it spends your providers' money. Set auth.mode = "keys" and make keys with "xjp-gateway keys create", or listen on 127.0.0.1.`,
    )
  if (mode === 'first-key')
    log.info(
      'No key is asked for on this machine until the first one is made with "xjp-gateway keys create --tenant NAME"; auth.mode = "keys" asks from the start',
    )
  if (dataDirectory === undefined) log.info('Usage is not kept: name a place with --data-dir to keep it')
}

/** On the first start a token is made and shown; later ones say nothing. Tries again while the store is away. */
export async function showAdministratorToken(
  { database }: Accounts,
  { env, stderr }: Pick<CommandIo, 'env' | 'stderr'>,
  log: Logger,
): Promise<void> {
  if (!database) return
  try {
    const made = await administratorToken(database.settings, env, randomBytes)
    if (made.state !== 'made') return
    stderr(
      `Administrator token, shown this once: ${made.token}\nKeep it safe. ${TOKEN_VARIABLE} in the environment sets another one.\n`,
    )
  } catch (thrown) {
    log.debug('the administrator token could not be looked up yet', { reason: String(thrown) })
    setTimeout(
      () => void showAdministratorToken({ database } as Accounts, { env, stderr }, log),
      RETRY_MILLISECONDS,
    ).unref()
  }
}
