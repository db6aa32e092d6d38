import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { routesToml } from '../attempts/support/routes.ts'
import { callAs, type Office, openOffice } from '../keys/support/office.ts'
import { chatFront, fronts } from '../support/fronts.ts'
import { ask, openStage, type Stage } from '../support/stage.ts'

/** `x-xjp-explain: 1`: why a call went where it went, for who may know. */

const toml = [
  '[server]\nkeep_alive_ms = 1000\n',
  routesToml('m', [
    { provider: 'openai', model: 'gpt-4.1', more: 'retry = { max_retries = 1, backoff_ms = 1 }' },
    { provider: 'anthropic', model: 'claude-opus-4-6', more: 'when = { tenants = ["nobody"] }' },
    { provider: 'gemini', model: 'gemini-2.5-flash', more: 'retry = { max_retries = 0 }' },
  ]),
].join('')

const TOKEN = 'Zq8v1T_nK3w5Yx7B-mR2pL9dHs4JfC6e'

interface Told {
  model: string
  balance: string
  routes: string[]
  passed_over: { target: string; reason: string }[]
  attempts: { target: string; reason: string; ms: number; status?: number; error?: string }[]
  first_content_ms?: number
  pending?: boolean
}

function toldIn(headers: Headers): Told | undefined {
  const text = headers.get('x-xjp-explain')
  return text === null ? undefined : (JSON.parse(text) as Told)
}

describe('on this machine, without keys', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ toml })
  })
  afterAll(() => stage.close())
  const headers = { 'x-xjp-explain': '1' }

  test.each(fronts.flatMap((front) => [true, false].map((stream) => [front.name, stream, front] as const)))(
    '%s, streamed: %p',
    async (_name, stream, front) => {
      const content = 'hello [openai-scene:error@500]'
      const seen = await ask(stage.gateway.url, front, { model: 'm', content, stream, headers })
      const told = toldIn(seen.headers)
      expect(seen.status).toBe(200)
      expect(told).toMatchObject({
        model: 'm',
        balance: 'order',
        routes: ['openai/gpt-4.1', 'gemini/gemini-2.5-flash'],
        passed_over: [{ target: 'anthropic/claude-opus-4-6', reason: 'condition' }],
        attempts: [
          { target: 'openai/gpt-4.1', reason: 'preferred', status: 500, error: 'upstream_failed' },
          { target: 'openai/gpt-4.1', reason: 'retry', status: 500, error: 'upstream_failed' },
          { target: 'gemini/gemini-2.5-flash', reason: 'fallback', status: 200 },
        ],
      })
      expect(told?.attempts.every(({ ms }) => ms > 0)).toBe(true)
      expect(told?.first_content_ms).toBeGreaterThan(0)
    },
  )

  test('an error is explained too', async () => {
    const content = 'hello [scene:error@500]'
    const seen = await ask(stage.gateway.url, chatFront, { model: 'm', content, stream: true, headers })
    expect(seen.status).toBeGreaterThanOrEqual(500)
    expect(toldIn(seen.headers)?.attempts.map(({ error }) => error)).toEqual(Array(3).fill('upstream_failed'))
  })

  test('a stream whose upstream is slow says what is known when its status goes out', async () => {
    const content = 'hello [openai-fault:stall-start@2500]'
    const seen = await ask(stage.gateway.url, chatFront, { model: 'm', content, stream: true, headers })
    const told = toldIn(seen.headers)
    expect(told?.pending).toBe(true)
    expect(told?.attempts[0]?.ms).toBeGreaterThanOrEqual(900)
    expect(seen.events.at(-1)?.data).toBe('[DONE]')
  }, 15_000)

  test('nobody asked, or through a proxy: nothing is told', async () => {
    const others: Record<string, string>[] = [
      {},
      { 'x-xjp-explain': '0' },
      { ...headers, 'x-forwarded-for': '127.0.0.1' },
    ]
    for (const given of others) {
      const seen = await ask(stage.gateway.url, chatFront, {
        model: 'm',
        content: 'hello',
        stream: true,
        headers: given,
      })
      expect([seen.status, toldIn(seen.headers)]).toEqual([200, undefined])
    }
  })
})

describe('where keys are asked for', () => {
  let office: Office
  beforeAll(async () => {
    office = await openOffice({ toml, env: { XJP_ADMIN_TOKEN: TOKEN } })
  })
  afterAll(() => office.close())

  test('only with the administrator’s token, and the call is the key’s all the same', async () => {
    const { key } = await office.issue({ scopes: ['m', 'target:gemini/*'] })
    const send = async (more: Record<string, string>) =>
      callAs(office.gateways[0]?.url ?? '', key, '/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify(chatFront.body('m', 'hello', false)),
        headers: { 'x-xjp-explain': '1', ...more },
      })
    expect(toldIn((await send({})).headers)).toBeUndefined()
    expect(toldIn((await send({ 'x-xjp-admin-token': `${TOKEN}x` })).headers)).toBeUndefined()
    expect(toldIn((await send({ 'x-xjp-admin-token': key })).headers)).toBeUndefined()
    const { status, headers } = await send({ 'x-xjp-admin-token': TOKEN })
    expect(status).toBe(200)
    expect(toldIn(headers)).toMatchObject({
      passed_over: [
        { target: 'anthropic/claude-opus-4-6', reason: 'condition' },
        { target: 'openai/gpt-4.1', reason: 'not_permitted' },
      ],
      attempts: [{ target: 'gemini/gemini-2.5-flash' }],
    })
    const upstream = office.upstream.ledger.last.headers.map(([name]) => name.toLowerCase())
    expect(upstream).not.toContain('x-xjp-explain')
    expect(upstream).not.toContain('x-xjp-admin-token')
    // Without a key it opens nothing.
    const without = await callAs(office.gateways[0]?.url ?? '', undefined, '/v1/chat/completions', {
      method: 'POST',
      body: JSON.stringify(chatFront.body('m', 'hello', false)),
      headers: { 'x-xjp-explain': '1', 'x-xjp-admin-token': TOKEN },
    })
    expect([without.status, toldIn(without.headers)]).toEqual([401, undefined])
  })
})
