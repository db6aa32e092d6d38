import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { routesToml } from '../attempts/support/routes.ts'
import { callAs, chat, codeOf, type Office, openOffice } from '../keys/support/office.ts'
import { figure } from '../support/figure.ts'

/** D12 for aliases and patterns: another name is never another right, another limit or another account. */

let office: Office
let url = ''
beforeAll(async () => {
  office = await openOffice({
    toml: [
      `[models.main]\naliases = ["short", "Main", "models/main"]\n[models.main.primary]\nprovider = "openai"\nprovider_model_id = "gpt-4.1"\n`,
      `[models."wild-*"]\n[models."wild-*".primary]\nprovider = "openai"\nprovider_model_id = "gpt-*"\n`,
      `[models."wild-4.1-special".primary]\nprovider = "anthropic"\nprovider_model_id = "claude-opus-4-6"\n`,
      routesToml('chosen', [
        { provider: 'anthropic', model: 'claude-opus-4-6', more: 'when = { tenants = ["gold*"] }' },
        { provider: 'gemini', model: 'gemini-2.5-flash', more: 'when = { tags = { team = "search" } }' },
        { provider: 'deepseek', model: 'deepseek-chat', more: 'when = { stream = true }' },
      ]),
      routesToml('several', [{ provider: 'twice', model: 'gpt-4.1' }]),
      `[providers.twice]\ntype = "openai"\nbase_url = "\${OPENAI_BASE_URL}"\n`,
      `[[providers.twice.credentials]]\nname = "wrong"\napi_key = "not-the-right-secret-1"\n`,
      `[[providers.twice.credentials]]\nname = "right"\napi_key = "ENV:OPENAI_API_KEY"\n`,
      '[prices."openai/gpt-4.1"]\ninput = "1"\noutput = "1"\n',
    ].join(''),
  })
  url = office.gateways[0]?.url ?? ''
})
afterAll(() => office.close())

const aliases = ['short', 'Main', 'models/main']
const ask = (key: string, model: string, more = {}) =>
  callAs(url, key, '/v1/chat/completions', chat(model, more))
const modelIn = (text: string): string => (JSON.parse(text) as { model: string }).model

describe('aliases', () => {
  test('serve the model, and the answer has the name that was asked for', async () => {
    const { key } = await office.issue()
    for (const alias of aliases) {
      const { status, text, headers } = await ask(key, alias)
      expect([status, modelIn(text), headers.get('x-xjp-target')]).toEqual([200, alias, 'openai/gpt-4.1'])
    }
    const { text } = await callAs(url, key)
    expect(text).toContain('"main"')
    for (const alias of aliases) expect(text).not.toContain(`"${alias}"`)
    expect((await callAs(url, key, '/v1/models/short')).status).toBe(200)
  })

  test('promise D12: scopes speak of the model', async () => {
    const rows: [string[], string, number][] = [
      [['main'], 'short', 200],
      [['main'], 'Main', 200],
      [['short'], 'short', 403],
      [['sh*', 'M*', 'models/*'], 'models/main', 403],
      [['other'], 'short', 403],
      [['wild-*'], 'wild-4.1', 200],
      [['wild-*'], 'WILD-4.1', 403],
      [['gpt-*'], 'wild-4.1', 403],
      [['wild-4.1'], 'wild-4.1', 200],
      [['wild-4.1'], 'wild-4.1-special', 403],
      [['wild-\\*'], 'wild-4.1', 403],
    ]
    let wrong = 0
    for (const [scopes, model, wanted] of rows) {
      const { key } = await office.issue({ scopes })
      const { status, code } = await ask(key, model)
      if (status !== wanted || (status === 403 && code !== 'model_not_allowed')) wrong += 1
    }
    figure('D12 names', { n: rows.length, wrong })
    expect(wrong).toBe(0)
  })

  test('promise D12: one limit for all names', async () => {
    const { key } = await office.issue({ tenant: 'limited', limits: { requestsPerMinute: 1 } })
    const statuses: number[] = []
    for (const name of ['short', 'main', ...aliases, 'wild-4.1']) statuses.push((await ask(key, name)).status)
    expect(statuses).toEqual([200, 429, 429, 429, 429, 429])
  })

  test('usage rows speak of the model', async () => {
    const { key, record } = await office.issue({ tenant: 'counted' })
    for (const name of ['main', ...aliases]) expect((await ask(key, name)).status).toBe(200)
    const deadline = performance.now() + 5_000
    const rows = () =>
      office.database.usage.rows({ keyId: record.id, from: 0, until: Date.now() + 60_000 }, { limit: 10 })
    let found = await rows()
    while (found.length < 4 && performance.now() < deadline) {
      await new Promise((wake) => setTimeout(wake, 50))
      found = await rows()
    }
    expect(found.map(({ model }) => model)).toEqual(['main', 'main', 'main', 'main'])
    expect(new Set(found.map(({ cost }) => cost)).size).toBe(1)
  })
})

describe('patterns', () => {
  test('what stands for the * goes upstream; an exact name wins', async () => {
    const { key } = await office.issue()
    const { text, headers } = await ask(key, 'wild-4o-mini')
    expect([modelIn(text), headers.get('x-xjp-target')]).toEqual(['wild-4o-mini', 'openai/gpt-4o-mini'])
    expect((office.upstream.ledger.last.json as { model: string }).model).toBe('gpt-4o-mini')
    expect((await ask(key, 'wild-4.1-special')).headers.get('x-xjp-target')).toBe('anthropic/claude-opus-4-6')
    expect((await callAs(url, key)).text).not.toContain('wild-*')
    expect((await callAs(url, key, '/v1/models/wild-x')).status).toBe(200)
  })
})

describe('conditions', () => {
  const target = async (wishes: object, more: object): Promise<string> => {
    const { key } = await office.issue(wishes)
    const { status, headers, text } = await ask(key, 'chosen', more)
    return status === 200 ? (headers.get('x-xjp-target') ?? '') : `${status} ${codeOf(text)}`
  }

  test('by tenant, by tag, by stream; nothing left is said', async () => {
    expect(await target({ tenant: 'gold-1' }, {})).toBe('anthropic/claude-opus-4-6')
    expect(await target({ tags: { team: 'search' } }, {})).toBe('gemini/gemini-2.5-flash')
    expect(await target({ tags: { team: 'ads' } }, { stream: true })).toBe('deepseek/deepseek-chat')
    expect(await target({ tags: { team: 'ads' } }, {})).toBe('403 route_not_allowed')
    expect(await target({ tenant: 'gold-2', scopes: ['target:gemini/*'] }, {})).toBe('403 target_not_allowed')
  })
})

describe('several credentials', () => {
  test('one that is refused is no reason to fail; what is logged and printed names them and shows none', async () => {
    const { key } = await office.issue()
    const before = office.upstream.ledger.entries.length
    const statuses: number[] = []
    for (let count = 0; count < 12; count++) statuses.push((await ask(key, 'several')).status)
    expect(statuses).toEqual(Array(12).fill(200))
    const refused = office.upstream.ledger.entries.slice(before).filter(({ status }) => status === 401)
    expect(refused).toHaveLength(1)
    const { stdout, stderr } = office.gateways[0]?.output() ?? { stdout: '', stderr: '' }
    expect(stdout + stderr).not.toContain('not-the-right-secret-1')
    expect(stdout + stderr).not.toContain('rig-secret-openai')
  })
})
