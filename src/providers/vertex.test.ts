import { describe, expect, test } from 'bun:test'
import { fixedServices, httpProvider, never, settingsFor } from '../../test/providers/settings.ts'
import type { Operation, ProviderSettings } from './provider.ts'

const vertex = httpProvider('vertex')
const google = 'https://aiplatform.googleapis.com'
const base = { baseUrl: google, project: 'p', accessToken: 't' }
const here = { ...base, baseUrl: 'http://127.0.0.1:9' }

type Row = [settings: Partial<ProviderSettings>, operation: Operation, model: string, url: string | undefined]

/** The forms of protocol.md §5.3. */
const rows: Row[] = [
  [
    { ...base, region: 'us-central1' },
    'generate',
    'gemini-2.5-pro',
    'https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-2.5-pro:generateContent',
  ],
  [
    base,
    'stream',
    'gemini-2.5-pro',
    `${google}/v1beta1/projects/p/locations/global/publishers/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
  ],
  [
    { ...base, region: 'eu' },
    'count-tokens',
    'gemini-2.5-pro',
    'https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu/publishers/google/models/gemini-2.5-pro:countTokens',
  ],
  [
    { ...base, region: 'us' },
    'generate',
    'models/gemini-x',
    'https://aiplatform.us.rep.googleapis.com/v1beta1/projects/p/locations/us/publishers/google/models/gemini-x:generateContent',
  ],
  [
    { baseUrl: google, apiKey: 'k' },
    'stream',
    'publishers/google/models/gemini-1.5-pro-002',
    `${google}/v1beta1/publishers/google/models/gemini-1.5-pro-002:streamGenerateContent?alt=sse`,
  ],
  [
    { baseUrl: google, apiKey: 'k', project: 'p' },
    'generate',
    'gemini-x',
    `${google}/v1beta1/projects/p/locations/global/publishers/google/models/gemini-x:generateContent`,
  ],
  [
    { ...base, region: 'us-central1' },
    'stream',
    'endpoints/123',
    'https://us-central1-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-central1/endpoints/123:streamGenerateContent?alt=sse',
  ],
  [
    base,
    'generate',
    'projects/p/locations/global/endpoints/123',
    `${google}/v1beta1/projects/p/locations/global/endpoints/123:generateContent`,
  ],
  [
    base,
    'generate',
    'claude-sonnet-4-5@20250929',
    `${google}/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`,
  ],
  [
    base,
    'stream',
    'publishers/anthropic/models/claude-opus-5',
    `${google}/v1/projects/p/locations/global/publishers/anthropic/models/claude-opus-5:streamRawPredict`,
  ],
  [
    base,
    'count-tokens',
    'anthropic/claude-opus-5',
    `${google}/v1/projects/p/locations/global/publishers/anthropic/models/count-tokens:rawPredict`,
  ],
  [
    base,
    'stream',
    'meta/llama-4-maverick-maas',
    `${google}/v1/projects/p/locations/global/endpoints/openapi/chat/completions`,
  ],
  [base, 'count-tokens', 'meta/llama-4-maverick-maas', undefined],
  [
    { ...here, region: 'us-central1' },
    'generate',
    'gemini-x',
    'http://127.0.0.1:9/v1beta1/projects/p/locations/us-central1/publishers/google/models/gemini-x:generateContent',
  ],
  [base, 'list-models', '', undefined],
]

describe('addresses', () => {
  test.each(rows)('%j %s %s → %s', (settings, operation, model, url) => {
    expect(vertex.place(operation, model, settingsFor(settings))?.url).toBe(url)
  })
})

/** Promise J11: what could change host or path is refused, with the field that is wrong. */
describe('refused', () => {
  const at =
    (model: string, changes: Partial<ProviderSettings> = {}) =>
    () =>
      vertex.place('generate', model, settingsFor({ ...base, ...changes }))

  test.each([
    'a..b',
    '../x',
    'gemini?x=1',
    'gemini&x',
    'gemini#x',
    'user@host',
    'gemini@1',
    'a\\b',
    'gemini-x:countTokens',
    'gemini x',
    'gemini%2fx',
    'ｇemini',
    '',
    'a/b/c',
    'projects/other/locations/global/endpoints/1',
    'projects/p/locations/us-east1/endpoints/1',
    'publishers/google/models/x/../../y',
  ])('model %j', (model) => {
    expect(at(model)).toThrow(/^model: /)
  })

  test.each([
    'us.evil.example',
    'us/../x',
    'evil.example#',
    'a@b',
    '-us',
    'US',
    '',
    'x'.repeat(64),
    'münchen',
  ])('region %j', (region) => {
    expect(at('gemini-x', { region })).toThrow(/^region: /)
  })

  test.each(['p/../q', 'p?x', 'p#x', 'p@q', 'a..b', 'p\\q', 'P', ''])('project %j', (project) => {
    expect(at('gemini-x', { project })).toThrow(/^project: /)
  })

  test('no project where one is needed', () => {
    const place = () =>
      vertex.place('generate', 'claude-opus-5', settingsFor({ baseUrl: google, apiKey: 'k' }))
    expect(place).toThrow(
      'project: the provider tested needs a Google Cloud project for claude-opus-5; set VERTEX_PROJECT',
    )
  })
})

test('each maker’s models are spoken to in their own dialect', () => {
  const dialects = [
    'gemini-2.5-pro',
    'claude-opus-5',
    'publishers/anthropic/models/x',
    'anthropic/claude-x',
    'meta/llama-4-maas',
    'endpoints/1',
  ]
  expect(dialects.map((model) => vertex.dialect(model, settingsFor()))).toEqual([
    'generate-content',
    'messages',
    'messages',
    'messages',
    'chat-completions',
    'generate-content',
  ])
})

test('bodies take the form of their place, and the input stays as it was', () => {
  const body = { model: 'm', stream: true, max_tokens: 5 }
  const before = structuredClone(body)
  expect(vertex.shape?.(body, 'claude-opus-5', 'stream')).toEqual({
    anthropic_version: 'vertex-2023-10-16',
    stream: true,
    max_tokens: 5,
  })
  expect(vertex.shape?.(body, 'anthropic/claude-x@1', 'count-tokens')).toMatchObject({ model: 'claude-x@1' })
  expect(vertex.shape?.(body, 'gemini-x', 'stream')).toEqual({ max_tokens: 5 })
  expect(vertex.shape?.(body, 'publishers/meta/models/llama-maas', 'stream')).toMatchObject({
    model: 'meta/llama-maas',
  })
  expect(body).toEqual(before)
})

test('the project comes from the credentials when the settings have none', async () => {
  const complete = async (settings: Partial<ProviderSettings>) =>
    (await vertex.complete?.(settingsFor(settings), fixedServices, never))?.project
  const baseUrl = vertex.defaultBaseUrl ?? ''
  expect(await complete({ baseUrl })).toBe('from-credentials')
  expect(await complete({ baseUrl: here.baseUrl })).toBeUndefined()
  expect(await complete({ project: 'own' })).toBe('own')
  expect(await complete({ apiKey: 'k' })).toBeUndefined()
})
