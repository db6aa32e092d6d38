import { describe, expect, test } from 'bun:test'
import { fixedServices, httpProvider, never, settingsFor } from '../../test/providers/settings.ts'
import { findProvider, providers } from './list.ts'
import type { Operation, ProviderSettings } from './provider.ts'

describe('the list', () => {
  test('no two providers answer to one name', () => {
    const names = providers.flatMap(({ id, displayName, aliases = [] }) => [
      ...new Set([id, displayName, ...aliases].map((name) => name.toLowerCase())),
    ])
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test.each([
    ['OpenRouter', 'openrouter'],
    ['Vertex', 'vertex'],
    ['CLEWDR', 'clewdr'],
    ['openai-compatible', 'openai_compat'],
    ['OpenAICompatible', 'openai_compat'],
    ['kimi', 'moonshot'],
    ['Zhipu', 'zai'],
    ['dashscope', 'alibaba'],
    ['llama.cpp', 'llamacpp'],
    ['custom_http', 'custom_http'],
    ['process', 'process'],
    ['demo', 'demo'],
  ])('%s is %s', (name, id) => {
    expect(findProvider(name)?.id).toBe(id)
  })

  test('an unknown name is nobody', () => {
    expect(findProvider('nonsuch')).toBeUndefined()
  })

  test('servers of one’s own have no key variables, so a key alone never offers them', () => {
    for (const id of ['ollama', 'vllm', 'lmstudio', 'localai', 'llamacpp', 'openai_compat', 'custom_http'])
      expect([id, httpProvider(id).environment.apiKey]).toEqual([id, []])
  })
})

type Row = [
  provider: string,
  settings: Partial<ProviderSettings>,
  operation: Operation,
  model: string,
  url: string | undefined,
]

const here = 'http://127.0.0.1:9'

/** Base addresses as each vendor's own SDK takes them. */
const places: Row[] = [
  ['openrouter', { baseUrl: `${here}/api/v1` }, 'stream', 'a/b', `${here}/api/v1/chat/completions`],
  [
    'openrouter',
    { baseUrl: `${here}/api/v1`, dialect: 'messages' },
    'generate',
    'a/b',
    `${here}/api/v1/messages`,
  ],
  ['openrouter', { baseUrl: `${here}/api/v1` }, 'list-models', '', `${here}/api/v1/models`],
  ['openrouter', { baseUrl: `${here}/api/v1` }, 'count-tokens', 'a/b', undefined],
  ['openai', { baseUrl: `${here}/v1` }, 'generate', 'gpt-5', `${here}/v1/chat/completions`],
  ['openai', { baseUrl: `${here}/v1`, dialect: 'responses' }, 'stream', 'gpt-5', `${here}/v1/responses`],
  ['openai_compat', { baseUrl: `${here}/v1` }, 'generate', 'kimi-k2.5', `${here}/v1/chat/completions`],
  ['anthropic', { baseUrl: here }, 'stream', 'claude-x', `${here}/v1/messages`],
  ['anthropic', { baseUrl: `${here}/v1` }, 'stream', 'claude-x', `${here}/v1/messages`],
  ['anthropic', { baseUrl: here }, 'count-tokens', 'claude-x', `${here}/v1/messages/count_tokens`],
  ['anthropic', { baseUrl: here }, 'list-models', '', `${here}/v1/models?limit=1000`],
  [
    'clewdr',
    { baseUrl: 'http://127.0.0.1:8484' },
    'stream',
    'claude-x',
    'http://127.0.0.1:8484/code/v1/messages',
  ],
  [
    'clewdr',
    { baseUrl: 'http://127.0.0.1:8484/v1' },
    'generate',
    'claude-x',
    'http://127.0.0.1:8484/code/v1/messages',
  ],
  [
    'clewdr',
    { baseUrl: 'http://127.0.0.1:8484/code' },
    'generate',
    'claude-x',
    'http://127.0.0.1:8484/code/v1/messages',
  ],
  [
    'clewdr',
    { baseUrl: 'http://127.0.0.1:8484/code/v1' },
    'list-models',
    '',
    'http://127.0.0.1:8484/code/v1/models',
  ],
  [
    'clewdr',
    { baseUrl: 'http://127.0.0.1:8484' },
    'count-tokens',
    'claude-x',
    'http://127.0.0.1:8484/code/v1/messages/count_tokens',
  ],
  [
    'gemini',
    { baseUrl: here },
    'generate',
    'gemini-2.5-pro',
    `${here}/v1beta/models/gemini-2.5-pro:generateContent`,
  ],
  [
    'gemini',
    { baseUrl: `${here}/v1beta` },
    'stream',
    'models/gemini-2.5-pro',
    `${here}/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
  ],
  [
    'gemini',
    { baseUrl: here },
    'count-tokens',
    'gemini-2.5-pro',
    `${here}/v1beta/models/gemini-2.5-pro:countTokens`,
  ],
  ['gemini', { baseUrl: here }, 'list-models', '', `${here}/v1beta/models?pageSize=1000`],
  [
    'gemini',
    { baseUrl: here, dialect: 'chat-completions' },
    'stream',
    'gemini-2.5-pro',
    `${here}/v1beta/openai/chat/completions`,
  ],
  [
    'azure',
    { baseUrl: `${here}/` },
    'stream',
    'my-gpt',
    `${here}/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21`,
  ],
  [
    'azure',
    { baseUrl: here, options: { apiVersion: '2025-01-01-preview' } },
    'generate',
    'm',
    `${here}/openai/deployments/m/chat/completions?api-version=2025-01-01-preview`,
  ],
  ['azure', { baseUrl: `${here}/openai/v1` }, 'generate', 'm', `${here}/openai/v1/chat/completions`],
  [
    'azure',
    { baseUrl: `${here}/openai/v1`, dialect: 'responses' },
    'generate',
    'm',
    `${here}/openai/v1/responses`,
  ],
  ['deepseek', { baseUrl: here }, 'generate', 'deepseek-v4', `${here}/chat/completions`],
  [
    'deepseek',
    { baseUrl: `${here}/v1`, dialect: 'messages' },
    'generate',
    'deepseek-v4',
    `${here}/anthropic/v1/messages`,
  ],
  [
    'zai',
    { baseUrl: `${here}/api/paas/v4`, dialect: 'messages' },
    'generate',
    'glm-5',
    `${here}/api/anthropic/v1/messages`,
  ],
  [
    'ollama',
    { baseUrl: 'http://127.0.0.1:11434' },
    'generate',
    'qwen3',
    'http://127.0.0.1:11434/v1/chat/completions',
  ],
  ['ollama', { baseUrl: 'http://127.0.0.1:11434/v1' }, 'list-models', '', 'http://127.0.0.1:11434/v1/models'],
  [
    'vllm',
    { baseUrl: `${here}/v1`, dialect: 'messages' },
    'count-tokens',
    'm',
    `${here}/v1/messages/count_tokens`,
  ],
  ['custom_http', { baseUrl: here, dialect: 'messages' }, 'stream', 'm', `${here}/v1/messages`],
  ['custom_http', { baseUrl: `${here}/v1`, dialect: 'messages' }, 'list-models', '', `${here}/v1/models`],
  [
    'custom_http',
    { baseUrl: here, options: { path: '/llm/{model}/chat?v=2' } },
    'stream',
    'a/b c',
    `${here}/llm/a%2Fb%20c/chat?v=2`,
  ],
  ['custom_http', { baseUrl: here, options: { path: '/llm' } }, 'list-models', '', undefined],
  [
    'custom_http',
    { baseUrl: here, dialect: 'generate-content' },
    'stream',
    'g',
    `${here}/v1beta/models/g:streamGenerateContent?alt=sse`,
  ],
  [
    'custom_http',
    { baseUrl: here, dialect: 'generate-content', options: { path: '/g/{model}/{method}?k=1' } },
    'stream',
    'g',
    `${here}/g/g/streamGenerateContent?k=1&alt=sse`,
  ],
]

describe('where each operation is called', () => {
  test.each(places)('%s %j %s %s → %s', (name, settings, operation, model, url) => {
    const place = httpProvider(name).place(operation, model, settingsFor(settings))
    expect(place?.url).toBe(url)
    if (place) expect(place.method).toBe(operation === 'list-models' ? 'GET' : 'POST')
  })

  test('a dialect the vendor does not speak is named', () => {
    const speak = () => httpProvider('groq').dialect('m', settingsFor({ dialect: 'messages' }))
    expect(speak).toThrow('dialect: tested speaks "chat-completions" or "responses", not "messages"')
  })
})

/** Without a key only the vendor's own address is refused: another may need none. */
function vendorAddress(name: string): string {
  return httpProvider(name).defaultBaseUrl ?? ''
}

describe('how each authorises', () => {
  const key: Partial<ProviderSettings> = { apiKey: 'k' }
  const rows: [string, Partial<ProviderSettings>, Record<string, string>][] = [
    ['openrouter', key, { authorization: 'Bearer k' }],
    ['clewdr', key, { authorization: 'Bearer k' }],
    ['anthropic', key, { 'x-api-key': 'k' }],
    ['anthropic', { accessToken: 't' }, { authorization: 'Bearer t' }],
    ['azure', key, { 'api-key': 'k' }],
    ['gemini', key, { 'x-goog-api-key': 'k' }],
    ['vertex', key, { 'x-goog-api-key': 'k' }],
    ['vertex', { apiKey: 'k', accessToken: 't' }, { authorization: 'Bearer t' }],
    ['vertex', { baseUrl: vendorAddress('vertex') }, { authorization: 'Bearer google-token' }],
    ['vertex', { baseUrl: here }, {}],
    ['openai', {}, {}],
    ['anthropic', {}, {}],
    ['gemini', {}, {}],
    ['deepseek', { ...key, dialect: 'messages' }, { authorization: 'Bearer k', 'x-api-key': 'k' }],
    ['ollama', {}, {}],
    ['ollama', key, { authorization: 'Bearer k' }],
    ['custom_http', key, { authorization: 'Bearer k' }],
    ['custom_http', { ...key, options: { auth: 'none' } }, {}],
    ['custom_http', { ...key, options: { authHeader: 'X-Key' } }, { 'x-key': 'k' }],
  ]
  test.each(rows)('%s %j → %j', async (name, settings, headers) => {
    expect(await httpProvider(name).authorise(settingsFor(settings), fixedServices, never)).toEqual(headers)
  })

  test('a missing key says which variable to set', () => {
    const settings = settingsFor({ baseUrl: vendorAddress('moonshot') })
    expect(() => httpProvider('moonshot').authorise(settings, fixedServices, never)).toThrow(
      'The provider tested has no API key: set MOONSHOT_API_KEY or KIMI_API_KEY, or api_key in its configuration',
    )
  })
})

test('wrong settings of custom_http are named', () => {
  const place = (options: Record<string, unknown>, more: Partial<ProviderSettings> = {}) =>
    httpProvider('custom_http').place('stream', 'm', settingsFor({ baseUrl: here, options, ...more }))
  expect(() => place({ path: 'llm' })).toThrow('path: expected a path that begins with one "/"')
  expect(() => place({ path: '//evil.example/' })).toThrow('path: expected')
  expect(() => place({ path: '/x?m={model}' })).toThrow('path: expected {model} before the "?"')
  expect(() => place({ path: '/x/{model}' }, { dialect: 'generate-content' })).toThrow(
    'path: expected {method}',
  )
  expect(() => place({}, { baseUrl: 'file:///etc/passwd' })).toThrow('base_url: expected an absolute http')
})

describe('model lists', () => {
  test('OpenAI’s and Anthropic’s shape', () => {
    const body = {
      data: [
        { id: 'a', created: 7, owned_by: 'x' },
        { id: 'b', display_name: 'B', created_at: '1970-01-01T00:00:10Z' },
        { id: 3 },
        'c',
      ],
    }
    expect(httpProvider('openai').modelIds?.(body)).toEqual([
      { id: 'a', created: 7, ownedBy: 'x' },
      { id: 'b', created: 10, displayName: 'B' },
    ])
  })

  test('Google’s shape', () => {
    const body = { models: [{ name: 'models/gemini-x', displayName: 'Gemini X' }] }
    expect(httpProvider('gemini').modelIds?.(body)).toEqual([{ id: 'gemini-x', displayName: 'Gemini X' }])
  })
})
