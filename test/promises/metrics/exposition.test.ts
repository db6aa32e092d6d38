import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { removeFolder, temporaryFolder } from '../../support/services/processes.ts'
import { promtool, startPrometheus } from '../../support/services/prometheus.ts'
import { figure } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { eventually, scrape } from './support/scraped.ts'

/** What /metrics writes is what Prometheus reads: in both formats, by its own checker, and by a server that looks. */

const OPENMETRICS = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const NAME = 'odd "name" \\ with 模型'

let stage: Stage
beforeAll(async () => {
  const openai = { provider: 'openai', model: 'gpt-4.1' }
  const two = modelToml('m', openai, { provider: 'anthropic', model: 'claude-opus-4-6' })
  const odd = `[models.'${NAME}'.primary]\nprovider = "openai"\nprovider_model_id = "gpt-4.1"\n`
  stage = await openStage({ toml: two + odd })
  for (const front of fronts)
    for (const stream of [true, false])
      for (const [model, content] of [
        ['m', '[scene:usage]'],
        ['m', '[openai-scene:error@503]'],
        [NAME, '[scene:long@30]'],
        ['nobody', 'hello'],
      ] as const)
        await ask(stage.gateway.url, front, { model, content, stream })
})
afterAll(() => stage.close())

describe('the text format', () => {
  test('promtool finds nothing wrong', async () => {
    const { text, size } = await scrape(stage.gateway.url)
    expect(promtool(['check', 'metrics'], { input: text })).toEqual({ code: 0, output: '' })
    figure('text format', { samples: size, complaints: 0 })
  })

  test('names come through as they are', async () => {
    const metrics = await scrape(stage.gateway.url)
    expect(metrics.values('model', 'xjp_requests_total')).toEqual(new Set(['m', NAME, 'other']))
  })
})

describe('OpenMetrics', () => {
  test('its own parser takes all of it', async () => {
    const response = await fetch(`${stage.gateway.url}/metrics`, { headers: { accept: OPENMETRICS } })
    expect(response.headers.get('content-type')).toBe(
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
    )
    const text = await response.text()
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    // The parser that imports files wants a time behind every sample.
    const timed = text.replace(/^(?!#)(.+)$/gm, '$1 1795235681')
    const samples = timed.split('\n').filter((line) => line.endsWith(' 1795235681')).length
    const folder = temporaryFolder('openmetrics')
    const file = join(folder, 'metrics')
    writeFileSync(file, timed)
    const imported = promtool(['tsdb', 'create-blocks-from', 'openmetrics', file, join(folder, 'blocks')])
    expect(imported.output).toMatch(new RegExp(`\\b${samples} +${samples} +${samples}\\b`))
    expect(imported.code).toBe(0)
    writeFileSync(file, timed.replace('# EOF\n', ''))
    expect(promtool(['tsdb', 'create-blocks-from', 'openmetrics', file, join(folder, 'more')]).code).not.toBe(
      0,
    )
    removeFolder(folder)
    figure('OpenMetrics', { samples })
  })
})

describe('a Prometheus that looks', () => {
  test('reads the numbers that are written', async () => {
    const prometheus = await startPrometheus(new URL(stage.gateway.url).host)
    try {
      const calls = await eventually(() => prometheus.query('sum(xjp_requests_total)'))
      const metrics = await scrape(stage.gateway.url)
      expect(calls).toBe(metrics.sum('xjp_requests_total'))
      expect(await prometheus.lastError()).toBe('')
      expect(await prometheus.query('up')).toBe(1)
      expect(
        await prometheus.query(`sum(xjp_requests_total{model='${NAME.replaceAll('\\', '\\\\')}'})`),
      ).toBe(metrics.sum('xjp_requests_total', { model: NAME }))
      expect(
        await prometheus.query('histogram_quantile(0.99, sum by (le) (xjp_request_duration_seconds_bucket))'),
      ).toBeGreaterThan(0)
    } finally {
      await prometheus.close()
    }
  }, 60_000)
})
