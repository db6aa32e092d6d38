import packageJson from '../../package.json' with { type: 'json' }
import type { Accounts } from '../accounts.ts'
import type { LiveConfig } from '../config/reload.ts'
import type { Gateway } from '../endpoints/gateway.ts'
import { createOperations, type OwnOperations } from '../operations.ts'
import type { Escapes } from '../telemetry/escapes.ts'
import type { Exports } from '../telemetry/exports.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Redactor } from '../telemetry/redact.ts'
import type { Samples } from '../telemetry/samples/samples.ts'
import type { CommandIo } from './config.ts'

interface Parts {
  accounts: Accounts
  live: LiveConfig
  log: Logger
  redactor: Redactor
  escapes: Escapes
  samples: Samples | undefined
  exports: Exports
  io: Pick<CommandIo, 'env'>
  /** There is one by the time somebody asks. */
  gateway(): Gateway
}

/** What operators see of this process. */
export function operationsOf({
  accounts,
  live,
  log,
  redactor,
  escapes,
  samples,
  exports,
  io,
  gateway,
}: Parts): OwnOperations {
  return createOperations({
    accounts,
    resilience: accounts.resilience,
    environment: io.env,
    config: () => live.status(),
    active: () => gateway().active.count,
    draining: () => gateway().draining,
    waiting: () => gateway().admission.waiting,
    shedding: () => gateway().shedding,
    lostLogLines: () => log.lost,
    escapedErrors: () => escapes.count,
    droppedTelemetry: () => ({ samples: samples?.lost ?? 0, spans: exports.lostSpans() }),
    clean: (text) => redactor.text(text),
    version: packageJson.version,
    runtime: `bun ${process.versions['bun']}`,
  })
}
