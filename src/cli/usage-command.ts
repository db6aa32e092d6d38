import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Provider } from '../providers/provider.ts'
import type { Database } from '../store/open.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { type UsageFilter, type UsageGroup, type UsageRow, usageGroups } from '../store/ports/usage.ts'
import { NewerSchema } from '../store/sql/newer-schema.ts'
import { inserterFor, JOURNAL_FOLDER } from '../usage/ledger.ts'
import { shipTails } from '../usage/recovery.ts'
import { type Flags, type ParsedArguments, parseArguments, UsageError } from './arguments.ts'
import {
  DATA_DIRECTORY,
  databaseFlags,
  faultText,
  NoDatabase,
  openCommandDatabase,
} from './command-database.ts'
import type { CommandIo } from './config.ts'
import { type Report, reportJson, reportText } from './usage-output.ts'

export const usageCommandUsage = `usage: xjp-gateway usage [which calls] [how]

Which calls
  --tenant T, --key ID, --model M     only theirs; a model by the name clients ask for
  --from TIME, --until TIME           2026-11-01 or 2026-11-01T12:00:00Z, in UTC; --until does not belong to it

How
  --by tenant,key,model,provider,day  a sum for each; one or several of them
  --rows                              the single calls too, newest first; --limit N of them (100)
  --data-dir DIR                      where the gateway writes (./data); DATABASE_URL and the configuration's
                                      [database] win, as they do for the gateway
  --config FILE                       the gateway's configuration
  --json                              for programs
`

const OK = 0
const FAILED = 1
const WRONG_USE = 2

const flags: Flags = {
  ...databaseFlags,
  tenant: { value: 'a name' },
  key: { value: 'the id of a key' },
  model: { value: 'a name' },
  from: { value: 'a time' },
  until: { value: 'a time' },
  by: { value: 'tenant, key, model, provider or day' },
  rows: {},
  limit: { value: 'a number' },
  json: {},
}

interface Question {
  filter: UsageFilter
  by: UsageGroup[]
  /** How many single calls; 0 for none. */
  rows: number
}

/** `xjp-gateway usage …`: 0, 1 when it could not be done, 2 when the arguments are wrong. */
export async function runUsageCommand(
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
): Promise<number> {
  if (args.some((argument) => ['help', '--help', '-h'].includes(argument))) {
    io.stdout(usageCommandUsage)
    return OK
  }
  try {
    const parsed = parseArguments(args, flags)
    const question = questionOf(parsed)
    const report = await answerTo(question, parsed, io, providers)
    io.stdout(parsed.has('json') ? reportJson(report) : reportText(report))
    return OK
  } catch (thrown) {
    return explained(thrown, io)
  }
}

async function answerTo(
  question: Question,
  parsed: ParsedArguments,
  io: CommandIo,
  providers: readonly Provider[],
): Promise<Report> {
  const journal = join(resolve(io.cwd, parsed.text('data-dir') ?? DATA_DIRECTORY), JOURNAL_FOLDER)
  // The first calls may still be in the journal when there is no database yet.
  const { database } = openCommandDatabase(parsed, io, providers, existsSync(journal))
  try {
    await countTails(journal, database, io)
    return await ask(question, database)
  } finally {
    await database.close()
  }
}

/** A call that ended a moment ago may be on its way still: what is settled is put into the store first. */
async function countTails(journal: string, database: Database, io: CommandIo): Promise<void> {
  const note = (message: string): void => io.stderr(`note: ${message}\n`)
  await shipTails(journal, inserterFor(journal, database.usage, { info: note, warn: note, error: note }))
}

async function ask({ filter, by, rows }: Question, { usage }: Database): Promise<Report> {
  const sum = await usage.sum(filter)
  const groups = by.length > 0 ? await usage.groups(filter, by) : []
  return { filter, by, sum, groups, ...(rows > 0 ? { rows: await newest(usage, filter, rows) } : {}) }
}

const PAGE = 500

async function newest(usage: Database['usage'], filter: UsageFilter, limit: number): Promise<UsageRow[]> {
  const rows: UsageRow[] = []
  while (rows.length < limit) {
    const after = rows.at(-1)?.id
    const page = await usage.rows(filter, {
      limit: Math.min(PAGE, limit - rows.length),
      ...(after === undefined ? {} : { after }),
    })
    rows.push(...page)
    if (page.length < PAGE) break
  }
  return rows
}

const DEFAULT_ROWS = 100

function questionOf(parsed: ParsedArguments): Question {
  const [surplus] = parsed.positional
  if (surplus !== undefined) throw new UsageError(`unexpected argument "${surplus}"`)
  const filter: UsageFilter = {}
  const tenant = parsed.text('tenant')
  const keyId = parsed.text('key')
  const model = parsed.text('model')
  const from = timeOf(parsed, 'from')
  const until = timeOf(parsed, 'until')
  if (tenant !== undefined) filter.tenant = tenant
  if (keyId !== undefined) filter.keyId = keyId
  if (model !== undefined) filter.model = model
  if (from !== undefined) filter.from = from
  if (until !== undefined) filter.until = until
  if (from !== undefined && until !== undefined && from >= until)
    throw new UsageError('--until: expected a time after --from')
  const limit = limitOf(parsed)
  return { filter, by: groupsOf(parsed), rows: parsed.has('rows') ? (limit ?? DEFAULT_ROWS) : 0 }
}

function limitOf(parsed: ParsedArguments): number | undefined {
  const text = parsed.text('limit')
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--limit: expected a number from 1, got "${text}"`)
  if (!parsed.has('rows')) throw new UsageError('--limit says how many --rows: give both')
  return Number(text)
}

function groupsOf(parsed: ParsedArguments): UsageGroup[] {
  const asked = parsed.text('by')?.split(',') ?? []
  const known: readonly string[] = usageGroups
  const wrong = asked.find((name) => !known.includes(name))
  if (wrong !== undefined)
    throw new UsageError(`--by: expected ${usageGroups.join(', ')}, separated by commas, got "${wrong}"`)
  return usageGroups.filter((name) => asked.includes(name))
}

const TIME = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/

function timeOf(parsed: ParsedArguments, flag: string): number | undefined {
  const text = parsed.text(flag)
  if (text === undefined) return undefined
  const time = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time))
    throw new UsageError(`--${flag}: expected 2026-11-01 or 2026-11-01T12:00:00Z, got "${text}"`)
  return time
}

function explained(thrown: unknown, io: CommandIo): number {
  if (thrown instanceof UsageError) {
    io.stderr(`xjp-gateway usage: ${thrown.message}\nRun "xjp-gateway usage --help" for the arguments.\n`)
    return WRONG_USE
  }
  if (thrown instanceof NoDatabase || thrown instanceof StoreUnavailable || thrown instanceof NewerSchema) {
    io.stderr(`xjp-gateway usage: ${faultText(thrown)}\n`)
    return FAILED
  }
  throw thrown
}
