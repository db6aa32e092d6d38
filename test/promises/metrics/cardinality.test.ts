import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { nameLimits } from '../../../src/telemetry/metrics/call-names.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { crowd } from '../accounting/support/books.ts'
import { type Desk, openDesk } from '../keys/support/desk.ts'
import { figure } from '../support/figure.ts'
import { modelToml } from '../support/stage.ts'
import { Scraped } from './support/scraped.ts'

/** Whatever names come, metrics stay as many as they are; nothing is counted twice or lost; and no secret is a label. */

const COUNT = 10_000
/** Besides them `other`, and `none` or a pattern. */
const MODELS = nameLimits.models + nameLimits.foundModels + 2
const TENANTS = nameLimits.tenants + 1

let upstream: Upstream
let desk: Desk
beforeAll(async () => {
  upstream = await startUpstream()
  desk = await openDesk({
    toml: `[model_list]\npassthrough = true\n${modelToml('m', { provider: 'openai', model: 'gpt-4.1' })}`,
    environment: upstream.environment,
  })
})
afterAll(async () => {
  await desk.close()
  await upstream.close()
})

async function call(model: string, key: string): Promise<number> {
  const response = await desk.ask(
    new Request('http://gateway/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    }),
  )
  await response.text()
  return response.status
}

async function metrics(): Promise<Scraped> {
  const response = await desk.ask(new Request('http://localhost/metrics'), '127.0.0.1')
  return new Scraped(await response.text())
}

describe('secrets', () => {
  test('what stands in the place of a name is no label', async () => {
    const issued = await desk.issue()
    await desk.settled()
    const secrets = [
      issued.key,
      `sk-proj-${randomBytes(24).toString('base64url')}`,
      `XJP_ADMIN_${randomBytes(32).toString('base64url')}`,
      upstream.environment['OPENAI_API_KEY'] ?? '',
    ]
    desk.gateway.redactor.learn(upstream.environment['OPENAI_API_KEY'])
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(8)
      await call(secret, issued.key)
      await call(`openai/${secret}`, issued.key)
      await call('m', secret)
    }
    const { text } = await metrics()
    // They were answered, and stand there without what makes them a secret.
    expect(text).toContain('model="openai/XJP_')
    expect(text).toContain('model="openai/sk-')
    for (const secret of secrets)
      for (let from = 0; from + 12 <= secret.length; from += 1)
        expect(text.includes(secret.slice(from, from + 12)), secret.slice(from, from + 12)).toBe(false)
  }, 60_000)
})

describe('a flood of names', () => {
  test(`${COUNT} invented models: one label value`, async () => {
    const { key } = await desk.issue()
    await desk.settled()
    await call('m', key)
    const before = await metrics()
    const statuses = new Set<number>()
    await crowd(COUNT, 32, async (serial) => {
      const invented = [
        `invented-${serial}`,
        `${'x'.repeat(500)}${serial}`,
        `nobody/${serial}`,
        `"}\n${serial}`,
      ]
      statuses.add(await call(invented[serial % invented.length] ?? '', key))
    })
    const after = await metrics()
    expect(statuses).toEqual(new Set([404]))
    expect(after.values('model')).toEqual(before.values('model').add('other'))
    expect(
      after.sum('xjp_requests_total', { model: 'other' }) -
        before.sum('xjp_requests_total', { model: 'other' }),
    ).toBe(COUNT)
    expect(after.size - before.size).toBeLessThan(60)
    figure('invented models', { n: COUNT, samples_before: before.size, samples_after: after.size })
  }, 120_000)

  test('names that an upstream answers under have so many places, and configured ones keep theirs', async () => {
    const { key } = await desk.issue()
    await desk.settled()
    const n = 2_000
    const before = await metrics()
    await crowd(n, 32, async (serial) => void (await call(`openai/found-${serial}`, key)))
    expect(await call('m', key)).toBe(200)
    const after = await metrics()
    expect(after.values('model').size).toBeLessThanOrEqual(MODELS)
    expect(after.values('model').has('m')).toBe(true)
    expect(
      after.sum('xjp_requests_total', { status: '200' }) -
        before.sum('xjp_requests_total', { status: '200' }),
    ).toBe(n + 1)
    figure('names an upstream answers under', { n, values: after.values('model').size, samples: after.size })
  }, 120_000)

  test(`${COUNT} tenants: five hundred and one label values, and every call is counted`, async () => {
    const tenants = Array.from({ length: COUNT }, (_, index) => `tenant-${index}`)
    const keys: string[] = []
    for (const tenant of tenants) keys.push((await desk.issue({ tenant })).key)
    await desk.settled()
    const before = await metrics()
    await crowd(COUNT, 32, async (serial) => void (await call('nobody', keys[serial] ?? '')))
    const after = await metrics()
    expect(after.values('tenant').size).toBeLessThanOrEqual(TENANTS)
    expect(after.sum('xjp_requests_total') - before.sum('xjp_requests_total')).toBe(COUNT)
    expect(after.sum('xjp_metrics_folded_total', { label: 'tenant' })).toBeGreaterThan(COUNT - TENANTS)
    figure('tenants', { n: COUNT, values: after.values('tenant').size, samples: after.size })
  }, 300_000)
})
