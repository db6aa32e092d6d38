/** What is exported; each has its own place at a collector. */
export type OtlpSignal = 'traces' | 'metrics'

/** Where a collector is and how it is spoken to. */
export interface OtlpEndpoint {
  protocol: 'grpc' | 'http'
  /** `http://` or `https://`. Over HTTP `/v1/traces` or `/v1/metrics` is put behind it; gRPC has fixed paths. */
  url: string
  /** Sent with every export, credentials among them. */
  headers: Readonly<Record<string, string>>
  compression: 'none' | 'gzip'
  /** For one export, from reaching the collector to the end of its answer. */
  timeoutMs: number
}

/** What became of one export. */
export type ExportOutcome =
  /** `rejected`: how much of it the collector did not want; `message`: why, or what else it has to say. */
  | { kind: 'accepted'; rejected: number; message: string }
  /** The same export may be tried again, after `afterMs` when the collector said so. */
  | { kind: 'retry'; reason: string; afterMs?: number }
  /** Trying again would help nobody. */
  | { kind: 'refused'; reason: string }

/** The way to one collector. */
export interface OtlpTransport {
  /** Host and port, for the log. */
  readonly address: string
  /**
   * Hands over one `Export…ServiceRequest`. Never rejects, and always resolves: within the endpoint's time-out, or at
   * once when `abort` is.
   */
  export(signal: OtlpSignal, message: Uint8Array, abort: AbortSignal): Promise<ExportOutcome>
  /** Lets go of connections. */
  close(): void
}
