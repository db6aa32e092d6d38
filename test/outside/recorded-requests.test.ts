import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { isObject, type JsonObject, parseJson } from '../../src/protocol/model/json.ts'
import { haveRecordings, recordings } from '../recordings/load.ts'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { startUpstream, type Upstream } from '../rig/upstream.ts'

/**
 * Every recorded request of one dialect as a client's request to upstreams of the others: the upstream, which holds
 * bodies to its vendor's documentation, takes what arrives, or the gateway itself says which field cannot be carried.
 */

const fronts = [
  {
    api: 'openai-chat',
    path: '/v1/chat/completions',
    models: [
      'anthropic/claude-sonnet-4-5',
      'anthropic/claude-opus-5-5',
      'clewdr/claude-sonnet-4-5-20250929',
      'gemini/gemini-2.5-flash',
      'gemini/gemini-3-pro-preview',
      'vertex/gemini-2.5-flash',
      'vertex/claude-sonnet-4-5@20250929',
    ],
  },
  {
    api: 'anthropic-messages',
    path: '/v1/messages',
    models: [
      'openai/gpt-4o',
      'openai/gpt-5',
      'deepseek/deepseek-reasoner',
      'gemini/gemini-2.5-flash',
      'gemini/gemini-3-pro-preview',
      'openrouter/anthropic/claude-sonnet-4.5',
      'vertex/gemini-2.5-flash',
    ],
  },
] as const

/** Recorded bodies that are requests of their dialect: some recordings keep none. */
function bodiesOf(api: (typeof fronts)[number]['api']): JsonObject[] {
  return recordings(api).flatMap((recording) => {
    const body = parseJson(recording.request.body ?? '')
    return isObject(body) && Array.isArray(body['messages']) ? [body] : []
  })
}

describe('recorded requests at other upstreams', () => {
  if (!haveRecordings()) {
    test('the folder of recorded exchanges is absent: set XJP_RECORDINGS to run this suite', () => {
      expect(haveRecordings()).toBe(false)
    })
    return
  }
  let upstream: Upstream
  let gateway: GatewayProcess
  beforeAll(async () => {
    upstream = await startUpstream()
    const config = { name: 'xjp.toml', text: '[retry]\nmax_retries = 0\n' }
    gateway = await startGateway({ env: upstream.environment, args: ['--open'], config })
  })
  afterAll(async () => {
    await gateway.stop()
    await upstream.close()
  })

  async function verdict(path: string, body: JsonObject): Promise<string> {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (response.status === 200)
      return /"error"\s*:\s*\{/.test(text) ? `error in the stream: ${text}` : 'answered'
    return response.status === 400 && text.includes(' cannot be carried to ') ? 'refused' : text
  }

  for (const { api, path, models } of fronts)
    for (const model of models)
      test(`${api} → ${model}`, async () => {
        const bodies = bodiesOf(api)
        const counts: Record<string, number> = {}
        for (const [index, { stream_options: _, ...body }] of bodies.entries()) {
          const found = await verdict(path, { ...body, model, stream: index % 2 === 0 })
          counts[found] = (counts[found] ?? 0) + 1
        }
        const { answered = 0, refused = 0, ...others } = counts
        expect(others).toEqual({})
        expect(answered + refused).toBe(bodies.length)
        expect(answered).toBeGreaterThan(bodies.length / 2)
      }, 30_000)
})
