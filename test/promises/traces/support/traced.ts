import { type OtlpCollector, startOtlpCollector } from '../../../rig/otlp-collector.ts'
import type { Span } from '../../../rig/otlp-definitions.ts'
import { openStage, type Stage, type StageOptions } from '../../support/stage.ts'

export type Exporter = 'otlp_grpc' | 'otlp_http' | 'langfuse_http'

/** Public and secret key of the rig's Langfuse. */
export const langfuseKeys = { publicKey: 'pk-lf-canary-5b21f07c', secretKey: 'sk-lf-canary-90d3ab6e11' }

/** The `[observability]` tables that send traces to these addresses. */
export function tracingToml(
  exporter: Exporter,
  { grpcUrl, httpUrl }: { grpcUrl: string; httpUrl: string },
  more = '',
): string {
  const keys =
    exporter === 'langfuse_http'
      ? `public_key = "${langfuseKeys.publicKey}"\nsecret_key = "${langfuseKeys.secretKey}"\n`
      : ''
  return `[observability]
${more}
[observability.otlp_grpc]
endpoint = "${grpcUrl}"
[observability.otlp_http]
base_url = "${httpUrl}"
${keys}[observability.exporters]
tracing = "${exporter}"
`
}

/** A stage whose gateway sends its traces to a collector. */
export interface Traced extends Stage {
  collector: OtlpCollector
  /** All spans of the call with this request id, the call's own first, as soon as they are there. */
  spansOf(requestId: string): Promise<Span[]>
}

export async function openTraced(
  exporter: Exporter,
  { toml = '', observability = '', ...rest }: StageOptions & { observability?: string } = {},
): Promise<Traced> {
  const collector = await startOtlpCollector()
  const stage = await openStage({ ...rest, toml: tracingToml(exporter, collector, observability) + toml })
  return {
    ...stage,
    collector,
    async spansOf(requestId) {
      const isIts = (span: Span): boolean => span.attributes['xjp.request_id'] === requestId
      const spans = await collector.until((all) => all.some(isIts))
      const root = spans.find(isIts)
      // One call's spans come together.
      return root ? [root, ...spans.filter(({ parentId }) => parentId === root.spanId)] : []
    },
    close: async () => {
      await stage.close()
      await collector.close()
    },
  }
}

/** The `traceparent` an upstream was sent; undefined when it was sent none. */
export function sentParent(headers: readonly [string, string][]): string | undefined {
  return headers.find(([name]) => name.toLowerCase() === 'traceparent')?.[1]
}
