import { openAccounts } from '../accounts.ts'
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
import { tell } from '../resilience/tell.ts'
import { openExports } from '../telemetry/exports.ts'
import { Logger } from '../telemetry/log.ts'
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
import { drain, stopSignal, within } from './serve-drain.ts'
import {
  changeLevelBySignal,
  learnSecrets,
  logSettings,
  samplesIn,
  tellOfSamples,
  watchEscapes,
} from './serve-logs.ts'
import { operationsOf } from './serve-operations.ts'
import { type WorkerLink, workerLink } from './worker-link.ts'
import { ofAllWorkers, superviseWorkers, workersTrouble } from './workers.ts'

const BAD_CONFIGURATION = 2
/** How long the start waits for the stores; without them it serves whom it knows. */
const STORE_WAIT_MILLISECONDS = 3_000
/** The runtime's own limit lies above every limit a configuration may set, so that the answer is ours. */
const RUNTIME_BODY_BYTES = 1024 * 1024 * 1024 + 1

/** `xjp-gateway serve`: listens until it is told to stop; gives the exit code. */
export async function serve(args: readonly string[], io: CommandIo): Promise<number> {
  const given = serveArguments(args)
  if (typeof given === 'string') {
    io.stderr(`xjp-gateway serve: ${given}\nRun "xjp-gateway help" for the arguments.\n`)
    return BAD_CONFIGURATION
  }
  const link = workerLink()
  const parsed = link?.port === undefined ? given : { ...given, port: link.port }
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
  learnSecrets(redactor, first.snapshot, io.env)
  const log = new Logger(logSettings(first.snapshot, parsed, io), redactor)
  const workers = parsed.workers ?? first.snapshot.server.workers
  const trouble = workersTrouble(first.snapshot, workers)
  if (trouble !== undefined) {
    io.stderr(`xjp-gateway: ${trouble}\n`)
    return BAD_CONFIGURATION
  }
  if (workers > 1 && !link) return superviseWorkers(workers, first.snapshot, log, io)
  const escapes = watchEscapes(log)
  let operations: OwnOperations | undefined
  const live = new LiveConfig({
    snapshot: first.snapshot,
    load: () => load(options),
    now: Date.now,
    onReload: (report) => {
      operations?.reloaded(report.ok)
      onReload(report, live, log, redactor, parsed, io)
      if (report.ok) tellOfSamples(live.snapshot, dataDirectory, log)
    },
  })
  const dataDirectory = dataDirectoryOf(first.snapshot, parsed, io)
  const accounts = await openPlaces(
    () =>
      openAccounts({
        snapshot: () => live.snapshot,
        dataDirectory,
        log,
        clean: (text) => redactor.text(text),
        onRouteEvent: (event) => {
          tell(event, log)
          operations?.routeEvent(event)
        },
      }),
    dataDirectory,
    io,
  )
  if (!accounts) return 1
  const samples = samplesIn(dataDirectory, { snapshot: () => live.snapshot, log, redactor })
  const exports = openExports({
    snapshot: () => live.snapshot,
    log,
    redactor,
    metrics: () => operations?.collect() ?? [],
  })
  operations = operationsOf({
    accounts,
    live,
    log,
    redactor,
    escapes,
    samples,
    exports,
    io,
    gateway: () => gateway,
  })
  const gateway: Gateway = createGateway({
    snapshot: () => live.snapshot,
    services: googleServices(io.env),
    accounts,
    observers: [operations.observer, ...(samples ? [samples] : []), exports.observer],
    operations: link ? ofAllWorkers(operations, link) : operations.operations,
    log,
    redactor,
  })
  // Before the line that says it is ready: who reads that line may send a signal at once.
  const stopped = stopSignal(link)
  process.on('SIGHUP', () => live.reload())
  changeLevelBySignal(log)
  const newer = await newerSchema(accounts)
  if (newer !== undefined) {
    io.stderr(`xjp-gateway: ${newer}\n`)
    await accounts.stop(0)
    return BAD_CONFIGURATION
  }
  await within(accounts.start(), STORE_WAIT_MILLISECONDS)
  const listener = open(gateway, first.snapshot, link, io)
  if (!listener) {
    await accounts.stop(0)
    return 1
  }
  const stopWatching =
    options.file === undefined ? () => {} : watchConfigFile(options.file, io.cwd, () => live.reload())
  operations.start()
  samples?.start()
  const announceAll = (): void => {
    announce(listener, first.snapshot, log)
    tellWhoMayCall(first.snapshot, dataDirectory, log)
    tellOfSamples(first.snapshot, dataDirectory, log)
    void showAdministratorToken(accounts, io, log)
    for (const name of own?.ignored ?? [])
      log.warn(`${name} is this gateway's own address: it is ignored, or calls would go round in circles`)
  }
  // Of several workers one says it for all.
  if (link) link.ready(listener.url, listener.port, link.number === 1 ? announceAll : () => {})
  else {
    io.stdout(`xjp-gateway is ready at ${listener.url}\n`)
    announceAll()
  }
  await stopped
  stopWatching()
  operations.stop()
  await drain(gateway, { accounts, samples, exports }, listener, live.snapshot.server)
  return 0
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

function open(
  gateway: Gateway,
  snapshot: Snapshot,
  link: WorkerLink | undefined,
  io: CommandIo,
): Listener | undefined {
  const { host, port } = snapshot.server
  try {
    return listen({
      host,
      port,
      maxBodyBytes: RUNTIME_BODY_BYTES,
      // Otherwise a second gateway on the same port would silently take part of the calls.
      isShared: link !== undefined,
      handle: (request, exchange) => refuseEarly(gateway, request) ?? answer(gateway, request, exchange),
    })
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    io.stderr(`xjp-gateway: cannot listen on ${host}:${port}: ${reason}\n`)
    return undefined
  }
}

/** What an operator should know. */
function announce(listener: Listener, snapshot: Snapshot, log: Logger): void {
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
  learnSecrets(redactor, live.snapshot, io.env)
  log.configure(logSettings(live.snapshot, parsed, io))
  log.info('configuration reloaded', { config_version: report.version })
}
