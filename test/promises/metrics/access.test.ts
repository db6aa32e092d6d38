import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type GatewayProcess, startGateway } from '../../rig/gateway.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { chatFront } from '../support/fronts.ts'
import { ask, modelToml } from '../support/stage.ts'
import { eventually, scrape } from './support/scraped.ts'

/** Who sees /metrics and /status of a running gateway, and what it says there of itself. */

const TOKEN = 'k3Vd9-xQm2Lz7Rt0WbYp5Hs8NcJf4GuE'
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

const statusOf = async (url: string, headers: Record<string, string> = {}): Promise<number> => {
  const response = await fetch(url, { headers })
  await response.text()
  return response.status
}

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

function gatewayWith(
  toml: string,
  env: Record<string, string> = {},
  dataDirectory?: string,
): Promise<GatewayProcess> {
  return startGateway({
    config: {
      name: 'xjp.toml',
      text: `${toml}\n${modelToml('m', { provider: 'openai', model: 'gpt-4.1' })}`,
    },
    env: { ...upstream.environment, ...env },
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
  })
}

describe('who may look', () => {
  test('by default this machine, without a proxy; others with the token', async () => {
    const gateway = await gatewayWith('[auth]\nmode = "keys"\n', { XJP_ADMIN_TOKEN: TOKEN })
    for (const path of ['/metrics', '/status']) {
      const url = gateway.url + path
      expect(await statusOf(url), path).toBe(200)
      const strange: Record<string, string>[] = [
        { 'x-forwarded-for': '127.0.0.1' },
        { origin: 'https://evil.example' },
        { host: 'evil.example' },
      ]
      for (const headers of strange) expect(await statusOf(url, headers), path).toBe(401)
      expect(await statusOf(url, { via: '1.1 front', ...bearer(TOKEN) }), path).toBe(200)
    }
    await gateway.stop()
  }, 60_000)

  test('administrators alone: a token that was made is known, guesses are slowed down', async () => {
    const gateway = await gatewayWith('[auth]\nmode = "keys"\n[observability]\naccess = "administrator"\n')
    const url = `${gateway.url}/metrics`
    const token = await eventually(async () => /XJP_ADMIN_[\w-]{43}/.exec(gateway.output().stderr)?.[0])
    expect(await statusOf(url)).toBe(401)
    await eventually(async () => ((await statusOf(url, bearer(token))) === 200 ? true : undefined))
    const statuses = new Set<number>()
    for (let guess = 0; guess < 60; guess += 1) statuses.add(await statusOf(url, bearer(`${token}${guess}`)))
    expect([...statuses].sort()).toEqual([401, 429])
    expect(await statusOf(url, bearer(token))).toBe(200)
    await gateway.stop()
  }, 60_000)

  test('everybody, where that is asked for', async () => {
    const gateway = await gatewayWith('[auth]\nmode = "keys"\n[observability]\naccess = "public"\n')
    expect(await statusOf(`${gateway.url}/metrics`, { 'x-forwarded-for': '192.0.2.1' })).toBe(200)
    expect(await statusOf(`${gateway.url}/status`, { 'x-forwarded-for': '192.0.2.1' })).toBe(200)
    await gateway.stop()
  }, 60_000)

  test('a reload counts at once', async () => {
    const gateway = await gatewayWith('[auth]\nmode = "open"\n')
    const { text } = await scrape(gateway.url)
    expect(text).toContain('xjp_config_reloads_total{result="ok"} 0')
    gateway.kill('SIGHUP')
    await eventually(async () =>
      (await scrape(gateway.url)).sum('xjp_config_reloads_total', { result: 'ok' }) === 1 ? true : undefined,
    )
    await gateway.stop()
  }, 60_000)
})

interface StatusBody {
  status: string
  draining: boolean
  active: number
  stores: { store: string; up: boolean }[]
  accounting?: { state: string; rows_waiting: number; journal_bytes: number; lag_seconds: number }
}

describe('what it says', () => {
  test('while it drains: the open call, and that it drains', async () => {
    const gateway = await gatewayWith('[auth]\nmode = "open"\n[server]\ndrain_seconds = 20\n')
    const open = ask(gateway.url, chatFront, {
      model: 'm',
      content: '[scene:long@50] [fault:stall@500]',
      stream: true,
    }).catch(() => undefined)
    await eventually(async () =>
      (await scrape(gateway.url)).sum('xjp_active_connections') === 1 ? true : undefined,
    )
    gateway.kill('SIGTERM')
    const body = await eventually(async () => {
      const found = (await (await fetch(`${gateway.url}/status`)).json()) as StatusBody
      return found.draining ? found : undefined
    })
    expect(body).toMatchObject({ status: 'draining', active: 1 })
    expect((await scrape(gateway.url)).sum('xjp_draining')).toBe(1)
    gateway.kill('SIGKILL')
    await gateway.exited
    await open
  }, 60_000)

  test('usage that cannot be written into the database is told in all three places, and does not make it unready', async () => {
    // An address at which nobody answers.
    const gateway = await gatewayWith('[auth]\nmode = "open"\n', {
      DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:9/none',
    })
    for (let calls = 0; calls < 5; calls += 1)
      expect(
        (await ask(gateway.url, chatFront, { model: 'm', content: 'hello', stream: false })).status,
      ).toBe(200)
    const body = await eventually(async () => {
      const found = (await (await fetch(`${gateway.url}/status`)).json()) as StatusBody
      return found.accounting?.state === 'waiting' ? found : undefined
    })
    expect(body).toMatchObject({ status: 'degraded', accounting: { rows_waiting: 5 } })
    expect(body.accounting?.journal_bytes).toBeGreaterThan(0)
    expect(body.stores.find(({ store }) => store === 'database')?.up).toBe(false)
    const ready = await fetch(`${gateway.url}/readyz`)
    expect([ready.status, ((await ready.json()) as StatusBody).accounting?.rows_waiting]).toEqual([200, 5])
    const metrics = await scrape(gateway.url)
    expect(metrics.sum('xjp_store_up', { store: 'database' })).toBe(0)
    expect(metrics.sum('xjp_journal_rows_waiting')).toBe(5)
    expect(metrics.sum('xjp_journal_lag_seconds')).toBeGreaterThan(0)
    gateway.kill('SIGKILL')
    await gateway.exited
  }, 60_000)
})
