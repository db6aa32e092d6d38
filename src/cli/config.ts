import { type ExplainedPrice, explain } from '../config/explain.ts'
import { explanationText } from '../config/explain-text.ts'
import { findConfigFile, type LoadResult, load } from '../config/load.ts'
import { printToml } from '../config/print.ts'
import { problemReport } from '../config/problem.ts'
import { schemaText } from '../config/reference.ts'
import { isAllowed } from '../config/resolve.ts'
import type { Snapshot } from '../config/snapshot.ts'
import type { Provider } from '../providers/provider.ts'
import { formatDollars } from '../usage/money.ts'
import { priceOf } from '../usage/prices.ts'

/** The outside world of a command. */
export interface CommandIo {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  stdout(text: string): void
  stderr(text: string): void
}

const USAGE = `usage: xjp-gateway config <command>

  check [FILE] [--json]           say everything that is wrong with a configuration, or what it serves
  print [FILE] [--json]           show the configuration in force, without secrets
  explain MODEL [FILE] [--json]   say which routes a request for a model can take, in which order, and why
  schema                          print the JSON Schema of configuration files

FILE may also be given as --config FILE. Without one: CONFIG_PATH, config/xjp.toml, xjp.toml, else the environment alone.
`

const OK = 0
const FAILED = 2

interface Arguments {
  positional: string[]
  file?: string
  json: boolean
}

interface Command {
  /** Positional arguments before FILE. */
  operands: readonly string[]
  run(result: LoadedConfig, parsed: Arguments, io: CommandIo, providers: readonly Provider[]): number
}

type LoadedConfig = Extract<LoadResult, { ok: true }>

const commands: Readonly<Record<string, Command>> = {
  check: { operands: [], run: check },
  print: { operands: [], run: print },
  explain: { operands: ['MODEL'], run: explainModel },
}

/** `xjp-gateway config …`; gives the exit code: 0, or 2 when the arguments or the configuration are wrong. */
export async function runConfigCommand(
  args: readonly string[],
  io: CommandIo,
  providers: readonly Provider[],
): Promise<number> {
  const [name = '', ...rest] = args
  if (name === '--help' || name === '-h' || name === 'help') {
    io.stdout(USAGE)
    return OK
  }
  if (name === 'schema' && rest.length === 0) {
    io.stdout(schemaText())
    return OK
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  const parsed = command && parseArguments(rest, command.operands.length)
  if (command === undefined || parsed === undefined) {
    io.stderr(USAGE)
    return FAILED
  }
  const file = findConfigFile(parsed.file, io.env, io.cwd)
  const result = load({
    cwd: io.cwd,
    environment: io.env,
    providers,
    ...(file === undefined ? {} : { file }),
  })
  if (!result.ok) {
    if (parsed.json) io.stdout(json({ ok: false, problems: result.problems }))
    else io.stderr(problemReport(result.problems))
    return FAILED
  }
  return command.run(result, parsed, io, providers)
}

/** Undefined when the arguments are not of the form `operands… [FILE] [--config FILE] [--json]`. */
function parseArguments(args: readonly string[], operands: number): Arguments | undefined {
  const parsed: Arguments = { positional: [], json: false }
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    if (argument === '--json') parsed.json = true
    else if (argument === '--config' && args[index + 1] !== undefined) parsed.file = args[++index] ?? ''
    else if (argument.startsWith('-')) return undefined
    else parsed.positional.push(argument)
  }
  const [file, ...more] = parsed.positional.slice(operands)
  if (parsed.positional.length < operands || more.length > 0) return undefined
  if (file === undefined) return parsed
  return parsed.file === undefined ? { ...parsed, file } : undefined
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

const whoIsAsked: Readonly<Record<Snapshot['auth']['mode'], string>> = {
  keys: 'keys',
  'first-key': 'keys, from the first one on that is made',
  open: 'open: no keys are asked for',
}

interface Summary {
  version: string
  source: string
  listen: string
  auth: Snapshot['auth']['mode']
  models: string[]
  passthrough: readonly string[]
  defaultProvider?: string
  providers: string[]
  notices: readonly string[]
}

function summarize(snapshot: Snapshot): Summary {
  const { server, auth, modelList, models } = snapshot
  return {
    version: snapshot.version,
    source: snapshot.file ?? 'the environment',
    listen: `http://${server.host.includes(':') ? `[${server.host}]` : server.host}:${server.port}`,
    auth: auth.mode,
    models: [
      ...[...models.keys()].filter((name) => isAllowed(name, modelList)),
      ...snapshot.wildcards.map(({ name }) => name),
    ],
    passthrough: modelList.passthrough,
    ...(modelList.defaultProvider === undefined ? {} : { defaultProvider: modelList.defaultProvider }),
    providers: Object.keys(snapshot.providers),
    notices: snapshot.notices,
  }
}

function check({ snapshot }: LoadedConfig, parsed: Arguments, io: CommandIo): number {
  const summary = summarize(snapshot)
  io.stdout(parsed.json ? json({ ok: true, ...summary }) : summaryText(summary))
  return OK
}

function summaryText(summary: Summary): string {
  const { models, passthrough, defaultProvider, providers, notices } = summary
  const rows: [string, string][] = [
    ['version', summary.version],
    ['listens on', summary.listen],
    ['auth', whoIsAsked[summary.auth]],
    ['providers', providers.join(', ')],
    ['models', models.join(', ')],
    ['also', passthrough.map((name) => `${name}/…`).join(', ')],
    ['all others', defaultProvider === undefined ? '' : `go to ${defaultProvider}`],
  ]
  const shown = rows.filter(([, text]) => text !== '').map(([name, text]) => `  ${name.padEnd(11)} ${text}`)
  const noted = notices.map((notice) => `  note        ${notice}`)
  return `ok: ${summary.source}\n${[...shown, ...noted].join('\n')}\n`
}

function print({ printable }: LoadedConfig, parsed: Arguments, io: CommandIo): number {
  io.stdout(parsed.json ? json(printable) : printToml(printable))
  return OK
}

/** A model that is not served is an answer, not a fault of the configuration. */
function explainModel(
  { snapshot }: LoadedConfig,
  parsed: Arguments,
  io: CommandIo,
  providers: readonly Provider[],
): number {
  const price = (provider: string, model: string): ExplainedPrice | undefined =>
    dollarsOf(snapshot, provider, model)
  const explanation = explain(snapshot, parsed.positional[0] ?? '', { providers, price })
  io.stdout(parsed.json ? json(explanation) : explanationText(explanation))
  return OK
}

const A_MILLION = 1_000_000n

function dollarsOf(snapshot: Snapshot, provider: string, model: string): ExplainedPrice | undefined {
  const rates = priceOf(snapshot, provider, model)?.rates
  return (
    rates && {
      input: formatDollars(rates.input * A_MILLION),
      output: formatDollars(rates.output * A_MILLION),
    }
  )
}
