import type { Snapshot } from '../config/snapshot.ts'
import type { Call, CallObserver, ClientDialect, Handler, Identity, Refusal } from '../pipeline/call.ts'
import type { Outside } from '../pipeline/exchange.ts'
import type { Target } from '../pipeline/target.ts'
import type { Exchange } from '../platform/serve.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { MaybePromise, StoreHealth } from '../store/ports/shared-state.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Redactor } from '../telemetry/redact.ts'
import type { ActiveCalls } from './active-calls.ts'
import type { Admission } from './admission.ts'
import type { Operations } from './operations.ts'
import type { Shedding } from './shedding.ts'

/** What every endpoint is given. */
export interface Gateway {
  /** The live configuration; a request takes it once and keeps it. */
  snapshot(): Snapshot
  /**
   * Who calls, by the credential in the headers. Throws 400, 401, 403, 429 or 503; answers at once where nothing has to
   * be looked up.
   */
  identify(request: Request, exchange: Exchange): MaybePromise<Identity>
  /** What has to happen for every call as soon as it is known: it gets its account. Throws 503 when it cannot. */
  begin(call: Call): void
  /** A request that never became a call has its account too. Never throws. */
  refused(refusal: Refusal): void
  /** Admits a call that makes no answer under its limits of requests; throws 429 or 503. */
  limitRequests(call: Call): MaybePromise<void>
  /**
   * Where a call that makes no answer goes: the first of its targets that is open. Throws 403 and 404; undefined when
   * none is open. `release` says that it is over.
   */
  countingTarget(call: Call): { readonly target: Target; release(): void } | undefined
  /** Who looks on at every call: metrics, traces, samples. */
  observers: readonly CallObserver[]
  /** How everything does, for those who run it. */
  operations: Operations
  /** How the stores stand; for `/readyz`. */
  stores(): readonly StoreHealth[]
  clients: Readonly<Partial<Record<DialectName, ClientDialect>>>
  /** The policies and the exchange, composed. */
  handle: Handler
  outside: Outside
  log: Logger
  redactor: Redactor
  active: ActiveCalls
  /** The places of `limits.max_inflight`, and who waits for one. */
  admission: Admission
  /** Whether the process is behind with its work (`limits.max_delay_ms`). */
  shedding: Shedding
  /** Set when the order to stop came: it is not ready for new work, which `admission` refuses. */
  draining: boolean
  startedAt: number
}
