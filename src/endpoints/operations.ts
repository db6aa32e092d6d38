import type { MaybePromise } from '../store/ports/shared-state.ts'
import type { Family } from '../telemetry/metrics/family.ts'

/** How the gateway does, for those who run it. Nothing of it waits for a store or an upstream. */
export interface Operations {
  /** What was measured: of all workers, where there are several. */
  metrics(): MaybePromise<readonly Family[]>
  /** How the parts stand: of all workers, where there are several. */
  status(): MaybePromise<Status>
  /** How the journal of usage stands; undefined where usage is not kept. */
  accounting(): AccountingStatus | undefined
  /** Whether this is the administrator's token; undefined while nobody can say, because its store cannot be reached. */
  isAdministrator(token: string): boolean | undefined
  /** A wrong token was given: undefined when that may be answered, else the seconds until the next one may. */
  guessed(address: string): number | undefined
}

/** The body of `GET /status`. Moments are ISO 8601. */
export interface Status {
  /** `degraded`: calls are served, and something an operator should look at is wrong. */
  status: 'ok' | 'degraded' | 'draining'
  version: string
  config_version: string
  uptime_seconds: number
  draining: boolean
  /** The process is behind with its work, and new calls are refused as far as there is no time for them. */
  overloaded: boolean
  /** Calls that are open. */
  active: number
  queue: QueueStatus
  circuits: readonly CircuitStatus[]
  cooldowns: readonly CooldownStatus[]
  stores: readonly StoreStatus[]
  accounting?: AccountingStatus
  /** How many workers this is the sum of; absent for one process. */
  workers?: number
}

export interface QueueStatus {
  /** Calls that wait for a place. */
  waiting: number
}

export interface CircuitStatus {
  model: string
  /** `provider/model` of the upstream. */
  target: string
  state: 'closed' | 'open' | 'half_open'
  since: string
  failures_in_row: number
  /** When an open one is tried again. */
  retry_at?: string
}

export interface CooldownStatus {
  provider: string
  credential?: string
  model?: string
  until: string
  reason: string
}

export interface StoreStatus {
  store: string
  up: boolean
  since: string
  reason?: string
}

export interface AccountingStatus {
  /** `waiting`: rows wait for the database. `full`, `unwritable`: new calls are refused. */
  state: 'ok' | 'waiting' | 'full' | 'unwritable'
  journal_bytes: number
  rows_waiting: number
  lag_seconds: number
}
