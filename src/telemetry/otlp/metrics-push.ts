import type { Snapshot } from '../../config/snapshot.ts'
import type { OtlpTransport } from '../../upstream/otlp/port.ts'
import type { Family } from '../metrics/family.ts'
import type { ExportClock } from './exporter.ts'
import { encodeMetrics } from './metrics.ts'
import type { Trouble } from './trouble.ts'
import { type ExportParts, wayOutOf } from './way-out.ts'

const PERIOD_MILLISECONDS = 30_000
/** Collectors take messages of 4 MiB by default. */
const MAXIMUM_MESSAGE_BYTES = 2 * 1024 * 1024
const NANOSECONDS = 1e6

export interface MetricsPushParts extends ExportParts {
  /** The live configuration. */
  snapshot(): Snapshot
  /** Every metric as it stands now. */
  collect(): readonly Family[]
  /** Milliseconds since 1970 at which all counters were 0. */
  since: number
  /** Milliseconds since 1970. */
  now(): number
  clock: ExportClock
}

interface Open {
  key: string
  transport: OtlpTransport
  trouble: Trouble
  message(chunks: readonly Uint8Array[]): Uint8Array
}

/**
 * Sends all metrics where the live configuration says, every thirty seconds. Each sending holds everything since the
 * start, so one that fails is made good by the next.
 */
export class MetricsPush {
  readonly #parts: MetricsPushParts
  readonly #abort = new AbortController()
  #observability: Snapshot['observability'] | undefined
  #open: Open | undefined
  #sending: Promise<void> | undefined
  #unset: () => void

  constructor(parts: MetricsPushParts) {
    this.#parts = parts
    this.#configure()
    this.#unset = parts.clock.after(PERIOD_MILLISECONDS, () => this.#tick())
  }

  /** Sends them a last time, within the time. */
  async stop(milliseconds: number): Promise<void> {
    this.#unset()
    if (this.#open === undefined) return
    const unset = this.#parts.clock.after(milliseconds, () => this.#abort.abort())
    await this.#sending
    await this.#send()
    unset()
    this.#abort.abort()
    this.#open.transport.close()
  }

  #tick(): void {
    this.#unset = this.#parts.clock.after(PERIOD_MILLISECONDS, () => this.#tick())
    this.#configure()
    // A collector that needs longer than the period is not given a second task.
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined
    })
  }

  #configure(): void {
    const { observability } = this.#parts.snapshot()
    if (observability === this.#observability) return
    this.#observability = observability
    const way = wayOutOf('metrics', observability.exporters.metrics, observability, this.#parts)
    if (way?.key === this.#open?.key) return
    this.#open?.transport.close()
    this.#open = way && { key: way.key, ...way.open() }
  }

  async #send(): Promise<void> {
    const open = this.#open
    if (!open) return
    const { since, now, collect } = this.#parts
    const period = { start: since * NANOSECONDS, end: now() * NANOSECONDS }
    for (const chunks of grouped(encodeMetrics(collect(), period))) {
      if (this.#abort.signal.aborted) return
      const outcome = await open.transport.export('metrics', open.message(chunks), this.#abort.signal)
      if (this.#abort.signal.aborted) return
      if (outcome.kind !== 'accepted') {
        open.trouble.failed(outcome.reason)
        return
      }
      open.trouble.works()
      if (outcome.rejected > 0 || outcome.message !== '')
        open.trouble.partly(outcome.rejected, outcome.message)
    }
  }
}

/** As many messages as their size asks for. */
function grouped(chunks: readonly Uint8Array[]): Uint8Array[][] {
  const groups: Uint8Array[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const chunk of chunks) {
    if (bytes + chunk.length > MAXIMUM_MESSAGE_BYTES) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(chunk)
    bytes += chunk.length
  }
  return groups
}
