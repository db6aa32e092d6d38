import { resolve } from 'node:path'
import { type Accounts, openAccounts } from '../accounts.ts'
import { findConfigFile, type LoadOptions, load } from '../config/load.ts'
import { problemReport } from '../config/problem.ts'
import { LiveConfig, type ReloadReport, watchConfigFile } from '../config/reload.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { refuseEarly } from '../endpoints/early-refusal.ts'
import type { Gateway } from '../endpoints/gateway.ts'
import { answer } from '../endpoints/router.ts'
import { createGateway } from '../main.ts'
import type { OwnOperations } from '../operations.ts'
import { type Listener, listen } from '../platform/serve.ts'
import { providers } from '../providers/list.ts'
import { Logger, type LogSettings } from '../telemetry/log.ts'
import { Redactor } from '../telemetry/redact.ts'
import { googleServices } from '../upstream/google-services.ts'
import type { CommandIo } from './config.ts'
import { withoutOwnAddress } from './own-address.ts'
import {
  dataDirectoryOf,
  newerSchema,
  openPlaces,
  showAdministratorToken,
  tellWhoMayCall,
  weakToken,
} from './serve-accounts.ts'
import { type ServeArguments, serveArguments } from './serve-arguments.ts'
import { operationsOf } from './serve-operations.ts'

const BAD_CONFIGURATION = 2
/** How long the start waits for the stores; without them it serves whom it knows. */
const STORE_WAIT_MILLISECONDS = 3_000
/** The runtime's own limit lies above every limit a configuration may set, so that the answer is ours. */
const RUNTIME_BODY_BYTES = 1024 * 1024 * 1024 + 1

/** `xjp-gateway serve`: listens until it is told to stop; gives the exit code. */
export async function serve(args: readonly string[], io: CommandIo): Promise<number> {
  const parsed = serveArguments(args)
  if (typeof parsed === 'string') {
    io.stderr(`xjp-gateway serve: ${parsed}\nRun "xjp-gateway help" for the arguments.\n`)
    return BAD_CONFIGURATION
  }
  const asked = loadOptions(parsed, io)
  const tried = load(asked)
  const own = tried.ok ? withoutOwnAddress(io.env, tried.snapshot.server, providers) : undefined
  const options = own && own.ignored.length > 0 ? { ...asked, environment: own.environment } : asked
  const first = options === asked ? tried : load(options)
  if (!first.ok) {
    io.stderr(problemReport(first.problems))
    return BAD_CONFIGURATION
  }
  const weak = weakToken(io)
  if (weak !== undefined) {
    io.stderr(`xjp-gateway: ${weak}\n`)
    return BAD_CONFIGURATION
  }
  const redactor = new Redactor()
  learnSecrets(redactor, first.snapshot)
  const log = new Logger(logSettings(first.snapshot, parsed, io), redactor)
  let operations: OwnOperations | undefined
  const live = new LiveConfig({
    snapshot: first.snapshot,
    load: () => load(options),
    now: Date.now,
    onReload: (report) => {
      operations?.reloaded(report.ok)
      onReload(report, live, log, redactor, parsed, io)
    },
  })
  const dataDirectory = dataDirectoryOf(first.snapshot, parsed, io)
  const accounts = await openPlaces(
    () =>
      openAccounts({
        snapshot: () => live.snapshot,
        dataDirectory,
        log,
        onRouteEvent: (event) => operations?.routeEvent(event),
      }),
    dataDirectory,
    io,
  )
  if (!accounts) return 1
  operations = operationsOf({ accounts, live, log, redactor, io, gateway: () => gateway })
  const gateway: Gateway = createGateway({
    snapshot: () => live.snapshot,
    services: googleServices(io.env),
    accounts,
    observers: [operations.observer],
    operations: operations.operations,
    log,
    redactor,
  })
  // Before the line that says it is ready: who reads that line may send a signal at once.
  const stopped = stopSignal()
  process.on('SIGHUP', () => live.reload())
  const newer = await newerSchema(accounts)
  if (newer !== undefined) {
    io.stderr(`xjp-gateway: ${newer}\n`)
    await accounts.stop(0)
    return BAD_CONFIGURATION
  }
  await within(accounts.start(), STORE_WAIT_MILLISECONDS)
  const listener = open(gateway, first.snapshot, io)
  if (!listener) {
    await accounts.stop(0)
    return 1
  }
  const stopWatching =
    options.file === undefined ? () => {} : watchConfigFile(options.file, io.cwd, () => live.reload())
  operations.start()
  announce(listener, first.snapshot, log, io)
  tellWhoMayCall(first.snapshot, dataDirectory, log)
  void showAdministratorToken(accounts, io, log)
  for (const name of own?.ignored ?? [])
    log.warn(`${name} is this gateway's own address: it is ignored, or calls would go round in circles`)
  await stopped
  stopWatching()
  operations.stop()
  await drain(gateway, accounts, listener, live.snapshot.server.drainSeconds)
  return 0
}

/** Resolves with the work, or without it after the time. */
async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((wake) => {
    timer = setTimeout(wake, milliseconds)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}

function loadOptions(parsed: ServeArguments, io: CommandIo): LoadOptions {
  const file = findConfigFile(parsed.config, io.env, io.cwd)
  return {
    cwd: io.cwd,
    environment: io.env,
    providers,
    overrides: {
      ...(parsed.host === undefined ? {} : { host: parsed.host }),
      ...(parsed.port === undefined ? {} : { port: parsed.port }),
      ...(parsed.open ? { open: true } : {}),
    },
    ...(file === undefined ? {} : { file }),
  }
}

function open(gateway: Gateway, snapshot: Snapshot, io: CommandIo): Listener | undefined {
  const { host, port } = snapshot.server
  try {
    return listen({
      host,
      port,
      maxBodyBytes: RUNTIME_BODY_BYTES,
      handle: (request, exchange) => refuseEarly(gateway, request) ?? answer(gateway, request, exchange),
    })
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    io.stderr(`xjp-gateway: cannot listen on ${host}:${port}: ${reason}\n`)
    return undefined
  }
}

/** One line with the address, first of all; then what an operator should know. */
function announce(listener: Listener, snapshot: Snapshot, log: Logger, io: CommandIo): void {
  io.stdout(`xjp-gateway is ready at ${listener.url}\n`)
  const { passthrough } = snapshot.modelList
  const named = [...snapshot.models.keys(), ...snapshot.wildcards.map(({ name }) => name)]
  const served = [...named, ...passthrough.map((name) => `${name}/…`)]
  log.info('serving', {
    address: listener.url,
    config: snapshot.file ?? 'the environment',
    config_version: snapshot.version,
    models: served.slice(0, 50),
  })
  for (const notice of snapshot.notices) log.warn(notice)
}

function onReload(
  report: ReloadReport,
  live: LiveConfig,
  log: Logger,
  redactor: Redactor,
  parsed: ServeArguments,
  io: CommandIo,
): void {
  if (!report.ok) {
    log.error('configuration refused; the live one stays', {
      config_version: live.snapshot.version,
      problems: problemReport(report.problems).trim().split('\n'),
    })
    return
  }
  learnSecrets(redactor, live.snapshot)
  log.configure(logSettings(live.snapshot, parsed, io))
  log.info('configuration reloaded', { config_version: report.version })
}

function learnSecrets(redactor: Redactor, snapshot: Snapshot): void {
  for (const settings of Object.values(snapshot.providers)) {
    redactor.learn(settings.apiKey)
    redactor.learn(settings.accessToken)
    for (const { settings: own } of settings.credentials ?? []) {
      redactor.learn(own.apiKey)
      redactor.learn(own.accessToken)
    }
    for (const value of Object.values(settings.headers)) redactor.learn(value)
  }
  redactor.learn(snapshot.observability.otlpHttp?.publicKey)
  redactor.learn(snapshot.observability.otlpHttp?.secretKey)
}

/** Relative log files go where the gateway writes everything: the data directory, else the working directory. */
function logSettings(snapshot: Snapshot, parsed: ServeArguments, io: CommandIo): LogSettings {
  const { level, format, stdout, file } = snapshot.observability.logging
  const settings: LogSettings = { level: level === 'trace' ? 'debug' : level, format, stdout }
  if (file !== null) settings.file = resolve(io.cwd, parsed.dataDir ?? '.', file)
  return settings
}

/** Exit code of a program that was interrupted, as shells count it. */
const INTERRUPTED = 130
const IMPATIENT_AFTER_MILLISECONDS = 500

/**
 * Resolves at the first order to stop. Service managers send it to the launcher and to us, so a second SIGTERM is the
 * same order once more; a second Ctrl-C comes from someone who does not want to wait for the drain.
 */
function stopSignal(): Promise<void> {
  return new Promise((wake) => {
    let stoppingSince: number | undefined
    process.on('SIGTERM', () => {
      stoppingSince ??= performance.now()
      wake()
    })
    process.on('SIGINT', () => {
      if (stoppingSince !== undefined && performance.now() - stoppingSince > IMPATIENT_AFTER_MILLISECONDS)
        process.exit(INTERRUPTED)
      stoppingSince ??= performance.now()
      wake()
    })
  })
}

/** How long streams that were ended by us may take to reach their clients. */
const LAST_WORDS_MILLISECONDS = 1_000
/** How long usage may take into the database at the end; what does not arrive waits in the journal. */
const FLUSH_MILLISECONDS = 1_500

/** Not ready at once, new work refused, open streams finish; at the limit they end with an error. */
async function drain(
  gateway: Gateway,
  accounts: Accounts,
  listener: Listener,
  seconds: number,
): Promise<void> {
  gateway.draining = true
  gateway.admission.drain()
  listener.closeKept()
  gateway.log.info('draining', { active: gateway.active.count, limit_seconds: seconds })
  // The socket stays open meanwhile: /readyz says 503, new work is refused with words, not with a closed door.
  if (!(await gateway.active.drained(seconds * 1000))) {
    gateway.log.warn('drain limit reached', { active: gateway.active.count })
    gateway.active.endAll()
    await gateway.active.drained(LAST_WORDS_MILLISECONDS)
  }
  listener.stopAccepting()
  // A call is over when its answer is handed to the runtime; the client has it when the runtime wrote it.
  await listener.written(LAST_WORDS_MILLISECONDS)
  listener.close()
  await accounts.stop(FLUSH_MILLISECONDS)
  gateway.log.info('stopped')
  await gateway.log.flush()
  process.exit(0)
}
