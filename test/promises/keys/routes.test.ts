import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { routes } from '../../../src/endpoints/router.ts'
import { newKey } from '../../../src/keys/key-format.ts'
import { startUpstream, type Upstream } from '../../rig/upstream.ts'
import { figure, size } from '../support/figure.ts'
import { sendBytes } from '../support/raw-http.ts'
import { modelToml } from '../support/stage.ts'
import { type Desk, openDesk } from './support/desk.ts'
import { codeOf, type Office, openOffice } from './support/office.ts'

/** I1 every route denies by default; I13 who is let in and what is served are decided on one and the same path. */

let upstream: Upstream
let desk: Desk
const secrets: Record<string, string | undefined> = {}
beforeAll(async () => {
  upstream = await startUpstream()
  desk = await openDesk({
    toml:
      modelToml('m', { provider: 'openai', model: 'gpt-4.1' }) +
      modelToml('n', { provider: 'openai', model: 'gpt-4.1' }),
    environment: upstream.environment,
  })
  const disabled = await desk.issue()
  await desk.database.keys.update(disabled.record.id, { enabled: false })
  const deleted = await desk.issue()
  await desk.database.keys.delete(deleted.record.id, Date.now())
  Object.assign(secrets, {
    none: undefined,
    nonsense: 'XJP_nonsense',
    unknown: newKey(randomBytes),
    'an administrator': `XJP_ADMIN_${randomBytes(32).toString('base64url')}`,
    deleted: deleted.key,
    expired: (await desk.issue({ expiresAt: Date.now() - 1 })).key,
    disabled: disabled.key,
    narrow: (await desk.issue({ scopes: ['n'] })).key,
    'another tenant': (await desk.issue({ tenant: 'other' })).key,
    right: (await desk.issue()).key,
  })
  await desk.settled()
})
afterAll(async () => {
  await desk.close()
  await upstream.close()
})

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']

/** What a caller without a right to anything is told. */
const refusals: Readonly<Record<string, [number, string]>> = {
  none: [401, 'missing_api_key'],
  nonsense: [401, 'invalid_api_key'],
  unknown: [401, 'invalid_api_key'],
  // The administrator's token opens nothing that keys open.
  'an administrator': [401, 'invalid_api_key'],
  deleted: [401, 'invalid_api_key'],
  expired: [403, 'api_key_expired'],
  disabled: [403, 'api_key_disabled'],
}

/** Status of a body `{"model":"m"}`, or of `m` in the path, for those who are let in. */
const let_in: Readonly<Record<string, { status: number; narrow: number }>> = {
  '/v1/chat/completions': { status: 200, narrow: 403 },
  '/chat/completions': { status: 200, narrow: 403 },
  '/v1/messages': { status: 200, narrow: 403 },
  '/v1/messages/count_tokens': { status: 200, narrow: 403 },
  '/v1/models': { status: 200, narrow: 200 },
  '/models': { status: 200, narrow: 200 },
  '/v1/models/*': { status: 200, narrow: 404 },
}

/** Everyone comes from an address of their own: guesses are not what this is about. */
let addresses = 0

async function ask(method: string, path: string, secret: string | undefined): Promise<[number, string]> {
  const takesBody = !['GET', 'HEAD', 'TRACE'].includes(method)
  const body = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] }
  const response = await desk.ask(
    new Request(`http://gateway${path.replace('*', 'm')}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(secret === undefined ? {} : { 'x-api-key': secret }),
      },
      ...(takesBody ? { body: JSON.stringify(body) } : {}),
    }),
    `address-${(addresses += 1)}`,
  )
  const text = await response.text()
  return [response.status, text]
}

describe('promise I1', () => {
  test('each route is in the table, with the access it declares', () => {
    const keyed = routes.filter(({ access }) => access === 'key').map(({ path }) => path)
    expect(new Set(keyed)).toEqual(new Set(Object.keys(let_in)))
    const open = routes.filter(({ access }) => access === 'public').map(({ path }) => path)
    expect(open.sort()).toEqual(['/health', '/healthz', '/readyz'])
    const operators = routes.filter(({ access }) => access === 'operator').map(({ path }) => path)
    expect(operators.sort()).toEqual(['/metrics', '/status'])
  })

  test('every route × every method × every caller gives what the table says', async () => {
    let asked = 0
    const undeclared = ['/', '/v1', '/admin', '/v1/keys', '/v1/messages/batches']
    const paths = [...new Set(routes.map(({ path }) => path)), ...undeclared]
    for (const path of paths)
      for (const method of methods)
        for (const [caller, secret] of Object.entries(secrets)) {
          const found = await ask(method, path, secret)
          const [status, text] = found
          asked += 1
          const row = `${method} ${path} as ${caller}: ${status} ${text.slice(0, 200)}`
          const route = routes.find(
            (one) => one.path === path && one.method === (method === 'HEAD' ? 'GET' : method),
          )
          const refusal = refusals[caller]
          if (route?.access === 'public') expect(status, row).toBe(200)
          // No key opens it, and everybody comes from another machine here: who may look is tested with it.
          else if (route?.access === 'operator') expect(status, row).toBe(401)
          else if (refusal !== undefined) {
            expect(status, row).toBe(refusal[0])
            expect(codeOf(text), row).toBe(path.startsWith('/v1/messages') ? codeOf(text) : refusal[1])
          } else if (route)
            expect(status, row).toBe(let_in[path]?.[caller === 'narrow' ? 'narrow' : 'status'] ?? 0)
          else expect([404, 405], row).toContain(status)
        }
    figure('I1', { n: asked, routes: routes.length, callers: Object.keys(secrets).length, undeclared: 0 })
  })

  test('a preflight without a key tells nothing and does nothing', async () => {
    const response = await desk.ask(
      new Request('http://gateway/v1/models', {
        method: 'OPTIONS',
        headers: { origin: 'http://localhost:3000', 'access-control-request-method': 'GET' },
      }),
    )
    expect([response.status, await response.text()]).toEqual([204, ''])
  })
})

/** Pieces that targets are made of: what paths have, and what makes two readers read two paths. */
const pieces = [
  ...[
    '/',
    '/',
    '/',
    '//',
    '\\',
    ';',
    ';a=b',
    '?',
    '#',
    '%2f',
    '%2F',
    '%5c',
    '%2e',
    '%2e%2e',
    '.',
    '..',
    '%00',
  ],
  ...['v1', 'V1', 'v%31', 'models', 'Models', 'm%6fdels', 'chat', 'completions', 'messages', 'count_tokens'],
  ...[
    'healthz',
    'health',
    'readyz',
    'HEALTHZ',
    'health%7a',
    '%',
    '%zz',
    ' ',
    '%20',
    '%0a',
    '*',
    '@',
    ':80',
    'ß',
    'é',
  ],
  ...['/v1/models', '/healthz', '/v1/chat/completions', '/v1/models/m', '/../', '/./', '/%2e%2e/', '/;/'],
]
const target = fc
  .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 7 })
  .map((parts) => parts.join(''))
const method = fc.constantFrom('GET', 'GET', 'HEAD', 'POST', 'DELETE')

/** Statuses of what only a route of its own answers: served, or refused for what is in the body. */
const isServed = (status: number): boolean => ![401, 404, 405].includes(status)

describe('promise I13', () => {
  test('whatever a target looks like: what is served without a key is public, and nothing else is', async () => {
    let [served, open] = [0, 0]
    const check = fc.asyncProperty(target, method, async (path, verb) => {
      const url = `http://gateway/${path.replace(/^\//, '')}`
      if (!URL.canParse(url)) return
      const make = (headers: Record<string, string>): Request => new Request(url, { method: verb, headers })
      const without = await desk.ask(make({}))
      const withKey = await desk.ask(make({ 'x-api-key': secrets['right'] ?? '' }))
      await Promise.all([without.text(), withKey.text()])
      const isPublic = ['/healthz', '/health', '/readyz'].includes(
        new URL(url).pathname.replace(/(.)\/$/, '$1'),
      )
      const reads = verb === 'GET' || verb === 'HEAD'
      expect(without.status).toBe(isPublic && reads ? 200 : 401)
      if (isPublic && reads) open += 1
      else if (isServed(withKey.status)) served += 1
    })
    const n = 50_000
    await fc.assert(check, { numRuns: n })
    expect(served).toBeGreaterThan(n / 200)
    expect(open).toBeGreaterThan(n / 1_000)
    figure('I13', { n, served_with_a_key: served, open, disagreements: 0 })
  }, 300_000)

  describe('as bytes', () => {
    let office: Office
    let key = ''
    beforeAll(async () => {
      office = await openOffice()
      key = (await office.issue()).key
    })
    afterAll(() => office.close())

    const url = (): string => office.gateways[0]?.url ?? ''
    const head = (line: string, host: string, more = ''): string =>
      `${line}\r\n${host === '' ? '' : `${host}\r\n`}${more}connection: close\r\n\r\n`

    const table: [string, string, string, number, number][] = [
      ['a plain one', 'GET /v1/models HTTP/1.1', 'host: a', 401, 200],
      ['a trailing slash', 'GET /v1/models/ HTTP/1.1', 'host: a', 401, 200],
      ['two slashes', 'GET //v1/models HTTP/1.1', 'host: a', 401, 404],
      ['two slashes before a public one', 'GET //healthz HTTP/1.1', 'host: a', 401, 404],
      ['an encoded slash', 'GET /v1%2fmodels HTTP/1.1', 'host: a', 401, 404],
      ['an encoded letter', 'GET /v1/m%6fdels HTTP/1.1', 'host: a', 401, 404],
      ['parameters', 'GET /v1/models;x=y HTTP/1.1', 'host: a', 401, 404],
      ['parameters on a public one', 'GET /healthz;x HTTP/1.1', 'host: a', 401, 404],
      ['great letters', 'GET /V1/MODELS HTTP/1.1', 'host: a', 401, 404],
      ['great letters of a public one', 'GET /HealthZ HTTP/1.1', 'host: a', 401, 404],
      ['up and down', 'GET /healthz/../v1/models HTTP/1.1', 'host: a', 401, 200],
      ['up and down, encoded', 'GET /healthz/%2e%2e/v1/models HTTP/1.1', 'host: a', 401, 200],
      ['a public name in the query', 'GET /v1/models?/healthz HTTP/1.1', 'host: a', 401, 200],
      ['a public name in the fragment', 'GET /v1/models#/healthz HTTP/1.1', 'host: a', 401, 200],
      ['absolute', 'GET http://a/v1/models HTTP/1.1', 'host: a', 401, 200],
      ['absolute, another host', 'GET http://b/v1/models HTTP/1.1', 'host: a', 401, 200],
      ['absolute, a public name as host', 'GET http://healthz/v1/models HTTP/1.1', 'host: healthz', 401, 200],
      ['a host with a path', 'GET /v1/models HTTP/1.1', 'host: a/healthz?', 400, 400],
      ['a public path, a host with a path', 'GET /healthz HTTP/1.1', 'host: a/v1/models?', 400, 400],
      ['absolute, a host with a path', 'GET http://a/v1/models HTTP/1.1', 'host: a/healthz?', 400, 400],
      ['a host with a fragment', 'GET /v1/models HTTP/1.1', 'host: a#', 400, 400],
      ['a host with a user', 'GET /v1/models HTTP/1.1', 'host: healthz@a', 400, 400],
      ['a host with a backslash', 'GET /v1/models HTTP/1.1', 'host: a\\healthz', 400, 400],
      ['a port that is none', 'GET /v1/models HTTP/1.1', 'host: a:99999', 400, 400],
      ['two hosts', 'GET /v1/models HTTP/1.1', 'host: a\r\nhost: b', 400, 400],
      ['no host', 'GET /v1/models HTTP/1.1', '', 400, 400],
      ['not from the root', 'GET v1/models HTTP/1.1', 'host: a', 400, 400],
      ['a star', 'GET * HTTP/1.1', 'host: a', 400, 400],
      ['without a host, in the first version', 'GET /v1/models HTTP/1.0', '', 401, 200],
      ['without a host, a path like one', 'GET //x/healthz HTTP/1.0', '', 401, 404],
      ['without a host, two slashes', 'GET // HTTP/1.0', '', 401, 404],
      ['another scheme', 'GET ftp://a/healthz HTTP/1.1', 'host: a', 400, 400],
      ['a backslash first', 'GET \\healthz HTTP/1.1', 'host: a', 400, 400],
    ]
    test.each(table)('%s', async (_name, line, host, without, withKey) => {
      expect((await sendBytes(url(), head(line, host))).status).toBe(without)
      expect((await sendBytes(url(), head(line, host, `x-api-key: ${key}\r\n`))).status).toBe(withKey)
    })

    test('fuzzed targets: nothing that a key opens is open without', async () => {
      const n = size(2_000, 10_000)
      const random = fc.sample(fc.tuple(target, fc.constantFrom('a', 'a', 'healthz', 'a/healthz?', 'a:1')), n)
      const disagreements: string[] = []
      for (const [path, host] of random) {
        const line = `GET ${path.replaceAll(/[ßé ]/g, '%C3')} HTTP/1.1`
        const without = await sendBytes(url(), head(line, `host: ${host}`))
        const withKey = await sendBytes(url(), head(line, `host: ${host}`, `x-api-key: ${key}\r\n`))
        const isOpen = without.status === 200
        const seen = `${line} at ${host}: ${without.status} ${withKey.status} ${withKey.body.slice(0, 100)}`
        if (isOpen !== /"status":"(ok|ready)"/.test(withKey.body)) disagreements.push(seen)
        if (isServed(withKey.status) && !isOpen && ![400, 401].includes(without.status))
          disagreements.push(seen)
      }
      expect(disagreements).toEqual([])
      figure('I13 as bytes', { n, disagreements: 0 })
    }, 300_000)
  })
})
