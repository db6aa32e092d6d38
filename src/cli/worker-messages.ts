import type { Family } from '../telemetry/metrics/family.ts'

/** What is gathered from all workers. */
export type Topic = 'metrics' | 'status'

/** What one worker said. */
export interface Told {
  worker: string
  value: unknown
}

/** What all workers said that answered in time. */
export interface Gathered {
  told: readonly Told[]
  /** What workers that are gone had counted. */
  retired: readonly Family[]
}

export type FromWorker =
  | { kind: 'ready'; url: string; port: number }
  /** It wants to know of all. */
  | { kind: 'ask'; id: number; topic: Topic }
  | { kind: 'told'; id: number; value: unknown }

export type ToWorker =
  | { kind: 'ask'; id: number; topic: Topic }
  /** All are ready, and that was said: now is the time for the rest. */
  | { kind: 'serving' }
  /** The answer to what it asked. */
  | { kind: 'gathered'; id: number; gathered: Gathered }
