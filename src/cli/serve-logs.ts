import { join, resolve } from 'node:path'
import { matches } from '../config/resolve.ts'
import type { Snapshot } from '../config/snapshot.ts'
import { TOKEN_VARIABLE } from '../keys/administrator-token.ts'
import { Escapes } from '../telemetry/escapes.ts'
import type { Logger, LogSettings } from '../telemetry/log.ts'
import type { Redactor } from '../telemetry/redact.ts'
import { Samples } from '../telemetry/samples/samples.ts'
import type { CommandIo } from './config.ts'
import type { ServeArguments } from './serve-arguments.ts'

/** Relative log files go where the gateway writes everything: the data directory, else the working directory. */
export function logSettings(
  snapshot: Snapshot,
  { dataDir }: Pick<ServeArguments, 'dataDir'>,
  { cwd }: Pick<CommandIo, 'cwd'>,
): LogSettings {
  const { level, format, stdout, file, maxFileBytes, maxFiles } = snapshot.observability.logging
  const settings: LogSettings = { level: level === 'trace' ? 'debug' : level, format, stdout }
  if (file !== null)
    settings.file = { path: resolve(cwd, dataDir ?? '.', file), maxBytes: maxFileBytes, maxFiles }
  return settings
}

/** Makes everything secret that a configuration holds known to who takes secrets out. */
export function learnSecrets(redactor: Redactor, snapshot: Snapshot, env: CommandIo['env']): void {
  for (const settings of Object.values(snapshot.providers)) {
    redactor.learn(settings.apiKey)
    redactor.learn(settings.accessToken)
    for (const { settings: own } of settings.credentials ?? []) {
      redactor.learn(own.apiKey)
      redactor.learn(own.accessToken)
    }
    for (const value of Object.values(settings.headers)) redactor.learn(value)
  }
  const { otlpHttp } = snapshot.observability
  redactor.learn(otlpHttp?.publicKey)
  redactor.learn(otlpHttp?.secretKey)
  redactor.learn(passwordOf(snapshot.database.url))
  redactor.learn(passwordOf(snapshot.redis.url))
  redactor.learn(env[TOKEN_VARIABLE])
}

/** As it is sent, not as it is spelled in the address. */
function passwordOf(address: string | undefined): string | undefined {
  const password = address === undefined ? undefined : URL.parse(address)?.password
  if (!password) return undefined
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

/** SIGUSR1 shows more while the gateway runs, SIGUSR2 what is configured again. */
export function changeLevelBySignal(log: Logger): void {
  process.on('SIGUSR1', () => {
    log.override('debug')
    log.warn('the log shows everything now (SIGUSR1); SIGUSR2 ends it')
  })
  process.on('SIGUSR2', () => {
    log.override(undefined)
    log.warn('the log shows what is configured again (SIGUSR2)', { lowest_level: log.level })
  })
}

/** Counts what escapes every catch from now on. */
export function watchEscapes(log: Logger): Escapes {
  const escapes = new Escapes(log, () => performance.now())
  escapes.watch(process)
  return escapes
}

/** Who keeps samples; nobody without a data directory. */
export function samplesIn(
  dataDirectory: string | undefined,
  { snapshot, log, redactor }: { snapshot(): Snapshot; log: Logger; redactor: Redactor },
): Samples | undefined {
  if (dataDirectory === undefined) return undefined
  return new Samples({
    folder: join(dataDirectory, 'samples'),
    redactor,
    log,
    retentionDays: () => snapshot().observability.samples.retentionDays,
    matches,
    random: Math.random,
    now: Date.now,
  })
}

/** Says aloud that content is kept, or why none is although it was asked for. */
export function tellOfSamples(snapshot: Snapshot, dataDirectory: string | undefined, log: Logger): void {
  const { enabled, tenants, rate, retentionDays } = snapshot.observability.samples
  if (!enabled) return
  if (dataDirectory === undefined)
    log.warn(
      'Samples are switched on, but there is no data directory to keep them in: name one with --data-dir',
    )
  else if (tenants.length === 0)
    log.warn('Samples are switched on, but observability.samples.tenants names nobody: none are kept')
  else
    log.warn('Prompts and answers are kept in the folder "samples" of the data directory', {
      tenants,
      rate,
      retention_days: retentionDays,
    })
}
