import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { routes } from '../../../src/endpoints/router.ts'
import { newKey } from '../../../src/keys/key-format.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { figure, percentile, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { modelToml } from '../support/stage.ts'
import { type Desk, openDesk } from './support/desk.ts'

/** I8 no id opens what is another's; I11 a refusal does not tell whether what was named exists. */

let upstream: Upstream
let desk: Desk
let narrow = ''
let wide = ''
beforeAll(async () => {
  upstream = await startUpstream()
  const names = ['secret-model', 'mine', 'mine-too', 'secret-model-2']
  desk = await openDesk({
    toml: names.map((name) => modelToml(name, { provider: 'openai', model: 'gpt-4.1' })).join(''),
    environment: upstream.environment,
  })
  narrow = (await desk.issue({ scopes: ['mine*'] })).key
  wide = (await desk.issue({ tenant: 'other' })).key
  await desk.settled()
})
afterAll(async () => {
  await desk.close()
  await upstream.close()
})

let addresses = 0
async function ask(
  key: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string; headers: string; ms: number }> {
  const request = new Request(`http://gateway${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key, 'x-request-id': 'same' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const began = performance.now()
  const response = await desk.ask(request, `address-${(addresses += 1) % 5_000}`)
  const text = await response.text()
  const ms = performance.now() - began
  return { status: response.status, text, headers: JSON.stringify([...response.headers].sort()), ms }
}

/** Equal but for the name itself. */
function alike(
  one: Awaited<ReturnType<typeof ask>>,
  other: typeof one,
  names: readonly [string, string],
): void {
  expect(other.status).toBe(one.status)
  expect(other.text.replaceAll(names[1], '•')).toBe(one.text.replaceAll(names[0], '•'))
  const strip = (headers: string): string => headers.replace(/\["content-length","\d+"\],?/, '')
  expect(strip(other.headers)).toBe(strip(one.headers))
}

describe('promise I8: ids in paths', () => {
  test('every route that takes an id is tried here', () => {
    expect(routes.filter(({ path }) => path.includes('*')).map(({ path }) => path)).toEqual(['/v1/models/*'])
  })

  const spellings = [
    'secret-model',
    'secret%2Dmodel',
    '%73ecret-model',
    'secret-model/',
    'mine/../secret-model',
    'mine%2f..%2fsecret-model',
    'Secret-Model',
    'secret-model?x=mine',
    'mine,secret-model',
    'mine%00secret-model',
  ]
  test.each(spellings)('a model that a key is not for does not exist for it: %s', async (name) => {
    const found = await ask(narrow, `/v1/models/${name}`)
    expect(found.status).toBe(404)
    expect(found.text).not.toContain('owned_by')
  })

  test('lists hold what the key may use, in both shapes and on every page', async () => {
    const ids = async (key: string, path = '/v1/models'): Promise<string[]> =>
      JSON.parse((await ask(key, path)).text).data.map(({ id }: { id: string }) => id)
    expect(await ids(narrow)).toEqual(['mine', 'mine-too'])
    expect(await ids(narrow, '/models')).toEqual(['mine', 'mine-too'])
    expect((await ids(wide)).length).toBe(4)
    const request = new Request('http://gateway/v1/models?limit=1&after_id=mine', {
      headers: { 'x-api-key': narrow, 'anthropic-version': '2023-06-01' },
    })
    const page = JSON.parse(await (await desk.ask(request)).text())
    expect(page).toMatchObject({ has_more: false, first_id: 'mine-too', last_id: 'mine-too' })
  })
})

describe('promise I11', () => {
  const invented = 'nosuch-model'

  test('keys: one that is malformed, one that never was, one that was deleted', async () => {
    const { key, record } = await desk.issue()
    await desk.database.keys.delete(record.id, Date.now())
    await desk.settled()
    for (const path of ['/v1/models', '/v1/models/mine', '/nowhere']) {
      const never = await ask(newKey(randomBytes), path)
      expect(never.status).toBe(401)
      alike(never, await ask(key, path), ['', ''])
      alike(never, await ask('XJP_malformed', path), ['', ''])
    }
  })

  test('models, to a key that is not for them: in each dialect, in the path, when counting tokens', async () => {
    for (const front of fronts) {
      const [real, unreal] = [
        await ask(narrow, front.path, front.body('secret-model', 'hi', false)),
        await ask(narrow, front.path, front.body(invented, 'hi', false)),
      ]
      expect(real.status).toBe(403)
      expect(front.errorFault(JSON.parse(real.text))).toBeUndefined()
      alike(real, unreal, ['secret-model', invented])
    }
    const count = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] })
    const counted = await ask(narrow, '/v1/messages/count_tokens', count('secret-model'))
    expect(counted.status).toBe(403)
    alike(counted, await ask(narrow, '/v1/messages/count_tokens', count(invented)), [
      'secret-model',
      invented,
    ])
    alike(await ask(narrow, '/v1/models/secret-model'), await ask(narrow, `/v1/models/${invented}`), [
      'secret-model',
      invented,
    ])
  })

  test('hints name only what the key may use', async () => {
    for (const front of fronts) {
      const { status, text } = await ask(narrow, front.path, front.body('mine-to', 'hi', false))
      expect(status).toBe(404)
      expect(text).toContain('mine-too')
      expect(text).not.toContain('secret')
      expect((await ask(narrow, front.path, front.body('mine-secret-model', 'hi', false))).text).not.toMatch(
        /"secret-model/,
      )
    }
  })

  test('nor does the time it takes: existing and invented models fall into one bucket', async () => {
    const times: Record<string, number[]> = { 'secret-model': [], [invented]: [] }
    const n = size(500, 5_000)
    const [front] = fronts
    if (!front) return expect.unreachable()
    for (let round = 0; round < n; round++)
      for (const model of ['secret-model', invented])
        times[model]?.push((await ask(narrow, front.path, front.body(model, 'hi', false))).ms)
    const [real, unreal] = [
      percentile(times['secret-model'] ?? [], 0.5),
      percentile(times[invented] ?? [], 0.5),
    ]
    expect(Math.abs(real - unreal)).toBeLessThan(Math.max(0.05, 0.25 * real))
    figure('I11', {
      n: 2 * n,
      existing_ms_p50: real.toFixed(3),
      invented_ms_p50: unreal.toFixed(3),
      distinguishable: 0,
    })
  })
})

describe('promise D12, for scopes: no other spelling of a name gets round them', () => {
  const names = [
    'Secret-Model',
    'SECRET-MODEL',
    ' secret-model',
    'secret-model ',
    'openai/gpt-4.1',
    'mine/../secret-model',
    'secret-model\u0000',
    'secret‐model',
    'mine*',
    '*',
    'secret-model#mine',
    'mine\nsecret-model',
  ]
  test.each(names)('%p', async (model) => {
    const before = upstream.ledger.entries.length
    for (const front of fronts) {
      const { status } = await ask(narrow, front.path, front.body(model, 'hi', false))
      expect([400, 403, 404]).toContain(status)
    }
    expect(upstream.ledger.entries.length).toBe(before)
  })
})
