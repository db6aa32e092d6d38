import { describe, expect, test } from 'bun:test'
import type { Call } from '../../../src/pipeline/call.ts'
import { GatewayError } from '../../../src/protocol/model/error.ts'
import { exposition } from '../../../src/telemetry/metrics/exposition.ts'
import { GatewayMetrics } from '../../../src/telemetry/metrics/gateway-metrics.ts'
import { openHouse, startLoad } from '../accounting/support/house.ts'
import { figure, percentile } from '../support/figure.ts'
import { scrape } from './support/scraped.ts'

/** A scrape costs less than 50 ms: under load, and with as many series as there can be. */

const MOST_MILLISECONDS = 50

describe('a gateway under load', () => {
  test('answers /metrics and /status meanwhile', async () => {
    // None is refused, however busy this machine is.
    const house = await openHouse({}, '[limits]\nmax_delay_ms = 0\n')
    const load = startLoad(house, 100)
    const times: Record<'metrics' | 'status', number[]> = { metrics: [], status: [] }
    let size = 0
    // The first answers of a fresh process are those of code that was never run.
    for (let warm = 0; warm < 10; warm += 1) await scrape(house.gateway.url)
    for (let round = 0; round < 60; round += 1) {
      const begun = performance.now()
      size = (await scrape(house.gateway.url)).size
      times.metrics.push(performance.now() - begun)
      const asked = performance.now()
      expect((await fetch(`${house.gateway.url}/status`)).status).toBe(200)
      times.status.push(performance.now() - asked)
      await new Promise((wake) => setTimeout(wake, 30))
    }
    const { failed, asked } = await load.stop()
    const counted = await scrape(house.gateway.url)
    await house.close()
    expect(failed).toEqual([])
    expect(counted.sum('xjp_requests_total')).toBe(asked)
    const at = (share: number, values: number[]): number => Math.round(percentile(values, share) * 10) / 10
    figure('scrape under load', {
      calls: asked,
      samples: size,
      scrapes: times.metrics.length,
      metrics_p50_ms: at(0.5, times.metrics),
      metrics_p95_ms: at(0.95, times.metrics),
      status_p50_ms: at(0.5, times.status),
      status_p95_ms: at(0.95, times.status),
    })
    // Single ones wait for whatever else this machine does.
    expect(at(0.5, times.metrics)).toBeLessThan(MOST_MILLISECONDS)
    expect(at(0.5, times.status)).toBeLessThan(MOST_MILLISECONDS)
  }, 60_000)
})

describe('as many series as there can be', () => {
  const metrics = new GatewayMetrics({
    sources: {
      active: () => 0,
      draining: () => false,
      waiting: () => 0,
      shedding: () => ({ overloaded: false, refused: 0 }),
      circuits: () => [],
      cooldowns: () => [],
      stores: () => [],
      journal: () => undefined,
      keys: () => ({ keys: 0, refused: {} }),
      config: () => ({ liveVersion: 'v', loadedAt: 0 }),
      lostLogLines: () => 0,
      escapedErrors: () => 0,
      droppedTelemetry: () => ({}),
    },
    clean: (text) => text,
    now: () => 0,
    monotonic: () => performance.now(),
    version: 'v',
    runtime: 'r',
  })
  const names = Array.from({ length: 1_000 }, (_, index) => `a-vendor/a-model-${index}`)
  const snapshot = { models: new Map(names.map((name) => [name, {}])), aliases: new Map() }
  const error = new GatewayError('upstream_failed', 'no', {
    upstream: { dialect: 'messages', status: 500, body: '' },
  })

  function run(serial: number): void {
    const provider = `provider-${serial % 150}`
    const parts: Partial<Call> = {
      record: {
        endpoint: 'messages',
        model: names[serial % names.length] ?? '',
        stream: true,
        provider,
        status: 200 + (serial % 300),
        attempts: [
          { target: `${provider}/m`, provider, model: 'm', startedAt: 0, sentAt: 1, milliseconds: 5, error },
        ],
        usage: { inputTokens: 5, outputTokens: 5, cacheReadTokens: 1, reasoningTokens: 1 },
        cost: 5n,
        firstByteMs: 5,
        bytesSent: 100,
        dropped: [],
        error,
        endedBy: 'upstream',
      },
      snapshot: snapshot as unknown as Call['snapshot'],
      tenant: `tenant-${serial % 900}`,
      targets: [],
      taps: [],
      replyHeaders: {},
      startedAt: 0,
    }
    const call = parts as Call
    metrics.calls.begun(call)
    for (const tap of [...call.taps, ...call.taps]) tap([])
    metrics.calls.ended(call, serial % 10_000)
  }

  test('are written in time, and no piece of it holds the loop for long', () => {
    for (let serial = 0; serial < 100_000; serial += 1) run(serial)
    let [best, lines, longest] = [Number.POSITIVE_INFINITY, 0, 0]
    for (let round = 0; round < 10; round += 1) {
      const begun = performance.now()
      const families = metrics.collect()
      let [text, before, piece] = ['', begun, 0]
      for (const part of exposition(families, 'text')) {
        text += part
        const now = performance.now()
        piece = Math.max(piece, now - before)
        before = now
      }
      if (before - begun < best) [best, longest] = [before - begun, piece]
      lines = text.split('\n').length
    }
    figure('a full registry', {
      calls: 100_000,
      lines,
      milliseconds: Math.round(best * 10) / 10,
      longest_piece_ms: Math.round(longest * 10) / 10,
    })
    expect(lines).toBeGreaterThan(30_000)
    expect(lines).toBeLessThan(80_000)
    expect(best).toBeLessThan(MOST_MILLISECONDS)
  }, 60_000)
})
