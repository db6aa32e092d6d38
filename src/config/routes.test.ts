import { describe, expect, test } from 'bun:test'
import { withCredential } from './provider-credentials.ts'
import type { ConfiguredProvider } from './snapshot.ts'
import { loadText, snapshotOf } from './testing/load-text.ts'

const environment = {
  OPENAI_API_KEY: 'k',
  OPENROUTER_API_KEY: 'k',
  FIRST: 'first-secret',
  SECOND: 'second-secret',
}
const route = 'provider = "openai"\nprovider_model_id = "a"\n'
const pair = `[models.m.primary]\n${route}[models.m.fallback]\n${route}`
const list = `[[models.m.routes]]\n${route}[[models.m.routes]]\n${route}`

describe('how the first route is chosen when nobody says', () => {
  const table: readonly [string, string, string, string | undefined][] = [
    ['a pair', pair, 'order', undefined],
    ['a list', list, 'order', undefined],
    ['a weight', `${list}weight = 2\n`, 'weight', undefined],
    ['a weight, and a word', `[models.m]\nbalance = "order"\n${list}weight = 2\n`, 'order', undefined],
    ['a sticky list', `[models.m]\nsticky = true\n${list}`, 'weight', 'either'],
    ['a sticky pair', `[models.m]\nsticky = true\n${pair}`, 'order', 'either'],
    ['sticky by prefix', `[models.m]\nsticky = "prefix"\nbalance = "latency"\n${list}`, 'latency', 'prefix'],
    ['not sticky', `[models.m]\nsticky = false\n${list}`, 'order', undefined],
  ]
  test.each(table)('%s', (_name, text, balance, sticky) => {
    const entry = snapshotOf('a.toml', text, { environment }).resolve('m')
    expect(entry?.balance).toBe(balance as 'order')
    expect(entry?.sticky).toBe(sticky as 'session')
  })

  test('what changes nothing is noted', () => {
    const notices = (text: string) => snapshotOf('a.toml', text, { environment }).notices
    expect(notices(`[models.m]\nsticky = true\n${pair}`)).toEqual([
      'models."m": sticky changes nothing: balance "order" gives every call the same first route',
    ])
    expect(notices(`[models.m]\nsticky = "session"\n[models.m.primary]\n${route}`)).toEqual([
      'models."m": sticky changes nothing: it has one route',
    ])
    expect(notices(`[models.m]\nsticky = true\n${list}`)).toEqual([])
  })
})

describe('several credentials', () => {
  /** Written apart so that it does not look like a template that lost its quotes. */
  const reference = `\${${'SECOND'}}`
  const text = `[providers.vertex]
project = "usual"
region = "eu"
[[providers.vertex.credentials]]
name = "main"
access_token = "ENV:FIRST"
concurrency = 4
[[providers.vertex.credentials]]
api_key = "${reference}"
project = "other"
[[providers.vertex.credentials]]
service_account_file = "sa.json"
[models.m.primary]
provider = "vertex"
provider_model_id = "gemini"
`
  const options = {
    environment: { ...environment, VERTEX_ACCESS_TOKEN: 'usual-token', VERTEX_API_KEY: 'usual-key' },
  }
  const snapshot = snapshotOf('a.toml', text, options)
  const vertex = snapshot.providers['vertex'] as ConfiguredProvider

  test('have names, and what they replace', () => {
    expect(vertex.credentials?.map(({ name, concurrency }) => [name, concurrency])).toEqual([
      ['main', 4],
      ['2', undefined],
      ['3', undefined],
    ])
  })

  test('each has its own and nothing of the others or of the environment', () => {
    const secrets = vertex.credentials?.map((credential) => {
      const { apiKey, accessToken, project, region, options: own } = withCredential(vertex, credential)
      return { apiKey, accessToken, project, region, file: own['serviceAccountFile'] }
    })
    expect(secrets).toEqual([
      { accessToken: 'first-secret', project: 'usual', region: 'eu' },
      { apiKey: 'second-secret', project: 'other', region: 'eu' },
      { project: 'usual', region: 'eu', file: 'sa.json' },
    ] as never)
    expect([vertex.accessToken, vertex.apiKey, vertex.project]).toEqual(['first-secret', undefined, 'usual'])
  })

  test('are printed without secrets, and do not count in the version', () => {
    const result = loadText('a.toml', text, options)
    if (!result.ok) throw new Error('it is right')
    const shown = JSON.stringify(result.printable)
    expect(shown).not.toMatch(/first-secret|second-secret|usual-token|usual-key/)
    expect(result.printable['providers']).toMatchObject({
      vertex: {
        credentials: [
          { name: 'main', access_token: 'ENV:FIRST', concurrency: 4 },
          { api_key: reference, project: 'other' },
          { service_account_file: 'sa.json' },
        ],
      },
    })
  })

  test('a provider with credentials is not said to lack a key', () => {
    const openai =
      '[[providers.openai.credentials]]\napi_key = "a-key"\n[[providers.openai.credentials]]\napi_key = "b-key"\n'
    const { notices, providers } = snapshotOf('a.toml', `${openai}${pair}`, { environment: {} })
    expect(notices).toEqual([])
    expect(providers['openai']).toMatchObject({
      apiKey: 'a-key',
      credentials: [{ name: '1' }, { name: '2' }],
    })
    const keyless = snapshotOf('a.toml', pair, { environment: {} })
    expect(keyless.notices).toHaveLength(1)
  })

  test('what they say besides secrets is not taken for one', () => {
    const wrong = `[providers.openai]\n[[providers.openai.credentials]]\nname = "blue"\napi_key = "blue-green-secret"\n[models.blue.primary]\n`
    const result = loadText('a.toml', wrong, { environment })
    if (result.ok) throw new Error('it is wrong')
    expect(result.problems.map(({ path }) => path)).toContain('models.blue.primary.provider')
  })
})
