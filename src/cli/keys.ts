import { randomBytes } from 'node:crypto'
import { nearest } from '../config/nearest.ts'
import { KEYS_TOPIC } from '../keys/identifier.ts'
import { type IssuedKey, issueKey, rotateKey } from '../keys/manage.ts'
import type { Provider } from '../providers/provider.ts'
import type { Database } from '../store/open.ts'
import type { KeyChange, KeyLimits, KeyRecord } from '../store/ports/keys.ts'
import { StoreUnavailable } from '../store/ports/unavailable.ts'
import { NewerSchema } from '../store/sql/newer-schema.ts'
import { type Flags, type ParsedArguments, parseArguments, UsageError } from './arguments.ts'
import { announce, databaseFlags, faultText, NoDatabase, openCommandDatabase } from './command-database.ts'
import type { CommandIo } from './config.ts'
import { duration, type KeyWords, keyFlags, keyWords, tenantName } from './key-flags.ts'
import { jsonText, keyJson, keyTable, keyText } from './key-output.ts'

export const keysUsage = `usage: xjp-gateway keys <command>

  create --tenant T [what it may]     make a key and show it, this once
  list [--tenant T]                   all keys
  show ID                             one key
  update ID [what it may]             change a key; "none" takes a limit or the end away
  disable ID | enable ID              refuse it with 403, take it again
  rotate ID [--grace 24h]             a new secret; the old one stays good for a while
  delete ID                           refuse it with 401, for ever

What it may
  --description TEXT
  --scopes SCOPES                     models by name with *, target:…, region:…, price:…, separated by commas (everything)
  --rpm N | unlimited                 requests a minute (as configured, else 60); --burst N of them at once
  --rpd N                             requests in 24 hours
  --tpm N                             tokens a minute
  --quota-tokens-daily N              tokens in 24 hours
  --concurrency N                     calls open at the same time
  --budget-daily USD, --budget-weekly USD, --budget-monthly USD
  --expires TIME                      2027-01-31 or 2027-01-31T12:00:00Z, in UTC
  --tag NAME=VALUE                    may be given several times; all of them together replace the old ones

Everywhere
  --data-dir DIR                      where the gateway writes (./data); DATABASE_URL and the configuration's
                                      [database] win, as they do for the gateway
  --config FILE                       the gateway's configuration
  --json                              for programs

xjp-gateway keygen TENANT [DESCRIPTION] [RPM] [RPD] makes a key too.
`

const OK = 0
const FAILED = 1
const WRONG_USE = 2

/** What a command works with. */
interface Work {
  parsed: ParsedArguments
  database: Database
  io: CommandIo
  now: number
  /** Tells running gateways that a key changed. */
  changed(id: string): Promise<void>
  print(value: unknown, text: string): void
}

interface Command {
  operands: readonly string[]
  flags: Flags
  /** It may be the first to use the database. */
  makes?: boolean
  /** Checks the arguments before anything is opened, and gives what is to be done. */
  prepare(parsed: ParsedArguments): (work: Work) => Promise<void>
}

/** No such key; the program ends with 1. */
class UnknownKey extends Error {
  constructor(id: string) {
    super(`there is no key with the id ${JSON.stringify(id.slice(0, 80))}: xjp-gateway keys list shows all`)
  }
}

const commands: Readonly<Record<string, Command>> = {
  create: { operands: [], flags: { tenant: { value: 'a name' }, ...keyFlags }, makes: true, prepare: create },
  list: { operands: [], flags: { tenant: { value: 'a name' } }, prepare: list },
  show: { operands: ['ID'], flags: {}, prepare: show },
  update: { operands: ['ID'], flags: keyFlags, prepare: update },
  disable: { operands: ['ID'], flags: {}, prepare: () => setEnabled(false) },
  enable: { operands: ['ID'], flags: {}, prepare: () => setEnabled(true) },
  rotate: { operands: ['ID'], flags: { grace: { value: 'a time such as 24h' } }, prepare: rotate },
  delete: { operands: ['ID'], flags: {}, prepare: remove },
}

/** `xjp-gateway keys …`: 0, 1 when it could not be done, 2 when the arguments are wrong. */
export function runKeysCommand(
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
): Promise<number> {
  const [name = '', ...rest] = args
  if (['help', '--help', '-h'].includes(name) || rest.includes('--help')) {
    io.stdout(keysUsage)
    return Promise.resolve(OK)
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (command !== undefined) return run(`keys ${name}`, command, rest, io, providers)
  const [near] = nearest(name, Object.keys(commands))
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  io.stderr(name === '' ? keysUsage : `xjp-gateway keys: unknown command "${name}".${hint}\n\n${keysUsage}`)
  return Promise.resolve(WRONG_USE)
}

/** System A's `keygen <tenant> [description] [rpm] [rpd]`. */
export function runKeygen(
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
): Promise<number> {
  const names = ['description', 'rpm', 'rpd']
  const keygen: Command = {
    operands: ['TENANT'],
    flags: {},
    makes: true,
    prepare({ positional, values }) {
      const [tenant = '', ...rest] = positional
      const given = new Map(values)
      given.set('tenant', [tenant])
      rest.forEach((value, index) => void given.set(names[index] ?? '', [value]))
      const text = (flag: string): string | undefined => given.get(flag)?.[0]
      return create({ positional: [], values: given, has: (flag) => given.has(flag), text })
    },
  }
  return run('keygen', keygen, args, io, providers, names.length)
}

async function run(
  name: string,
  command: Command,
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
  optional = 0,
): Promise<number> {
  let database: Database | undefined
  try {
    const parsed = parseArguments(args, { ...command.flags, ...databaseFlags, json: {} })
    checkOperands(command.operands, parsed.positional, optional)
    const act = command.prepare(parsed)
    const opened = openCommandDatabase(parsed, io, providers, command.makes ?? false)
    database = opened.database
    await act({
      parsed,
      database,
      io,
      now: Date.now(),
      changed: (id) => announce(opened.redis, KEYS_TOPIC, id, io),
      print: (value, text) => io.stdout(parsed.has('json') ? jsonText(value) : text),
    })
    return OK
  } catch (thrown) {
    const known = failures.find(({ kind }) => thrown instanceof kind)
    if (!known || !(thrown instanceof Error)) throw thrown
    io.stderr(`xjp-gateway ${name}: ${faultText(thrown)}\n${known.hint}`)
    return known.code
  } finally {
    await database?.close()
  }
}

const failures: readonly { kind: new (...args: never[]) => Error; code: number; hint: string }[] = [
  { kind: UsageError, code: WRONG_USE, hint: 'Run "xjp-gateway keys help" for the arguments.\n' },
  { kind: NewerSchema, code: WRONG_USE, hint: '' },
  { kind: NoDatabase, code: FAILED, hint: '' },
  { kind: UnknownKey, code: FAILED, hint: '' },
  { kind: StoreUnavailable, code: FAILED, hint: 'Nothing was changed.\n' },
]

function checkOperands(wanted: readonly string[], given: readonly string[], optional: number): void {
  const missing = wanted[given.length]
  if (missing !== undefined) throw new UsageError(`expected ${missing}`)
  const extra = given[wanted.length + optional]
  if (extra !== undefined) throw new UsageError(`unexpected ${JSON.stringify(extra.slice(0, 80))}`)
}

function create(parsed: ParsedArguments): (work: Work) => Promise<void> {
  const tenant = parsed.text('tenant')
  if (tenant === undefined) throw new UsageError('--tenant is missing: every key belongs to a tenant')
  const { limits, expiresAt, ...words } = keyWords(parsed)
  const wishes = {
    tenant: tenantName(tenant),
    ...words,
    limits: mergedLimits({}, limits),
    ...(typeof expiresAt === 'number' ? { expiresAt } : {}),
  }
  return async (work) => {
    warnOfPast(expiresAt, work)
    const issued = await issueKey(work.database.keys, wishes, means)
    await work.changed(issued.record.id)
    printIssued(issued, work)
  }
}

const means = { random: randomBytes, now: Date.now }

function warnOfPast(expiresAt: number | null | undefined, { io, now }: Work): void {
  if (typeof expiresAt === 'number' && expiresAt <= now)
    io.stderr('note: --expires is in the past, so the key is refused\n')
}

function printIssued({ key, record }: IssuedKey, { print, now }: Work): void {
  print(
    keyJson(record, key),
    `\n  ${key}\n\nThis is the key. It is shown only now and kept nowhere: copy it to a safe place.\n\n${keyText(record, now)}`,
  )
}

function list(parsed: ParsedArguments): (work: Work) => Promise<void> {
  const tenant = parsed.text('tenant')
  const filter = tenant === undefined ? {} : { tenant: tenantName(tenant) }
  return async ({ database, print, now }) => {
    const records: KeyRecord[] = []
    let after: string | undefined
    do {
      const page = await database.keys.list({
        ...filter,
        limit: 1_000,
        ...(after === undefined ? {} : { after }),
      })
      records.push(...page.keys)
      after = page.next
    } while (after !== undefined)
    print(
      records.map((record) => keyJson(record)),
      keyTable(records, now, tenant),
    )
  }
}

/** The id that was named; anything else than an id is not worth asking the database. */
function idOf(parsed: ParsedArguments): string {
  return parsed.positional[0] ?? ''
}

function show(parsed: ParsedArguments): (work: Work) => Promise<void> {
  return async ({ database, print, now }) => {
    const record = await database.keys.get(idOf(parsed))
    if (!record) throw new UnknownKey(idOf(parsed))
    print(keyJson(record), keyText(record, now))
  }
}

function update(parsed: ParsedArguments): (work: Work) => Promise<void> {
  const words = keyWords(parsed)
  const { limits: limitWords, ...rest } = words
  if (Object.keys(limitWords).length === 0 && Object.keys(rest).length === 0)
    throw new UsageError('expected something to change, such as --rpm 100')
  return async (work) => {
    warnOfPast(words.expiresAt, work)
    const known = await work.database.keys.get(idOf(parsed))
    if (!known) throw new UnknownKey(idOf(parsed))
    await change(work, known.id, { ...rest, limits: mergedLimits(known.limits, limitWords) }, 'changed')
  }
}

function setEnabled(enabled: boolean): (work: Work) => Promise<void> {
  return (work) => change(work, idOf(work.parsed), { enabled }, enabled ? 'enabled' : 'disabled')
}

async function change(work: Work, id: string, wanted: KeyChange, done: string): Promise<void> {
  const record = await work.database.keys.update(id, wanted)
  if (!record) throw new UnknownKey(id)
  await work.changed(id)
  work.print(keyJson(record), `${done}\n${keyText(record, work.now)}`)
}

function rotate(parsed: ParsedArguments): (work: Work) => Promise<void> {
  const graceMs = duration('grace', parsed.text('grace') ?? '24h')
  return async (work) => {
    const issued = await rotateKey(work.database.keys, idOf(parsed), graceMs, means)
    if (!issued) throw new UnknownKey(idOf(parsed))
    await work.changed(issued.record.id)
    printIssued(issued, work)
  }
}

function remove(parsed: ParsedArguments): (work: Work) => Promise<void> {
  return async (work) => {
    const id = idOf(parsed)
    if (!(await work.database.keys.delete(id, work.now))) throw new UnknownKey(id)
    await work.changed(id)
    work.print({ id, deleted: true }, `deleted ${id}\n`)
  }
}

function mergedLimits(known: KeyLimits, words: KeyWords['limits']): KeyLimits {
  const merged: Record<string, number | bigint> = { ...(known as Record<string, number | bigint>) }
  for (const [name, value] of Object.entries(words)) {
    if (value === null) delete merged[name]
    else if (value !== undefined) merged[name] = value
  }
  return merged
}
