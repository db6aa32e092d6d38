import { expect, test } from 'bun:test'
import { UNBOUNDED } from '../attempts/support/routes.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml } from '../support/stage.ts'
import { type Exporter, openTraced } from './support/traced.ts'

/** A gateway that is told to stop hands over what waits. */

const toml = UNBOUNDED + modelToml('m', { provider: 'openai', model: 'gpt-4.1' })
const CALLS = size(50, 500)

const cells = (['otlp_grpc', 'otlp_http'] as const).flatMap((exporter) =>
  (['none', 'gzip'] as const).map((compression) => [exporter, compression] as const),
)

test.each(cells)(
  '%s, %s: every call before SIGTERM is in the collector',
  async (exporter: Exporter, compression) => {
    const stage = await openTraced(exporter, { toml, observability: `otlp_compression = "${compression}"` })
    const calls = Array.from({ length: CALLS }, (_, index) =>
      ask(stage.gateway.url, chatFront, {
        model: 'm',
        content: '[scene:text]',
        stream: index % 2 === 0,
        headers: { 'x-request-id': `last-${index}` },
      }),
    )
    expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]))
    const begun = performance.now()
    expect(await stage.gateway.stop()).toBe(0)
    const took = performance.now() - begun
    const { spans, exports } = stage.collector
    const ids = spans.flatMap(({ attributes }) => attributes['xjp.request_id'] ?? [])
    figure('traces at the end', { exporter, calls: CALLS, spans: spans.length, stop_ms: took.toFixed(0) })
    expect(new Set(ids).size).toBe(CALLS)
    expect(spans).toHaveLength(2 * CALLS)
    expect(exports.every(({ isCompressed }) => isCompressed === (compression === 'gzip'))).toBe(true)
    await stage.close()
  },
  60_000,
)
