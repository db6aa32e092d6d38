import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { type Json, parseJson } from '../protocol/model/json.ts'
import type { ProviderSettings } from '../providers/provider.ts'
import { createGoogleTokens, type FetchJson, type GoogleOutside } from './google-credentials.ts'

/** One token server for all: it notes what it was asked and answers what the test has prepared. */
interface Asked {
  path: string
  headers: Headers
  body: string
}
let asked: Asked[] = []
let answer: (request: Asked) => { status?: number; body: unknown; text?: boolean } | undefined = () =>
  undefined
let server: ReturnType<typeof Bun.serve>
let root = ''
let keys: CryptoKeyPair
let pem = ''

beforeAll(async () => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      const seen = {
        path: new URL(request.url).pathname,
        headers: request.headers,
        body: await request.text(),
      }
      asked.push(seen)
      const prepared = answer(seen) ?? { body: { access_token: `token-${asked.length}`, expires_in: 3_600 } }
      const status = prepared.status ?? 200
      return prepared.text
        ? new Response(String(prepared.body), { status })
        : Response.json(prepared.body, { status })
    },
  })
  root = `http://127.0.0.1:${server.port}`
  keys = (await crypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: 'SHA-256',
    },
    true,
    ['sign', 'verify'],
  )) as CryptoKeyPair
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  pem = `-----BEGIN PRIVATE KEY-----\n${der.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
})
afterAll(() => server.stop(true))
beforeEach(() => {
  asked = []
  answer = () => undefined
})

const fetchJson: FetchJson = async (url, init) => {
  const response = await fetch(url, { ...init, redirect: 'error' })
  const text = await response.text()
  return { status: response.status, body: parseJson(text) ?? text }
}

/** The world of one test: files, variables, and a clock that only moves when told. */
function world(files: Record<string, unknown> = {}, environment: GoogleOutside['environment'] = {}) {
  const state = { now: Date.parse('2026-11-01T00:00:00Z'), reads: 0, files, fetchJson }
  const outside: GoogleOutside = {
    fetchJson: (url, init) => state.fetchJson(url, init),
    now: () => state.now,
    readFile(path) {
      state.reads += 1
      const file = state.files[path]
      return Promise.resolve(file === undefined || typeof file === 'string' ? file : JSON.stringify(file))
    },
    environment: { GCE_METADATA_HOST: '127.0.0.1:1', ...environment },
  }
  return { state, tokens: createGoogleTokens(outside) }
}

const never = new AbortController().signal
const settings = (changes: Partial<ProviderSettings> = {}): ProviderSettings => ({
  name: 'v',
  baseUrl: '',
  headers: {},
  options: {},
  ...changes,
})
const withFile = (path = '/sa.json') => settings({ options: { serviceAccountFile: path } })
const account = () => ({
  type: 'service_account',
  project_id: 'my-project',
  client_email: 'robot@my-project.iam.gserviceaccount.com',
  private_key: pem,
  private_key_id: 'key-1',
  token_uri: `${root}/token`,
})

test('a token from the settings is used as it is', async () => {
  const { tokens } = world()
  expect(await tokens(settings({ accessToken: 'given', project: 'p' })).accessToken(never)).toEqual({
    token: 'given',
    project: 'p',
  })
  expect(asked).toEqual([])
})

describe('a service account', () => {
  test('signs a JWT that the server can verify', async () => {
    const { state, tokens } = world({ '/sa.json': account() })
    expect(await tokens(withFile()).accessToken(never)).toEqual({ token: 'token-1', project: 'my-project' })
    const form = new URLSearchParams(asked[0]?.body)
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.')
    const valid = await crypto.subtle.verify(
      'RSASSA-PKCS1-v1_5',
      keys.publicKey,
      Buffer.from(signature, 'base64url'),
      new TextEncoder().encode(`${header}.${claims}`),
    )
    expect(valid).toBe(true)
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'RS256',
      typ: 'JWT',
      kid: 'key-1',
    })
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      iss: 'robot@my-project.iam.gserviceaccount.com',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      aud: `${root}/token`,
      iat: state.now / 1_000,
      exp: state.now / 1_000 + 3_600,
    })
  })

  const broken: [string, unknown, string][] = [
    ['no file', undefined, 'there is no file /sa.json'],
    ['no JSON', 'private stuff', 'holds no JSON object'],
    ['no type', {}, 'type: expected one of service_account'],
    ['another type', { type: 'gdch_service_account' }, 'type: expected one of service_account'],
    [
      'another universe',
      { type: 'service_account', universe_domain: 'x.example' },
      'universe_domain: only googleapis.com',
    ],
    ['no address', { type: 'service_account' }, 'client_email: expected a text'],
    ['no key', { type: 'service_account', client_email: 'a' }, 'private_key: expected a text'],
    [
      'a key in another form',
      { type: 'service_account', client_email: 'a', private_key: 'secret-key' },
      'private_key: expected a PKCS #8 key',
    ],
    [
      'a key that is none',
      {
        type: 'service_account',
        client_email: 'a',
        private_key: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----',
      },
      'private_key: is no RSA key',
    ],
  ]
  test.each(broken)('%s is named, nothing of it quoted', async (_, file, message) => {
    const { tokens } = world({ '/sa.json': file })
    const failed = await tokens(withFile())
      .accessToken(never)
      .catch((thrown: unknown) => thrown)
    expect(failed).toMatchObject({
      kind: 'upstream_unauthenticated',
      message: expect.stringContaining(message),
    })
    expect(String(failed)).not.toMatch(/private stuff|secret-key|c2VjcmV0/)
  })

  test.each([
    [
      400,
      { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' },
      'upstream_unauthenticated',
      'answered 400: invalid_grant: Invalid JWT Signature.',
    ],
    [401, 'nope', 'upstream_unauthenticated', 'answered 401'],
    [
      403,
      { error: { status: 'PERMISSION_DENIED', message: 'no' } },
      'upstream_unauthenticated',
      'answered 403: PERMISSION_DENIED: no',
    ],
    [429, {}, 'upstream_failed', 'answered 429'],
    [500, {}, 'upstream_failed', 'answered 500'],
    [200, {}, 'upstream_failed', 'without an access_token'],
  ] as [number, Json, string, string][])(
    'a server that answers %d %j',
    async (status, body, kind, message) => {
      answer = () => ({ status, body })
      const { tokens } = world({ '/sa.json': account() })
      await expect(tokens(withFile()).accessToken(never)).rejects.toMatchObject({
        kind,
        message: expect.stringContaining(message),
      })
    },
  )

  test('what was sent is taken out of what the server says', async () => {
    answer = ({ body }) => ({
      status: 400,
      body: { error: 'bad', error_description: `got ${new URLSearchParams(body).get('assertion')}` },
    })
    const { tokens } = world({ '/sa.json': account() })
    await expect(tokens(withFile()).accessToken(never)).rejects.toThrow('answered 400: bad: got [redacted]')
  })

  test('a server that is not there', async () => {
    const { tokens } = world({ '/sa.json': { ...account(), token_uri: 'http://127.0.0.1:1/token' } })
    await expect(tokens(withFile()).accessToken(never)).rejects.toMatchObject({
      kind: 'upstream_failed',
      message: expect.stringContaining('could not be reached'),
    })
  })
})

describe('one token for all', () => {
  test('a hundred callers, one request', async () => {
    const { tokens } = world({ '/sa.json': account() })
    const all = await Promise.all(Array.from({ length: 100 }, () => tokens(withFile()).accessToken(never)))
    expect(new Set(all.map(({ token }) => token))).toEqual(new Set(['token-1']))
    expect(asked.length).toBe(1)
  })

  test('a caller who leaves takes nothing from the others', async () => {
    const { tokens } = world({ '/sa.json': account() })
    const leaving = new AbortController()
    const settled = Promise.allSettled([
      tokens(withFile()).accessToken(leaving.signal),
      tokens(withFile()).accessToken(never),
    ])
    leaving.abort()
    expect(await settled).toMatchObject([
      { status: 'rejected', reason: { kind: 'client_closed' } },
      { status: 'fulfilled', value: { token: 'token-1' } },
    ])
  })

  test('two credentials have two tokens', async () => {
    const { tokens } = world({ '/a.json': account(), '/b.json': account() })
    expect((await tokens(withFile('/a.json')).accessToken(never)).token).toBe('token-1')
    expect((await tokens(withFile('/b.json')).accessToken(never)).token).toBe('token-2')
  })

  test('renewed five minutes early, while the old one is still given out', async () => {
    const { state, tokens } = world({ '/sa.json': account() })
    const source = tokens(withFile())
    const next = async () => (await source.accessToken(never)).token
    expect(await next()).toBe('token-1')
    state.now += 54 * 60_000
    expect(await next()).toBe('token-1')
    expect(asked.length).toBe(1)
    state.now += 2 * 60_000
    expect(await next()).toBe('token-1')
    await until(() => asked.length === 2)
    await until(async () => (await next()) === 'token-2')
    expect(asked.length).toBe(2)
  })

  test('a renewal that fails costs nothing until the token is used up', async () => {
    const { state, tokens } = world({ '/sa.json': account() })
    const source = tokens(withFile())
    const next = async () => (await source.accessToken(never)).token
    expect(await next()).toBe('token-1')
    answer = () => ({ status: 503, body: {} })
    state.now += 57 * 60_000
    for (let call = 0; call < 5; call += 1) expect(await next()).toBe('token-1')
    await until(() => asked.length === 2)
    await Bun.sleep(5)
    expect(await next()).toBe('token-1')
    expect(asked.length).toBe(2)
    state.now += 4 * 60_000
    await expect(next()).rejects.toMatchObject({ kind: 'upstream_failed' })
    answer = () => undefined
    expect(await next()).toStartWith('token-')
  })
})

async function until(happened: () => boolean | Promise<boolean>): Promise<void> {
  for (let round = 0; round < 500 && !(await happened()); round += 1) await Bun.sleep(2)
  expect(await happened()).toBe(true)
}

describe('application default credentials, in Google’s order', () => {
  const user = () => ({
    type: 'authorized_user',
    client_id: 'id',
    client_secret: 'cs-secret',
    refresh_token: 'rt-secret',
    quota_project_id: 'quota',
    token_uri: `${root}/user`,
  })

  test('1. the file of the variable', async () => {
    const { tokens } = world(
      { '/named.json': account(), '/home/.config/gcloud/application_default_credentials.json': user() },
      { GOOGLE_APPLICATION_CREDENTIALS: '/named.json', HOME: '/home' },
    )
    expect(await tokens(settings()).accessToken(never)).toMatchObject({ project: 'my-project' })
    expect(asked.map(({ path }) => path)).toEqual(['/token'])
  })

  test.each([
    [{ HOME: '/home' }, '/home/.config/gcloud/application_default_credentials.json'],
    [{ HOME: '/home', CLOUDSDK_CONFIG: '/gc' }, '/gc/application_default_credentials.json'],
    [{ APPDATA: 'C:/data' }, 'C:/data/gcloud/application_default_credentials.json'],
  ])('2. gcloud’s own, a refresh token (%j)', async (environment, path) => {
    const { tokens } = world({ [path]: user() }, environment)
    expect(await tokens(settings()).accessToken(never)).toEqual({ token: 'token-1', project: 'quota' })
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: 'refresh_token',
      client_id: 'id',
      client_secret: 'cs-secret',
      refresh_token: 'rt-secret',
    })
  })

  test('3. the metadata server', async () => {
    answer = ({ path }) => (path.endsWith('/project-id') ? { body: 'meta-project', text: true } : undefined)
    const { tokens } = world({}, { GCE_METADATA_HOST: `127.0.0.1:${server.port}` })
    expect(await tokens(settings()).accessToken(never)).toMatchObject({ project: 'meta-project' })
    expect(asked.every(({ headers }) => headers.get('metadata-flavor') === 'Google')).toBe(true)
    expect(asked.map(({ path }) => path).sort()).toEqual([
      '/computeMetadata/v1/instance/service-accounts/default/token',
      '/computeMetadata/v1/project/project-id',
    ])
  })

  test('nothing found says what to do', async () => {
    const { tokens } = world()
    await expect(tokens(settings()).accessToken(never)).rejects.toMatchObject({
      kind: 'upstream_unauthenticated',
      message: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
    })
  })
})

describe('workload identity', () => {
  const external = (source: object, more: object = {}) => ({
    type: 'external_account',
    audience: '//iam.googleapis.com/x',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${root}/sts`,
    credential_source: source,
    ...more,
  })

  const sources: [object, Record<string, unknown>][] = [
    [{ file: '/subject' }, { '/subject': 'subject-secret\n' }],
    [
      { file: '/subject', format: { type: 'json', subject_token_field_name: 't' } },
      { '/subject': { t: 'subject-secret' } },
    ],
    [{ url: 'ROOT/plain', headers: { 'x-a': 'b' } }, {}],
    [{ url: 'ROOT/json', format: { type: 'json', subject_token_field_name: 't' } }, {}],
  ]
  test.each(sources)('a subject token from %j', async (source, files) => {
    answer = ({ path }) => {
      if (path === '/plain') return { body: 'subject-secret', text: true }
      return path === '/json' ? { body: { t: 'subject-secret' } } : undefined
    }
    const here = JSON.parse(JSON.stringify(source).replace('ROOT', root)) as object
    const { tokens } = world({ '/sa.json': external(here), ...files })
    expect((await tokens(withFile()).accessToken(never)).token).toStartWith('token-')
    const exchange = Object.fromEntries(new URLSearchParams(asked.at(-1)?.body))
    expect(exchange).toMatchObject({
      subject_token: 'subject-secret',
      audience: '//iam.googleapis.com/x',
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    })
    if ('headers' in source) expect(asked[0]?.headers.get('x-a')).toBe('b')
  })

  test('and then as a service account', async () => {
    answer = ({ path }) =>
      path === '/as' ? { body: { accessToken: 'as-robot', expireTime: '2026-11-01T01:00:00Z' } } : undefined
    const { tokens } = world({
      '/sa.json': external({ file: '/subject' }, { service_account_impersonation_url: `${root}/as` }),
      '/subject': 's',
    })
    expect(await tokens(withFile()).accessToken(never)).toEqual({ token: 'as-robot' })
    expect(asked.at(-1)?.headers.get('authorization')).toBe('Bearer token-1')
  })

  test.each([
    [{ environment_id: 'aws1' }, 'expected "file" or "url"'],
    [{ file: '/missing' }, 'there is no file /missing'],
    [{ file: '/empty' }, 'the subject token is empty'],
    [{ file: '/subject', format: { type: 'json', subject_token_field_name: 'x' } }, 'has no member x'],
  ])('%j is refused: %s', async (source, message) => {
    const { tokens } = world({ '/sa.json': external(source), '/empty': ' ', '/subject': 'no json' })
    await expect(tokens(withFile()).accessToken(never)).rejects.toMatchObject({
      kind: 'upstream_unauthenticated',
      message: expect.stringContaining(message),
    })
  })
})

test('an impersonated service account uses its source', async () => {
  answer = ({ path }) =>
    path === '/as' ? { body: { accessToken: 'as-robot', expireTime: '2026-11-01T01:00:00Z' } } : undefined
  const { tokens } = world({
    '/sa.json': {
      type: 'impersonated_service_account',
      service_account_impersonation_url: `${root}/as`,
      source_credentials: account(),
    },
  })
  expect((await tokens(withFile()).accessToken(never)).token).toBe('as-robot')
  expect(asked.map(({ path }) => path)).toEqual(['/token', '/as'])
})
