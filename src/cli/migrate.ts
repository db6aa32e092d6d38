import type { Provider } from '../providers/provider.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import type { MigrationReport } from '../store/sql/migrate.ts'
import { NewerSchema } from '../store/sql/newer-schema.ts'
import { type Flags, parseArguments, UsageError } from './arguments.ts'
import { databaseFlags, openCommandDatabase } from './command-database.ts'
import type { CommandIo } from './config.ts'

const USAGE = `usage: xjp-gateway migrate [--data-dir DIR] [--config FILE] [--wait SECONDS] [--json]

Brings the database of a gateway up to date: PostgreSQL of DATABASE_URL or the configuration, else the file in the data
directory (./data). Any number may run at once: one works, the others wait for it. Interrupted, it is run again.

  --wait SECONDS   how long another process that migrates is waited for (600)
  --json           print {kind, from, to, steps}
`

const flags: Flags = { ...databaseFlags, wait: { value: 'seconds' }, json: {}, help: {} }

/** Exit codes: a database that cannot be asked may be tried again; one of a newer release may not. */
const OK = 0
const UNAVAILABLE = 1
const REFUSED = 2

/** `xjp-gateway migrate`; gives the exit code. */
export async function runMigrateCommand(
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
): Promise<number> {
  try {
    const parsed = parseArguments(args, flags)
    if (parsed.has('help')) {
      io.stdout(USAGE)
      return OK
    }
    if (parsed.positional.length > 0) throw new UsageError(`unexpected argument "${parsed.positional[0]}"`)
    const waitMs = waitOf(parsed.text('wait'))
    const { database } = openCommandDatabase(parsed, io, providers, true)
    try {
      const report = await database.migrate(waitMs === undefined ? {} : { waitMs })
      io.stdout(parsed.has('json') ? `${JSON.stringify(report)}\n` : inWords(report))
      return OK
    } finally {
      await database.close()
    }
  } catch (thrown) {
    return explain(thrown, io)
  }
}

function waitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`--wait: expected a number of seconds, got "${text}"`)
  return Number(text) * 1_000
}

const names = { sqlite: 'SQLite', postgres: 'PostgreSQL' }

function inWords({ kind, from, to, steps }: MigrationReport): string {
  if (steps.length === 0) return `${names[kind]}: schema version ${to}, nothing to do\n`
  const done = steps.map((step) => `  ${step}\n`).join('')
  return `${done}${names[kind]}: schema version ${from} → ${to}, ${steps.length} steps\n`
}

function explain(thrown: unknown, io: CommandIo): number {
  if (thrown instanceof UsageError) {
    io.stderr(`xjp-gateway migrate: ${thrown.message}\n\n${USAGE}`)
    return REFUSED
  }
  if (thrown instanceof NewerSchema) {
    io.stderr(`xjp-gateway migrate: ${thrown.message}\n`)
    return REFUSED
  }
  if (thrown instanceof StoreUnavailable) {
    io.stderr(`xjp-gateway migrate: the database cannot be asked: ${thrown.message}\n`)
    return UNAVAILABLE
  }
  throw thrown
}
