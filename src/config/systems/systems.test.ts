import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { providers } from '../../providers/list.ts'
import { fakeProviders } from '../testing/fake-providers.ts'
import { snapshotOf } from '../testing/load-text.ts'

/** The three systems' own files, as they stand (product.md §12), with the real providers and with made-up ones. */

const root = join(import.meta.dir, '../../../examples')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')

for (const [kind, list] of [
  ['the real providers', providers],
  ['made-up providers', fakeProviders],
] as const)
  describe(`with ${kind}`, () => {
    test('system A: config/xjp.toml', () => {
      const environment = {
        OPENROUTER_API_KEY: 'key-of-openrouter',
        CLEWDR_BASE_URL: 'http://127.0.0.1:8484/',
        CLEWDR_API_KEY: 'key-of-clewdr',
        VERTEX_ACCESS_TOKEN: 'token-of-vertex',
        VERTEX_PROJECT: 'project-1',
        VERTEX_REGION: 'europe-west4',
      }
      const snapshot = snapshotOf('config/xjp.toml', read('system-a/xjp.toml'), {
        environment,
        providers: list,
      })
      expect(snapshot.origin).toBe('file')
      expect(snapshot.server).toMatchObject({ host: '127.0.0.1', port: 8080 })
      expect(snapshot.auth.mode).toBe('first-key')
      expect(Object.keys(snapshot.providers)).toEqual(['openrouter', 'vertex', 'clewdr'])
      expect(snapshot.providers['openrouter']).toMatchObject({
        type: 'openrouter',
        apiKey: 'key-of-openrouter',
      })
      expect(snapshot.providers['clewdr']).toMatchObject({
        baseUrl: 'http://127.0.0.1:8484',
        apiKey: 'key-of-clewdr',
      })
      expect(snapshot.providers['vertex']).toMatchObject({
        accessToken: 'token-of-vertex',
        project: 'project-1',
        region: 'europe-west4',
      })
      expect([...snapshot.models.keys()]).toEqual(['claude-sonnet-4.5', 'gemini-1.5-pro', 'my-clewdr-model'])
      const targets = snapshot
        .resolve('claude-sonnet-4.5')
        ?.routes.map(({ provider, model }) => [provider, model])
      expect(targets).toEqual([
        ['openrouter', 'anthropic/claude-3.5-sonnet'],
        ['vertex', 'publishers/google/models/gemini-1.5-pro-002'],
      ])
      expect(snapshot.resolve('gemini-1.5-pro')?.routes[0]).toMatchObject({
        region: 'us-central1',
        project: 'your-gcp-project',
      })
      expect(snapshot.resolve('my-clewdr-model')?.routes[0]).toMatchObject({
        provider: 'clewdr',
        model: 'gpt-4o-like',
      })
      expect(snapshot.rateLimiting).toEqual({ defaultRpm: 60, burstSize: 10 })
      // The file names its models: others are not served, although the providers have keys.
      expect(snapshot.resolve('openrouter/openai/gpt-4o')).toBeUndefined()
      expect(snapshot.notices).toEqual([])
    })

    test('system A without anything in the environment', () => {
      const snapshot = snapshotOf('config/xjp.toml', read('system-a/xjp.toml'), { providers: list })
      expect(snapshot.models.size).toBe(3)
      expect(snapshot.notices.join('\n')).toContain('set OPENROUTER_API_KEY')
    })

    test('system B: config.yaml', () => {
      const environment = {
        OPENAI_API_KEY: 'x',
        OPENAI_COMPAT_BASE_URL: 'http://other.example',
        OTEL_SERVICE_NAME: 'other',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://other.example:4317',
        TRACE_BODY_MAX_BYTES: '1000',
      }
      const snapshot = snapshotOf('config.yaml', read('system-b/config.yaml'), {
        environment,
        providers: list,
      })
      expect(snapshot.origin).toBe('system-b')
      expect(snapshot.auth.mode).toBe('open')
      expect(snapshot.server).toMatchObject({ host: '0.0.0.0', port: 8080 })
      expect(snapshot.limits.maxInflight).toBe(512)
      expect(Object.keys(snapshot.providers)).toEqual(['downstream'])
      expect(snapshot.providers['downstream']).toMatchObject({
        type: 'openai_compat',
        baseUrl: 'https://api.moonshot.cn/v1',
        apiKey: 'sk-xxx',
      })
      expect(snapshot.resolve('kimi-k2.5')?.routes[0]).toMatchObject({
        provider: 'downstream',
        model: 'kimi-k2.5',
        timeouts: { connectMs: 5000, firstByteMs: 60000, idleMs: 60000 },
      })
      // A name the map does not have passes through by itself, slashes and all.
      expect(snapshot.resolve('gpt-4o-mini')).toMatchObject({
        displayName: 'GPT-4o Mini',
        routes: [{ provider: 'downstream', model: 'gpt-4o-mini', timeouts: { connectMs: 5000 } }],
      })
      expect(snapshot.resolve('openai/gpt-4o')?.routes[0]).toMatchObject({
        provider: 'downstream',
        model: 'openai/gpt-4o',
      })
      expect(snapshot.modelList).toMatchObject({
        source: 'downstream',
        defaultProvider: 'downstream',
        passthrough: [],
      })
      expect(snapshot.modelList.override).toBeUndefined()
      expect(snapshot.translation).toEqual({
        strict: false,
        outputStrict: true,
        allowImages: true,
        documentPolicy: 'reject',
        thinkingMap: [
          { budget: 4000, effort: 'medium' },
          { budget: 8000, effort: 'high' },
        ],
      })
      expect(snapshot.observability).toMatchObject({
        serviceName: 'llm-gateway',
        dumpDownstream: false,
        logging: { level: 'info', format: 'text', stdout: true, file: './logs/llm-gateway.log' },
        otlpGrpc: { endpoint: 'http://localhost:4317', timeoutMs: 3000 },
        otlpHttp: {
          baseUrl: 'https://cloud.langfuse.com/api/public/otel',
          publicKey: 'pk_***',
          secretKey: 'sk_***',
          timeoutMs: 5000,
        },
        exporters: { tracing: 'langfuse_http', metrics: 'langfuse_http' },
        traceBodyMaxBytes: 1000,
      })
    })

    test('system C: config/models.json', () => {
      const environment = { OPENAI_API_KEY: 'key-of-openai' }
      const snapshot = snapshotOf('config/models.json', read('system-c/models.json'), {
        environment,
        providers: list,
        overrides: { port: 8765 },
      })
      expect(snapshot.origin).toBe('system-c')
      expect(snapshot.auth.mode).toBe('open')
      expect(snapshot.server).toMatchObject({ host: '127.0.0.1', port: 8765 })
      const entry = snapshot.resolve('gpt-3.5-turbo')
      expect(entry).toMatchObject({
        created: 0,
        ownedBy: 'openai_compat',
        defaults: { temperature: 0.7, maxOutputTokens: 2000 },
      })
      expect(entry?.routes[0]).toMatchObject({ model: 'gpt-3.5-turbo', timeouts: { totalMs: 60_000 } })
      expect(snapshot.providers[entry?.routes[0]?.provider ?? '']).toMatchObject({
        type: 'openai_compat',
        baseUrl: 'https://api.openai.com/v1',
        apiKey: 'key-of-openai',
      })
      expect(snapshot.resolve('openai/gpt-4o')).toBeUndefined()
    })
  })

describe('system B further', () => {
  const file = (models: string): string =>
    `downstream: { base_url: "https://a.example/v1/" }\nmodels: ${models}\n`

  test('works with an address alone; documents are then refused', () => {
    const snapshot = snapshotOf('config.yaml', file('{}'))
    expect(snapshot.server).toMatchObject({ host: '127.0.0.1', port: 8080 })
    expect(snapshot.providers['downstream']).toEqual({
      name: 'downstream',
      type: 'openai_compat',
      baseUrl: 'https://a.example/v1',
      headers: {},
      options: {},
    })
    expect(snapshot.translation.documentPolicy).toBe('reject')
    expect(snapshot.observability.serviceName).toBe('llm-gateway')
  })

  const lists: readonly [string, string, boolean][] = [
    ['{ allowlist: [a] }', 'a', true],
    ['{ allowlist: [a] }', 'b', false],
    ['{ blocklist: [b] }', 'b', false],
    ['{ blocklist: [b] }', 'c', true],
    ['{ allowlist: ["kimi-*"], blocklist: ["*-old"] }', 'kimi-k2', true],
    ['{ allowlist: ["kimi-*"], blocklist: ["*-old"] }', 'kimi-old', false],
    ['{ allowlist: [public], model_map: { public: hidden } }', 'hidden', false],
  ]
  for (const [models, name, isServed] of lists)
    test(`${models}: ${name} is ${isServed ? '' : 'not '}served`, () =>
      expect(snapshotOf('config.yaml', file(models)).resolve(name) !== undefined).toBe(isServed))

  test('the list can be given whole', () => {
    const models =
      '{ models_override: [{ id: a, type: model, display_name: A, created_at: "2025-01-31T00:00:00Z" }] }'
    expect(snapshotOf('config.yaml', file(models)).modelList.override).toEqual([
      { id: 'a', displayName: 'A', createdAt: '2025-01-31T00:00:00Z' },
    ])
  })

  const addresses: readonly [string, string, number][] = [
    ['0.0.0.0:8080', '0.0.0.0', 8080],
    ['localhost:0', 'localhost', 0],
    ['[::1]:9000', '::1', 9000],
  ]
  for (const [bind, host, port] of addresses)
    test(`bind_addr ${bind}`, () => {
      const text = `server: { bind_addr: "${bind}" }\ndownstream: { base_url: "https://a.example" }\n`
      expect(snapshotOf('config.yaml', text).server).toMatchObject({ host, port })
    })
})

describe('system C further', () => {
  const load = (entry: object, environment = {}) =>
    snapshotOf('models.json', JSON.stringify({ models: [entry] }), { environment })

  test('an entry that is switched off is not served, and its variables need not exist', () => {
    const off = {
      id: 'off',
      adapter: 'openai_compat',
      base_url: 'ENV:NONE',
      api_key: 'ENV:NONE',
      enabled: false,
    }
    const snapshot = load(off)
    expect(snapshot.models.size).toBe(0)
    expect(snapshot.resolve('off')).toBeUndefined()
  })

  test('custom_http has a dialect, a path and a header', () => {
    const snapshot = load({
      id: 'claude',
      adapter: 'custom_http',
      base_url: 'https://a.example',
      api_key: 'k',
      dialect: 'messages',
      path: '/x/{model}',
      auth_header: 'x-api-key',
    })
    expect(Object.values(snapshot.providers)[0]).toMatchObject({
      type: 'custom_http',
      dialect: 'messages',
      options: { dialect: 'messages', path: '/x/{model}', auth: 'header', authHeader: 'x-api-key' },
    })
  })

  test('process has a command, and its time is the entry’s', () => {
    const snapshot = load({
      id: 'llama',
      adapter: 'process',
      command: ['llama', '{model}'],
      model: '7b',
      timeout: 1.5,
    })
    expect(Object.values(snapshot.providers)[0]).toMatchObject({
      type: 'process',
      baseUrl: '',
      options: { command: ['llama', '{model}'], timeoutMs: 1500 },
    })
    expect(snapshot.resolve('llama')?.routes[0]).toMatchObject({ model: '7b', timeouts: { totalMs: 1500 } })
  })
})
