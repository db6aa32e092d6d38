import type { Accounts } from './accounts.ts'
import type { ReloadStatus } from './config/reload.ts'
import type { Operations, Status } from './endpoints/operations.ts'
import { Guesses } from './keys/guesses.ts'
import { KnownAdministrator } from './keys/known-administrator.ts'
import type { CallObserver } from './pipeline/call.ts'
import type { Resilience, ResilienceEvent } from './resilience/resilience.ts'
import type { Family } from './telemetry/metrics/family.ts'
import { GatewayMetrics } from './telemetry/metrics/gateway-metrics.ts'
import type { LedgerHealth } from './usage/ledger.ts'

export interface OperationsParts {
  accounts: Pick<Accounts, 'database' | 'identifier' | 'accounting' | 'stores'>
  resilience: Pick<Resilience, 'circuits' | 'cooldowns'>
  /** Of the environment; it may hold the administrator's token. */
  environment: Readonly<Record<string, string | undefined>>
  config(): Pick<ReloadStatus, 'liveVersion' | 'loadedAt'>
  active(): number
  draining(): boolean
  /** Calls that wait for a place. */
  waiting(): number
  shedding(): { overloaded: boolean; refused: number }
  lostLogLines(): number
  /** Errors that escaped every catch. */
  escapedErrors(): number
  /** Spans, metrics and samples that were thrown away, by signal. */
  droppedTelemetry(): Readonly<Record<string, number>>
  /** Takes secrets out of a text. */
  clean(text: string): string
  version: string
  runtime: string
}

/** What is known of how this process does, and who may ask. */
export interface OwnOperations {
  operations: Operations
  /** Looks on at every call, for the metrics. */
  observer: CallObserver
  /** The metrics of this process, for exporters and for a parent that gathers. */
  collect(): Family[]
  status(): Status
  /** A reload was tried. */
  reloaded(ok: boolean): void
  /** A circuit changed, or a cool-down began. */
  routeEvent(event: ResilienceEvent): void
  start(): void
  stop(): void
}

/** Throws `WeakToken` for an administrator's token of the environment that must not be used. */
export function createOperations(parts: OperationsParts): OwnOperations {
  const { accounts, resilience, environment } = parts
  const begunAt = performance.now()
  const administrator = new KnownAdministrator(accounts.database?.settings, environment)
  const guesses = new Guesses(() => performance.now())
  const metrics = new GatewayMetrics({
    sources: {
      ...parts,
      circuits: () => resilience.circuits(),
      cooldowns: () => resilience.cooldowns(),
      stores: () => accounts.stores(),
      journal: () => accounts.accounting.health(),
      keys: () => accounts.identifier.state(),
    },
    clean: parts.clean,
    now: Date.now,
    monotonic: () => performance.now(),
    version: parts.version,
    runtime: parts.runtime,
  })
  const status = (): Status => statusOf(parts, (performance.now() - begunAt) / 1000)
  const collect = (): Family[] => metrics.collect()
  return {
    operations: {
      metrics: collect,
      status,
      accounting: () => accountingOf(accounts.accounting.health()),
      isAdministrator: (token) => administrator.is(token),
      guessed: (address) => guesses.take(address),
    },
    observer: metrics.calls,
    collect,
    status,
    reloaded: (ok) => metrics.reloaded(ok),
    routeEvent: (event) => metrics.routeEvent(event),
    start() {
      administrator.start()
      metrics.start()
    },
    stop() {
      administrator.stop()
      metrics.stop()
    },
  }
}

function statusOf(parts: OperationsParts, uptime: number): Status {
  const { accounts, resilience, version, config } = parts
  const accounting = accountingOf(accounts.accounting.health())
  const members = {
    version,
    config_version: config().liveVersion,
    uptime_seconds: Math.floor(uptime),
    draining: parts.draining(),
    overloaded: parts.shedding().overloaded,
    active: parts.active(),
    queue: { waiting: parts.waiting() },
    circuits: resilience.circuits().map(({ failuresInRow, retryAt, since, ...rest }) => ({
      ...rest,
      since: moment(since),
      failures_in_row: failuresInRow,
      ...(retryAt === undefined ? {} : { retry_at: moment(retryAt) }),
    })),
    cooldowns: resilience.cooldowns().map(({ until, ...rest }) => ({
      ...rest,
      until: moment(until),
    })),
    stores: accounts.stores().map(({ since, ...rest }) => ({ ...rest, since: moment(since) })),
    ...(accounting === undefined ? {} : { accounting }),
  }
  return { status: summary(members), ...members }
}

function summary(status: Omit<Status, 'status'>): Status['status'] {
  const { draining, overloaded, circuits, stores, accounting } = status
  if (draining) return 'draining'
  const isWell =
    !overloaded &&
    circuits.every(({ state }) => state === 'closed') &&
    stores.every(({ up }) => up) &&
    (accounting === undefined || accounting.state === 'ok')
  return isWell ? 'ok' : 'degraded'
}

function accountingOf(health: LedgerHealth | undefined): Status['accounting'] {
  if (health === undefined) return undefined
  const { state, bytes, rows, lagMs } = health
  return { state, journal_bytes: bytes, rows_waiting: rows, lag_seconds: Math.round(lagMs / 100) / 10 }
}

/** Milliseconds since 1970 as ISO 8601. */
function moment(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
