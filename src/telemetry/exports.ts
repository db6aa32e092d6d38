import { randomFillSync } from 'node:crypto'
import packageJson from '../../package.json' with { type: 'json' }
import type { Snapshot } from '../config/snapshot.ts'
import type { CallObserver } from '../pipeline/call.ts'
import { newId } from '../platform/random.ts'
import { send } from '../upstream/send.ts'
import type { Logger } from './log.ts'
import type { Family } from './metrics/family.ts'
import type { ExportClock } from './otlp/exporter.ts'
import { MetricsPush } from './otlp/metrics-push.ts'
import type { Redactor } from './redact.ts'
import { TraceIds } from './traces/ids.ts'
import { SpanEncoder } from './traces/span-encoder.ts'
import { ConfiguredOutlet } from './traces/span-outlet.ts'
import { Traces } from './traces/traces.ts'
import { UnixClock } from './traces/unix-clock.ts'

/** Traces and metrics on their way to a collector. */
export interface Exports {
  /** Traces the calls it is told of. */
  observer: CallObserver
  /** Spans that nobody will see, because there was no room or no collector. */
  lostSpans(): number
  /** At the end of the process: hands over what waits, within the time. */
  stop(milliseconds: number): Promise<void>
}

export interface ExportsParts {
  snapshot(): Snapshot
  log: Logger
  redactor: Redactor
  /** Every metric as it stands now. */
  metrics(): readonly Family[]
}

/** Follows the live configuration: which exporter runs, and whether any does. Nothing here is ever waited for. */
export function openExports({ snapshot, log, redactor, metrics }: ExportsParts): Exports {
  const monotonic = (): number => performance.now()
  const shared = {
    snapshot,
    send,
    log,
    redactor,
    monotonic,
    version: packageJson.version,
    instance: newId(),
    clock: { monotonic, after } satisfies ExportClock,
  }
  const traces = new Traces({
    outlet: new ConfiguredOutlet({ ...shared, random: Math.random }),
    encoder: new SpanEncoder(redactor, new UnixClock(Date.now, monotonic)),
    ids: new TraceIds((bytes) => void randomFillSync(bytes)),
    random: Math.random,
    monotonic,
    defer: (work) => void setImmediate(work),
    log,
  })
  const push = new MetricsPush({
    ...shared,
    collect: metrics,
    since: Date.now(),
    now: Date.now,
  })
  return {
    observer: traces,
    lostSpans: () => {
      const { dropped, lost, rejected } = traces.counts
      return dropped + lost + rejected
    },
    async stop(milliseconds) {
      const alive = setTimeout(() => {}, milliseconds)
      await Promise.all([traces.stop(milliseconds), push.stop(milliseconds)])
      clearTimeout(alive)
    },
  }
}

/** Nobody is kept waiting for telemetry, a process that wants to end neither. */
function after(milliseconds: number, wake: () => void): () => void {
  const timer = setTimeout(wake, milliseconds)
  timer.unref()
  return () => clearTimeout(timer)
}
