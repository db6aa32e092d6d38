import type { Target } from '../pipeline/target.ts'
import type { GatewayError } from '../protocol/model/error.ts'

/** Why a target cannot be tried now. */
export type Closed =
  | 'circuit_open' // it failed too often lately
  | 'cooling' // the upstream asked to be left alone (`retry-after`), or refused the credential
  | 'busy' // all of its credentials have as many calls open as they may

/** How a target stands. `retryMs`: how long until that may change; absent when nobody knows. */
export type Standing =
  | { open: true }
  | { open: false; reason: Closed; retryMs?: number; error?: GatewayError }

/**
 * How an attempt ended, for the circuit. `neutral`: it says nothing about the upstream (the client left, the request
 * was wrong, a key was refused).
 */
export type Outcome =
  | { kind: 'success' /** Milliseconds to the first content. */; firstContentMs: number }
  | { kind: 'failure' | 'neutral'; error: GatewayError }

/** Leave to make one attempt. */
export interface Pass {
  /** The target with the credential that was chosen. */
  readonly target: Target
  /** The circuit is half open, and this attempt is one of its probes. */
  readonly probe: boolean
  /** Tells how the attempt went up to its first content; harmless when repeated. */
  end(outcome: Outcome): void
  /** The answer broke after its first content, and the upstream is to blame. */
  broke(): void
  /** The call is over: the credential's place is free. Harmless when repeated; says `neutral` when nothing was said. */
  release(): void
}

export interface CircuitStatus {
  /** Public model. */
  model: string
  /** `provider/model` of the target, with `@region` where the route names one. */
  target: string
  state: 'closed' | 'open' | 'half_open'
  /** Milliseconds since 1970 at which the state began. */
  since: number
  failuresInRow: number
  /** Milliseconds since 1970 at which an open one is tried again. */
  retryAt?: number
}

export interface CooldownStatus {
  provider: string
  credential?: string
  model?: string
  /** Of the route, where it names one. */
  region?: string
  /** Milliseconds since 1970. */
  until: number
  reason: string
}

/** What the gateway remembers of how its upstreams do. All of it answers at once. */
export interface Resilience {
  /** How a target stands; takes nothing. */
  standing(target: Target): Standing
  /** Leave for an attempt, with a credential that has room; else how it stands. */
  enter(target: Target): Pass | Standing
  /** A first attempt on the route: it earns a share of a further one. */
  earn(target: Target, budget: number): void
  /** Takes one further attempt on the route from its budget; false when there is none left. */
  spend(target: Target): boolean
  /** The same for second attempts beside a slow first one. */
  spendHedge(model: string, budget: number): boolean
  earnHedge(model: string, budget: number): void
  /** Milliseconds to the first content lately; undefined when nothing is known. */
  latencyOf(target: Target): number | undefined
  /** Routes that have a circuit; the configured ones stand there before they were ever called. */
  circuits(): CircuitStatus[]
  cooldowns(): CooldownStatus[]
}

/** Something an operator wants to hear of. */
export type ResilienceEvent =
  | {
      type: 'circuit'
      model: string
      target: string
      from: CircuitStatus['state']
      to: CircuitStatus['state']
      reason: string
    }
  | {
      type: 'cooldown'
      provider: string
      credential?: string
      model?: string
      milliseconds: number
      reason: string
    }
