import { existsSync, readFileSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { z } from 'zod'
import type { Provider } from '../providers/provider.ts'
import { type Built, buildSnapshot } from './build.ts'
import type { Report } from './build-providers.ts'
import { type Document, MAX_FILE_BYTES, parseDocument } from './document.ts'
import { withStores } from './environment.ts'
import { isLoopback } from './loopback.ts'
import { noticesFor } from './not-in-effect.ts'
import type { Path } from './place.ts'
import { type Problem, pathText, sortProblems } from './problem.ts'
import type { Environment } from './references.ts'
import { type Config, configSchema } from './schema.ts'
import type { Origin } from './snapshot.ts'
import { isSystemB, systemBSchema, translateB } from './systems/b.ts'
import { checkC, isSystemC, systemCSchema, translateC, withoutDisabledReferences } from './systems/c.ts'
import type { Check, Translated } from './systems/system.ts'
import { withTelemetry } from './telemetry-environment.ts'
import { copyTree, newTable, type Tree } from './tree.ts'
import { validate } from './validate.ts'

/** What the command line says about the configuration; it wins over everything else. */
export interface Overrides {
  host?: string
  port?: number
  /** `--open`: no keys are asked for. */
  open?: boolean
}

export interface LoadOptions {
  /** The file to read, as named by the operator; see `findConfigFile`. Absent: the environment alone. */
  file?: string
  /** Folder that relative names start from. */
  cwd: string
  environment: Environment
  overrides?: Overrides
  /** The kinds of providers that exist. */
  providers: readonly Provider[]
}

export type LoadResult = ({ ok: true } & Built) | { ok: false; problems: Problem[] }

const USUAL_FILES = ['config/xjp.toml', 'xjp.toml']

/** The file to read: `--config`, else `CONFIG_PATH`, else one of the usual places if it is there. */
export function findConfigFile(
  flag: string | undefined,
  environment: Environment,
  cwd: string,
): string | undefined {
  if (flag !== undefined) return flag
  const named = environment['CONFIG_PATH']
  if (named !== undefined && named !== '') return named
  return USUAL_FILES.find((name) => existsSync(join(cwd, name)))
}

/**
 * Reads, checks and builds a configuration. Precedence: command line, file, environment, defaults; under system
 * B's file the environment fills nothing. Never throws for what is in a file: all problems come back at once.
 */
export function load(options: LoadOptions): LoadResult {
  if (options.file === undefined) return loadDocument(undefined, options)
  const read = readConfigFile(options.file, options.cwd)
  if (typeof read !== 'string') return { ok: false, problems: [read] }
  return loadDocument(parseDocument(options.file, read), options)
}

/** The text of a file, or the reason why there is none. */
function readConfigFile(file: string, cwd: string): string | Problem {
  const path = isAbsolute(file) ? file : join(cwd, file)
  const problem = (expected: string): Problem => ({ file, path: '', expected })
  try {
    const facts = statSync(path)
    if (!facts.isFile()) return problem('a file')
    if (facts.size > MAX_FILE_BYTES) return problem(`a file of at most ${MAX_FILE_BYTES} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    const code = (error as { code?: unknown }).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return problem('a file that exists')
    if (error instanceof TypeError) return problem('text in UTF-8')
    return problem(`a file that can be read (${typeof code === 'string' ? code : 'it cannot'})`)
  }
}

interface Read {
  origin: Origin
  translated: Translated | undefined
  problems: Problem[]
  removed: readonly Path[]
  report: Report
}

/** The configuration of a document, or of the environment alone when there is none. */
export function loadDocument(document: Document | undefined, options: LoadOptions): LoadResult {
  if (document && !document.readable) return { ok: false, problems: sortProblems(document.problems) }
  const labels = new Map<string, string>()
  const read = document ? readDocument(document, options.environment, labels) : fromEnvironment(options)
  const problems = [...read.problems, ...overrideProblems(options.overrides)]
  // A file in other terms has had its own checks; ours would say the same again in words it does not use.
  const isTold = read.translated?.placeOf !== undefined && problems.length > 0
  if (read.translated === undefined || isTold) return { ok: false, problems: sortProblems(problems) }
  const tree = document?.tree ?? newTable()
  const { fillsFromEnvironment } = read.translated
  const telemetry = withTelemetry(read.translated.config, tree, options.environment, fillsFromEnvironment)
  const { stores, problems: ofStores } = withStores(read.translated.config, options.environment, labels)
  problems.push(...telemetry.problems, ...ofStores)
  const config = withOverrides(
    {
      ...read.translated.config,
      ...stores,
      observability: telemetry.observability,
    },
    options.overrides,
  )
  const { environment, providers } = options
  const { removed, report, origin } = read
  const notices = noticesFor(tree)
  const context = {
    config,
    providers,
    environment,
    fillsFromEnvironment,
    removed,
    report,
    labels,
    problems,
    notices,
  }
  const built = buildSnapshot(context, { origin, ...(document ? { file: document.file } : {}) })
  return problems.length > 0 ? { ok: false, problems: sortProblems(problems) } : { ok: true, ...built }
}

/** Without a file: keys are asked for only when others than this machine can call. */
function fromEnvironment({ overrides = {} }: LoadOptions): Read {
  const config = configSchema.parse({})
  const mode = isLoopback(overrides.host ?? config.server.host) ? 'open' : 'keys'
  const report: Report = (path, expected) => ({ file: 'environment', path: pathText(path), expected })
  return {
    origin: 'environment',
    translated: { config: { ...config, auth: { mode } }, fillsFromEnvironment: true },
    problems: [],
    removed: [],
    report,
  }
}

/** One kind of file: its schema, and how it is told in our terms. */
interface Kind<Schema extends z.ZodType> {
  origin: Origin
  schema: Schema
  translate(value: z.output<Schema>, removed: readonly Path[]): Translated
  prepare?(tree: Tree): Tree
  check?: Check<z.output<Schema>>
}

const native: Kind<typeof configSchema> = {
  origin: 'file',
  schema: configSchema,
  translate: (config) => ({ config, fillsFromEnvironment: true }),
}
const systemB: Kind<typeof systemBSchema> = {
  origin: 'system-b',
  schema: systemBSchema,
  translate: translateB,
}
const systemC: Kind<typeof systemCSchema> = {
  origin: 'system-c',
  schema: systemCSchema,
  translate: translateC,
  prepare: withoutDisabledReferences,
  check: checkC,
}

/** Systems B and C are known by keys that only their files have; everything else is ours, and so is system A's. */
function readDocument(document: Document, environment: Environment, labels: Map<string, string>): Read {
  if (isSystemC(document.tree)) return readAs(systemC, document, environment, labels)
  if (isSystemB(document.tree)) return readAs(systemB, document, environment, labels)
  return readAs(native, document, environment, labels)
}

function readAs<Schema extends z.ZodType>(
  kind: Kind<Schema>,
  document: Document,
  environment: Environment,
  labels: Map<string, string>,
): Read {
  const prepared = kind.prepare ? { ...document, tree: kind.prepare(copyTree(document.tree)) } : document
  const { value, problems, removed, reporter } = validate(prepared, kind.schema, environment, labels)
  const found = value === undefined ? [] : (kind.check?.(value, reporter, removed) ?? [])
  const translated = value === undefined ? undefined : kind.translate(value, removed)
  const placeOf = translated?.placeOf
  return {
    origin: kind.origin,
    translated,
    problems: [...problems, ...found],
    removed,
    report: (path, expected, options) => reporter.problem(placeOf ? placeOf(path) : path, expected, options),
  }
}

function withOverrides(config: Config, overrides: Overrides = {}): Config {
  const { host = config.server.host, port = config.server.port, open = false } = overrides
  return {
    ...config,
    server: { ...config.server, host, port },
    auth: open ? { mode: 'open' } : config.auth,
  }
}

function overrideProblems({ host, port }: Overrides = {}): Problem[] {
  const problem = (path: string, expected: string): Problem => ({ file: 'command line', path, expected })
  const isPort = port === undefined || (Number.isInteger(port) && port >= 0 && port <= 65_535)
  return [
    ...(host === '' ? [problem('--host', 'an address to listen on')] : []),
    ...(isPort ? [] : [problem('--port', 'a whole number from 0 to 65535')]),
  ]
}
