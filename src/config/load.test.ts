import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MAX_FILE_BYTES } from './document.ts'
import { findConfigFile, load } from './load.ts'
import { isLoopback } from './loopback.ts'
import { printToml } from './print.ts'
import { formatProblem } from './problem.ts'
import type { Snapshot } from './snapshot.ts'
import { nativeBase } from './testing/breaks.ts'
import { leaksIn } from './testing/canaries.ts'
import { fakeProviders } from './testing/fake-providers.ts'
import { loadText, problemLines, snapshotOf } from './testing/load-text.ts'
import { render } from './testing/render.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xjp-config-'))
  mkdirSync(join(folder, 'config'))
  writeFileSync(join(folder, 'port.toml'), '[server]\nport = 9000\n')
  writeFileSync(join(folder, 'latin.toml'), Buffer.from([0x23, 0xe9, 0x0a]))
  writeFileSync(join(folder, 'large.json'), ' '.repeat(MAX_FILE_BYTES + 1))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('files', () => {
  const read = (file: string) => load({ file, cwd: folder, environment: {}, providers: fakeProviders })

  test('a name is taken from the working directory', () => {
    const result = read('port.toml')
    expect(result.ok && result.snapshot.server.port).toBe(9000)
    expect(result.ok && result.snapshot.file).toBe('port.toml')
  })

  const refused: readonly [string, string][] = [
    ['none.toml', 'none.toml: expected a file that exists'],
    ['port.toml/below', 'port.toml/below: expected a file that exists'],
    ['config', 'config: expected a file'],
    ['latin.toml', 'latin.toml: expected text in UTF-8'],
    ['large.json', 'large.json: expected a file of at most 1048576 bytes'],
  ]
  for (const [file, line] of refused)
    test(`${file} is refused`, () => {
      const result = read(file)
      expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([line])
    })

  test('which one: the flag, CONFIG_PATH, the usual places, none', () => {
    const environment = { CONFIG_PATH: './named.yaml' }
    expect(findConfigFile('flag.toml', environment, folder)).toBe('flag.toml')
    expect(findConfigFile(undefined, environment, folder)).toBe('./named.yaml')
    expect(findConfigFile(undefined, { CONFIG_PATH: '' }, folder)).toBeUndefined()
    writeFileSync(join(folder, 'xjp.toml'), '')
    expect(findConfigFile(undefined, {}, folder)).toBe('xjp.toml')
    writeFileSync(join(folder, 'config/xjp.toml'), '')
    expect(findConfigFile(undefined, {}, folder)).toBe('config/xjp.toml')
  })
})

describe('without a file', () => {
  const names = (snapshot: Snapshot): string[] => Object.keys(snapshot.providers)
  const cases: readonly {
    name: string
    environment: Record<string, string>
    served: string[]
    notice?: RegExp
  }[] = [
    { name: 'nothing in the environment: the demonstration', environment: {}, served: ['demo'] },
    { name: 'a key', environment: { OPENAI_API_KEY: 'k' }, served: ['openai'] },
    { name: 'an empty key is none', environment: { OPENAI_API_KEY: '' }, served: ['demo'] },
    {
      name: 'an address',
      environment: { OPENAI_COMPAT_BASE_URL: 'http://127.0.0.1:9' },
      served: ['openai_compat'],
    },
    { name: 'an access token', environment: { VERTEX_ACCESS_TOKEN: 't' }, served: ['vertex'] },
    {
      name: 'a project: its credentials are Google’s own',
      environment: { VERTEX_PROJECT: 'p' },
      served: ['vertex'],
    },
    { name: 'a project that other tools name', environment: { GOOGLE_CLOUD_PROJECT: 'p' }, served: ['demo'] },
    {
      name: 'several',
      environment: { OPENAI_API_KEY: 'k', OPENROUTER_API_KEY: 'k' },
      served: ['openrouter', 'openai'],
    },
    {
      name: 'a key without any address',
      environment: { AZURE_API_KEY: 'k', OPENAI_API_KEY: 'k' },
      served: ['openai'],
      notice: /azure .* set AZURE_BASE_URL/,
    },
  ]
  for (const { name, environment, served, notice } of cases)
    test(name, () => {
      const snapshot = snapshotOf('', undefined, { environment })
      expect(names(snapshot)).toEqual(served)
      expect([...snapshot.modelList.passthrough]).toEqual(served)
      expect(snapshot.auth.mode).toBe('open')
      if (notice) expect(snapshot.notices.join('\n')).toMatch(notice)
    })

  test('the demonstration is listed and served by name', () => {
    const snapshot = snapshotOf('', undefined)
    expect([...snapshot.models.keys()]).toEqual(['demo/echo'])
    expect(snapshot.resolve('demo/echo')?.routes[0]).toMatchObject({ provider: 'demo', model: 'echo' })
    expect(snapshot.resolve('demo/other')).toBeUndefined()
  })

  const hosts: readonly [string, 'open' | 'keys'][] = [
    ['127.0.0.1', 'open'],
    ['localhost', 'open'],
    ['::1', 'open'],
    ['0.0.0.0', 'keys'],
    ['192.168.1.10', 'keys'],
    ['::', 'keys'],
    ['127.0.0.1.example', 'keys'],
  ]
  for (const [host, mode] of hosts)
    test(`on ${host}: ${mode}`, () => {
      expect(snapshotOf('', undefined, { overrides: { host } }).auth.mode).toBe(mode)
      expect(isLoopback(host)).toBe(mode === 'open')
    })

  test('--open needs no loopback address', () => {
    expect(snapshotOf('', undefined, { overrides: { host: '0.0.0.0', open: true } }).auth.mode).toBe('open')
  })

  test('addresses of the environment are checked', () => {
    const environment = { OPENAI_BASE_URL: 'openai.example/v1', TRACE_BODY_MAX_BYTES: 'many' }
    expect(problemLines('', undefined, { environment })).toEqual([
      'environment: TRACE_BODY_MAX_BYTES: expected a whole number of bytes',
      'environment: OPENAI_BASE_URL: expected an http:// or https:// address without user, query and fragment, found "openai.example/v1"',
    ])
  })
})

describe('precedence: command line, file, environment, defaults', () => {
  const file = '[server]\nport = 9000\n[providers.openai]\nbase_url = "https://file.example/v1"\n'
  const environment = {
    OPENAI_BASE_URL: 'https://environment.example',
    OPENAI_API_KEY: 'k',
    OTEL_SERVICE_NAME: 'from-environment',
  }

  test('the file wins over the environment, which fills the rest', () => {
    const snapshot = snapshotOf('a.toml', file, { environment })
    expect(snapshot.server).toMatchObject({ host: '127.0.0.1', port: 9000 })
    expect(snapshot.providers['openai']).toMatchObject({ baseUrl: 'https://file.example/v1', apiKey: 'k' })
    expect(snapshot.observability.serviceName).toBe('from-environment')
  })

  test('the command line wins over the file', () => {
    const overrides = { port: 0, host: '0.0.0.0', open: true }
    const snapshot = snapshotOf('a.toml', file, { overrides })
    expect(snapshot.server).toMatchObject({ host: '0.0.0.0', port: 0 })
    expect(snapshot.auth.mode).toBe('open')
  })

  test('a wrong command line is told with the rest', () => {
    const lines = problemLines('a.toml', '[server]\nport = "x"\n', { overrides: { port: 70_000, host: '' } })
    expect(lines).toHaveLength(3)
    expect(lines.join('\n')).toContain('command line: --port: expected a whole number from 0 to 65535')
  })

  test('telemetry of the environment', () => {
    const otel = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4317', TRACE_BODY_MAX_BYTES: '99' }
    expect(snapshotOf('', undefined, { environment: otel }).observability).toMatchObject({
      otlpGrpc: { endpoint: 'http://collector.example:4317' },
      exporters: { tracing: 'otlp_grpc' },
      traceBodyMaxBytes: 99,
    })
    const own = '[observability.otlp_grpc]\nendpoint = "http://own.example"\n'
    expect(snapshotOf('a.toml', own, { environment: otel }).observability.otlpGrpc.endpoint).toBe(
      'http://own.example',
    )
  })
})

describe('a vendor’s key stays with the vendor', () => {
  const environment = { OPENAI_API_KEY: 'k' }
  const cases: readonly [string, string, string | undefined][] = [
    ['the vendor’s own section', '[providers.openai]\n', 'k'],
    ['another name, the vendor’s own address', '[providers.mine]\ntype = "openai"\n', 'k'],
    [
      'another name and another address',
      '[providers.mine]\ntype = "openai"\nbase_url = "https://elsewhere.example"\n',
      undefined,
    ],
    [
      'its own key',
      '[providers.mine]\ntype = "openai"\nbase_url = "https://elsewhere.example"\napi_key = "ENV:OPENAI_API_KEY"\n',
      'k',
    ],
  ]
  for (const [name, text, key] of cases)
    test(name, () => {
      const { providers } = snapshotOf('a.toml', text, { environment })
      expect((providers['mine'] ?? providers['openai'])?.apiKey).toBe(key as string)
    })
})

describe('provider/model names', () => {
  const model = '[models.m.primary]\nprovider = "openai"\nprovider_model_id = "gpt"\n'
  const environment = { OPENAI_API_KEY: 'k' }
  const cases: readonly [string, string, boolean][] = [
    ['a file without models', '[server]\nport = 1\n', true],
    ['a file with models', model, false],
    ['a file with models that allows it', `${model}[model_list]\npassthrough = true\n`, true],
    ['a file that forbids it', '[model_list]\npassthrough = false\n', false],
    ['a file with a default provider', '[model_list]\ndefault_provider = "openai"\n', false],
  ]
  for (const [name, text, isServed] of cases)
    test(name, () => {
      const snapshot = snapshotOf('a.toml', text, { environment })
      expect(snapshot.modelList.passthrough.includes('openai')).toBe(isServed)
    })

  test('a default provider and provider/model names exclude each other', () => {
    const text = '[model_list]\ndefault_provider = "openai"\npassthrough = true\n'
    expect(problemLines('a.toml', text)[0]).toStartWith('a.toml:3:15: model_list.passthrough: expected false')
  })

  test('a file that serves nothing says so', () => {
    expect(snapshotOf('a.toml', '[model_list]\npassthrough = false\n').notices.join()).toContain(
      'no model is served',
    )
  })
})

describe('who is asked for a key', () => {
  const cases: readonly [string, string, 'keys' | 'first-key' | 'open'][] = [
    ['on a loopback address without a word', '[server]\nport = 1\n', 'first-key'],
    ['on another address without a word', '[server]\nhost = "0.0.0.0"\n', 'keys'],
    ['told so', '[auth]\nmode = "keys"\n', 'keys'],
    ['told not to', '[server]\nhost = "0.0.0.0"\n[auth]\nmode = "open"\n', 'open'],
  ]
  for (const [name, text, wanted] of cases)
    test(name, () => expect(snapshotOf('a.toml', text).auth.mode).toBe(wanted))
})

describe('stores', () => {
  const environment = { DATABASE_URL: 'postgres://u:secret@db/x', REDIS_URL: 'redis://:secret@r' }

  test('come from the environment', () => {
    const { database, redis } = snapshotOf('a.toml', '', { environment })
    expect(database.url).toBe('postgres://u:secret@db/x')
    expect(redis.url).toBe('redis://:secret@r')
  })

  test('the file wins', () => {
    const { database } = snapshotOf('a.toml', '[database]\nurl = "postgres://other/x"\n', { environment })
    expect(database.url).toBe('postgres://other/x')
  })

  test('an address of another kind is refused, and never repeated', () => {
    const wrong = { DATABASE_URL: 'mysql://u:hidden@db/x', REDIS_URL: 'localhost:6379' }
    expect(problemLines('', undefined, { environment: wrong })).toEqual([
      'environment: DATABASE_URL: expected an address of the form postgres://user:password@host:port/database',
      'environment: REDIS_URL: expected an address of the form redis://:password@host:port, or rediss:// with TLS',
    ])
    expect(problemLines('a.toml', '[redis]\nurl = "http://:hidden@r"\n', {})).toEqual([
      'a.toml:2:7: redis.url: expected an address of the form redis://:password@host:port, or rediss:// with TLS',
    ])
  })
})

describe('tenants and prices', () => {
  const text = `
[tenants.acme]
rpm = 5
budget_daily = 12.5
[prices."openai/gpt-*"]
input = "0.15"
[[prices."openai/gpt-*".tiers]]
above_input_tokens = 200000
input = 0.3
`
  test('are read, amounts as exact texts', () => {
    const { tenants, prices } = snapshotOf('a.toml', text)
    expect(tenants['acme']).toMatchObject({ rpm: 5, budgetDaily: '12.5' })
    expect(prices['openai/gpt-*']).toMatchObject({
      input: '0.15',
      tiers: [{ aboveInputTokens: 200_000, input: '0.3' }],
    })
    expect(tenants['constructor']).toBeUndefined()
  })
})

describe('settings that nothing acts on are named', () => {
  const route = 'provider = "openai"\nprovider_model_id = "a"\n'
  const systemB = '[server]\nbind_addr = "127.0.0.1:1"\n[downstream]\nbase_url = "https://a.example"\n'
  const cases: readonly [string, string, RegExp | undefined][] = [
    [
      'a pool of connections',
      `${systemB}pool_max_idle_per_host = 5\n`,
      /^downstream\.pool_max_idle_per_host/,
    ],
    ['no pool', systemB, undefined],
    [
      'routes with everything',
      `[auth]\nmode = "open"\n[[models.m.routes]]\n${route}weight = 2\ncircuit.open_ms = 5\n`,
      undefined,
    ],
    ['exporters', '[auth]\nmode = "open"\n[observability.exporters]\ntracing = "otlp_grpc"\n', undefined],
  ]
  for (const [name, text, wanted] of cases)
    test(name, () => {
      const { notices } = snapshotOf('a.toml', text, { environment: { OPENAI_API_KEY: 'k' } })
      expect(notices).toHaveLength(wanted === undefined ? 0 : 1)
      if (wanted) expect(notices[0]).toMatch(wanted)
    })
})

describe('the snapshot', () => {
  const snapshot = snapshotOf('a.json', render(nativeBase, 'json').text)

  test('merges what a route leaves out', () => {
    expect(snapshot.resolve('claude-sonnet-4.5')).toMatchObject({
      routes: [
        {
          provider: 'openrouter',
          timeouts: { connectMs: 5000, firstByteMs: 600000, totalMs: 30000 },
          retry: { maxRetries: 2, backoffMs: 100 },
        },
        { provider: 'cloud', region: 'global', timeouts: { totalMs: 600000 } },
      ],
      defaults: { temperature: 0.5, maxOutputTokens: 1024 },
    })
    expect(snapshot.resolve('many')).toMatchObject({
      displayName: 'Many',
      routes: [{ weight: 3, capabilities: { images: true } }, { weight: 1 }],
    })
  })

  test('the spelling of capabilities, clocks and circuits is the code’s', () => {
    const text = `[models.m]
capabilities = { max_tokens_field = "max_tokens", images = false }
[models.m.primary]
provider = "openai"
provider_model_id = "gpt"
capabilities = { images = true, budget = { min = 1, max = 2 } }
circuit = { failure_threshold = 3 }
timeouts = { first_byte_ms = 7 }
retry = { max_retries = 0 }
`
    expect(snapshotOf('a.toml', text).resolve('m')?.routes[0]).toMatchObject({
      capabilities: { maxTokensField: 'max_tokens', images: true, budget: { min: 1, max: 2 } },
      circuit: { failureThreshold: 3, openMs: 30000, successThreshold: 2 },
      timeouts: { connectMs: 10000, firstByteMs: 7 },
      retry: { maxRetries: 0, backoffMs: 500 },
    })
  })

  test('cannot be changed', () => {
    const loose: (value: unknown) => void = (value) => {
      if (typeof value !== 'object' || value === null) return
      expect(Object.isFrozen(value)).toBe(true)
      for (const member of value instanceof Map ? value.values() : Object.values(value)) loose(member)
    }
    loose(snapshot)
    loose(snapshot.resolve('many'))
    const models = snapshot.models as Map<string, unknown>
    for (const change of [() => models.set('x', 1), () => models.delete('many'), () => models.clear()])
      expect(change).toThrow(TypeError)
    expect(snapshot.models.size).toBe(2)
  })

  test('its version stands for the content, not for the spelling or the secrets', () => {
    const version = (text: string, environment = {}) => snapshotOf('a.toml', text, { environment }).version
    const one = version('[server]\nport = 1\n[limits]\nmax_messages = 5\n')
    expect(one).toMatch(/^[0-9a-f]{12}$/)
    expect(version('# the same\n[limits]\nmax_messages = 5\n[server]\nport = 1\n')).toBe(one)
    expect(version('[limits]\nmax_messages = 6\n')).not.toBe(one)
    // Replicas listen on different addresses.
    expect(version('[server]\nport = 2\n[limits]\nmax_messages = 5\n')).toBe(one)
    expect(version('[providers.openai]\napi_key = "a-secret-1"\n')).toBe(
      version('[providers.openai]\napi_key = "a-secret-2"\n'),
    )
  })

  test('what is printed has no secrets, and is the same configuration when read again', () => {
    const result = loadText('a.json', render(nativeBase, 'json').text)
    if (!result.ok) throw new Error('the base is right')
    const printed = printToml(result.printable)
    expect(leaksIn(printed)).toEqual([])
    expect(leaksIn(JSON.stringify(result.printable))).toEqual([])
    expect(printed).toContain('api_key = "***"')
    expect(snapshotOf('printed.toml', printed).version).toBe(result.snapshot.version)
  })

  test('references are printed as they were written', () => {
    const text = '[providers.openai]\napi_key = "ENV:SOME_KEY"\n'
    const result = loadText('a.toml', text, {
      environment: { SOME_KEY: 'sk-canary-Q7fJ2mXv9Lp4Rt8W', OPENROUTER_API_KEY: 'plainwordcanaryzebrafish' },
    })
    if (!result.ok) throw new Error('it is right')
    expect(result.printable['providers']).toMatchObject({
      openai: { api_key: 'ENV:SOME_KEY' },
      openrouter: { api_key: 'ENV:OPENROUTER_API_KEY' },
    })
    expect(leaksIn(printToml(result.printable))).toEqual([])
  })
})
