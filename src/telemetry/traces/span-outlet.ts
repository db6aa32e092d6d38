import type { Snapshot } from '../../config/snapshot.ts'
import { BatchExporter, type ExportClock, type ExportCounts } from '../otlp/exporter.ts'
import { type ExportParts, wayOutOf } from '../otlp/way-out.ts'
import { type TraceSettings, traceSettingsOf } from './trace-settings.ts'
import type { SpanOutlet } from './traces.ts'

type Observability = Snapshot['observability']

/** How long spans of a configuration that was replaced may take. */
const LAST_MILLISECONDS = 5_000

export interface OutletParts extends ExportParts {
  /** The live configuration. */
  snapshot(): Snapshot
  clock: ExportClock
  random(): number
}

/** Sends spans where the live configuration says. A reload that changes the place lets the old one finish by itself. */
export class ConfiguredOutlet implements SpanOutlet {
  readonly #parts: OutletParts
  #observability: Observability | undefined
  #settings: TraceSettings | undefined
  #key: string | undefined
  #exporter: BatchExporter | undefined
  /** Exporters of earlier configurations; those that are through stay for their counts. */
  readonly #earlier: BatchExporter[] = []

  constructor(parts: OutletParts) {
    this.#parts = parts
    this.settings()
  }

  settings(): TraceSettings | undefined {
    const { observability } = this.#parts.snapshot()
    if (observability !== this.#observability) this.#configure(observability)
    return this.#settings
  }

  push(bytes: Uint8Array, spans: number): void {
    this.#exporter?.push(bytes, spans)
  }

  get counts(): ExportCounts {
    const sum: ExportCounts = { exported: 0, dropped: 0, lost: 0, rejected: 0, waiting: 0 }
    for (const exporter of [...this.#earlier, ...(this.#exporter ? [this.#exporter] : [])]) {
      const { counts } = exporter
      for (const name of Object.keys(sum) as (keyof ExportCounts)[]) sum[name] += counts[name]
    }
    return sum
  }

  async stop(milliseconds: number): Promise<void> {
    await this.#exporter?.stop(milliseconds)
  }

  #configure(observability: Observability): void {
    this.#observability = observability
    const wanted = traceSettingsOf(observability)
    const way = wayOutOf('traces', wanted?.exporter ?? null, observability, this.#parts)
    this.#settings = way && wanted
    if (way?.key === this.#key) return
    this.#key = way?.key
    if (this.#exporter) {
      this.#earlier.push(this.#exporter)
      void this.#exporter.stop(LAST_MILLISECONDS)
    }
    const { clock, random } = this.#parts
    this.#exporter = way && new BatchExporter({ signal: 'traces', ...way.open(), clock, random })
  }
}
