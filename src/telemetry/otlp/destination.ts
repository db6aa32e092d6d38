import { pairsOf } from '../../config/pairs.ts'
import type { exporters } from '../../config/schema-observability.ts'
import type { Snapshot } from '../../config/snapshot.ts'
import type { OtlpEndpoint } from '../../upstream/otlp/port.ts'

export type ExporterName = (typeof exporters)[number]
type Observability = Snapshot['observability']

/** Where OTLP's own defaults look for a collector. */
const DEFAULT_GRPC = 'http://localhost:4317'
const DEFAULT_HTTP = 'http://localhost:4318'

/** Where an exporter of the configuration sends; a sentence when it cannot. */
export function endpointOf(exporter: ExporterName, settings: Observability): OtlpEndpoint | string {
  const { otlpGrpc, otlpHttp, otlpCompression } = settings
  const own = pairsOf(settings.otlpHeaders ?? '') ?? {}
  if (exporter === 'otlp_grpc')
    return {
      protocol: 'grpc',
      url: otlpGrpc.endpoint ?? DEFAULT_GRPC,
      headers: own,
      compression: otlpCompression,
      timeoutMs: otlpGrpc.timeoutMs,
    }
  const { baseUrl, publicKey, secretKey, timeoutMs } = otlpHttp
  const hasKeys = publicKey !== undefined && secretKey !== undefined
  if (exporter === 'langfuse_http' && (baseUrl === undefined || !hasKeys))
    return 'it needs observability.otlp_http.base_url, public_key and secret_key'
  return {
    protocol: 'http',
    url: baseUrl ?? DEFAULT_HTTP,
    headers: hasKeys ? { ...own, authorization: basic(publicKey, secretKey) } : own,
    compression: otlpCompression,
    timeoutMs,
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}
