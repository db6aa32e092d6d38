/**
 * What is read when somebody asks for metrics, in words of this folder: the parts of the gateway fit these shapes. All of
 * it answers at once.
 */
export interface Sources {
  /** Calls that are open now. */
  active(): number
  draining(): boolean
  /** Calls that wait for a place. */
  waiting(): number
  /** Whether new calls are refused because the process is behind, and how many were since the start. */
  shedding(): { overloaded: boolean; refused: number }
  circuits(): readonly CircuitSource[]
  cooldowns(): readonly { provider: string }[]
  stores(): readonly { store: string; up: boolean }[]
  /** Undefined where usage is not kept. */
  journal(): JournalSource | undefined
  keys(): KeysSource
  /** `loadedAt` in milliseconds since 1970. */
  config(): { liveVersion: string; loadedAt: number }
  lostLogLines(): number
  /** Errors that escaped every catch. */
  escapedErrors(): number
  /** Spans and samples thrown away since the start, by signal. */
  droppedTelemetry(): Readonly<Record<string, number>>
}

export interface CircuitSource {
  model: string
  target: string
  state: (typeof circuitStates)[number]
}

export const circuitStates = ['closed', 'open', 'half_open'] as const

export interface JournalSource {
  state: 'ok' | 'waiting' | 'full' | 'unwritable'
  bytes: number
  /** Rows that are not in the store yet, and the age of the oldest of them in milliseconds, at most. */
  rows: number
  lagMs: number
}

export interface KeysSource {
  keys: number
  /** Milliseconds since 1970 at which the store last answered; absent without one, or when it never did. */
  followedAt?: number
  /** Callers who were not let in since the start. */
  refused: Readonly<Record<string, number>>
}

/** Something that happens to routes (resilience/resilience.ts). */
export type RouteEvent =
  | { type: 'circuit'; model: string; target: string; to: string }
  | { type: 'cooldown'; provider: string; reason: string }
