import type { Snapshot } from '../../config/snapshot.ts'
import type { ExporterName } from '../otlp/destination.ts'

/** How calls are traced, in the terms of the configuration. */
export interface TraceSettings {
  exporter: ExporterName
  /** Share of the calls without a trace of their own. */
  rate: number
  showsContent: boolean
  showsBodies: boolean
  /** Longest body shown, in bytes. */
  bodyBytes: number
  /** Whether spans also speak that product's own words. */
  isLangfuse: boolean
}

/** Undefined when nothing is traced. */
export function traceSettingsOf(settings: Snapshot['observability']): TraceSettings | undefined {
  const exporter = settings.exporters.tracing
  if (exporter === null) return undefined
  const isLangfuse = exporter === 'langfuse_http'
  return {
    exporter,
    rate: settings.traceSampleRate,
    showsContent: settings.traceContent ?? isLangfuse,
    showsBodies: settings.dumpDownstream,
    bodyBytes: settings.traceBodyMaxBytes,
    isLangfuse,
  }
}
