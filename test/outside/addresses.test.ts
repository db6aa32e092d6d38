import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { startGateway } from '../rig/gateway.ts'
import { type Mock, startMock } from './mock.ts'

/** Base addresses as people write them in the environment, and where the first call goes. `@` is the upstream. */

let mock: Mock
beforeAll(() => {
  mock = startMock()
})
afterAll(() => mock.stop())

const KEY = 'sk-0123456789'
type Row = [string, Record<string, string>, string, string, Record<string, string>?]
const bearer = { authorization: `Bearer ${KEY}` }
const google = { 'x-goog-api-key': KEY }
const vertexToken = { VERTEX_ACCESS_TOKEN: KEY, VERTEX_PROJECT: 'p1' }

const rows: Row[] = [
  ['openai/m', { OPENAI_BASE_URL: '@/v1', OPENAI_API_KEY: KEY }, '/v1/chat/completions', '', bearer],
  ['openai/m', { OPENAI_BASE_URL: '@/v1/', OPENAI_API_KEY: KEY }, '/v1/chat/completions', ''],
  ['openai/m', { OPENAI_BASE_URL: '@/v1/chat/completions', OPENAI_API_KEY: KEY }, '/v1/chat/completions', ''],
  [
    'openrouter/a/b',
    { OPENROUTER_BASE_URL: '@/api/v1/', OPENROUTER_API_KEY: KEY },
    '/api/v1/chat/completions',
    '',
  ],
  [
    'anthropic/m',
    { ANTHROPIC_BASE_URL: '@', ANTHROPIC_API_KEY: KEY },
    '/v1/messages',
    '',
    { 'x-api-key': KEY },
  ],
  ['anthropic/m', { ANTHROPIC_BASE_URL: '@/v1/', ANTHROPIC_AUTH_TOKEN: KEY }, '/v1/messages', '', bearer],
  ['clewdr/m', { CLEWDR_BASE_URL: '@/v1', CLEWDR_API_KEY: KEY }, '/code/v1/messages', '', bearer],
  ['clewdr/m', { CLEWDR_BASE_URL: '@/code/v1/messages', CLEWDR_API_KEY: KEY }, '/code/v1/messages', ''],
  ['clewdr/m', { CLEWDR_BASE_URL: '@/v1/chat/completions' }, '/code/v1/messages', ''],
  [
    'gemini/g',
    { GEMINI_BASE_URL: '@/v1beta/', GEMINI_API_KEY: KEY },
    '/v1beta/models/g:generateContent',
    '',
    google,
  ],
  [
    'vertex/g',
    { VERTEX_BASE_URL: '@', VERTEX_API_KEY: KEY },
    '/v1beta1/publishers/google/models/g:generateContent',
    '',
    google,
  ],
  [
    'vertex/publishers/google/models/g',
    { VERTEX_BASE_URL: '@/v1', ...vertexToken, VERTEX_REGION: 'us-central1' },
    '/v1beta1/projects/p1/locations/us-central1/publishers/google/models/g:generateContent',
    '',
    bearer,
  ],
  [
    'vertex/claude-opus-5',
    { VERTEX_BASE_URL: '@', ...vertexToken },
    '/v1/projects/p1/locations/global/publishers/anthropic/models/claude-opus-5:rawPredict',
    '',
  ],
]

describe('base addresses', () => {
  for (const [model, environment, path, query, headers = {}] of rows)
    test(`${Object.values(environment)[0]} of ${model}`, async () => {
      const filled = Object.entries(environment).map(([name, value]) => [name, value.replace('@', mock.url)])
      const gateway = await startGateway({ args: ['--open'], env: Object.fromEntries(filled) })
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
      })
      await response.arrayBuffer()
      await gateway.stop()
      expect(response.status).toBe(200)
      expect(mock.last()).toMatchObject({ path, query, headers })
    })
})
