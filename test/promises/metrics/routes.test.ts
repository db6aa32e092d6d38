import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { Reply } from '../../rig/http/reply.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { scrape } from './support/scraped.ts'

/** Circuits and cool-downs as operators see them: in /status and in the metrics alike. */

let stage: Stage
beforeAll(async () => {
  const circuit = (name: string): string =>
    `[models."${name}".primary.circuit]\nfailure_threshold = 2\nopen_ms = 600000\n`
  stage = await openStage({
    toml: `[retry]\nmax_retries = 0\n${modelToml('fails', { provider: 'openai', model: 'gpt-4.1' })}${circuit('fails')}${modelToml('limits', { provider: 'anthropic', model: 'claude-opus-4-6' })}${circuit('limits')}`,
  })
})
afterAll(() => stage.close())

interface StatusBody {
  status: string
  circuits: {
    model: string
    target: string
    state: string
    since: string
    failures_in_row: number
    retry_at?: string
  }[]
  cooldowns: { provider: string; model?: string; until: string; reason: string }[]
}

const status = async (): Promise<StatusBody> => {
  const response = await fetch(`${stage.gateway.url}/status`)
  return (await response.json()) as StatusBody
}
const call = async (model: string, content: string): Promise<number> =>
  (await ask(stage.gateway.url, chatFront, { model, content, stream: false })).status

describe('a circuit', () => {
  test('stands there before the first call, and its state is told when it changes', async () => {
    const before = await status()
    expect(before.status).toBe('ok')
    expect(before.circuits).toContainEqual({
      model: 'fails',
      target: 'openai/gpt-4.1',
      state: 'closed',
      since: expect.any(String),
      failures_in_row: 0,
    })
    for (let calls = 0; calls < 3; calls += 1) await call('fails', '[scene:error@500]')
    const after = await status()
    const opened = after.circuits.find(({ model }) => model === 'fails')
    expect([after.status, opened?.state]).toEqual(['degraded', 'open'])
    expect(Date.parse(opened?.retry_at ?? '')).toBeGreaterThan(Date.now() + 300_000)
    const metrics = await scrape(stage.gateway.url)
    const labels = { model: 'fails', target: 'openai/gpt-4.1' }
    for (const [state, value] of [
      ['closed', 0],
      ['open', 1],
      ['half_open', 0],
    ] as const)
      expect(metrics.sum('xjp_circuit_state', { ...labels, state }), state).toBe(value)
    expect(metrics.sum('xjp_circuit_transitions_total', { ...labels, to: 'open' })).toBe(1)
    // The third call was not sent: it was refused, and its target passed over.
    expect(metrics.sum('xjp_attempts_total', { model: 'fails', outcome: 'upstream_failed' })).toBe(2)
    expect(metrics.sum('xjp_targets_passed_over_total', { model: 'fails', reason: 'circuit_open' })).toBe(1)
    expect(metrics.sum('xjp_shed_total', { reason: 'circuit_open' })).toBe(1)
  }, 30_000)
})

describe('a cool-down', () => {
  test('is told as long as it holds', async () => {
    expect((await status()).cooldowns).toEqual([])
    const asksForPause = (reply: Reply): Reply => ({
      ...reply,
      status: 429,
      headers: [...reply.headers, ['retry-after', '120']],
    })
    stage.upstream.script.add({ fault: { reply: asksForPause } })
    expect(await call('limits', 'hello')).toBe(429)
    const { cooldowns } = await status()
    expect(cooldowns).toMatchObject([{ provider: 'anthropic', reason: 'rate_limited' }])
    expect(Date.parse(cooldowns[0]?.until ?? '')).toBeGreaterThan(Date.now() + 30_000)
    const metrics = await scrape(stage.gateway.url)
    expect(metrics.sum('xjp_cooldowns_active', { provider: 'anthropic' })).toBe(1)
    expect(metrics.sum('xjp_cooldowns_begun_total', { provider: 'anthropic', reason: 'rate_limited' })).toBe(
      1,
    )
    // A limit of the upstream is none of ours.
    expect(metrics.sum('xjp_rate_limit_hits_total')).toBe(0)
  }, 30_000)
})
