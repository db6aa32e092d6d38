import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { JsonObject } from '../../src/protocol/model/json.ts'
import { openStage, type Stage } from './stage.ts'

/** What each kind of upstream is asked when a messages client counts tokens, and what is never part of it. */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

const messages = [{ role: 'user', content: 'hi' }]
const tools = [{ name: 'f', input_schema: { type: 'object', properties: { a: { type: 'string' } } } }]
const contents = [{ role: 'user', parts: [{ text: 'hi' }] }]
const systemInstruction = { parts: [{ text: 's' }] }
const declarations = [
  {
    functionDeclarations: [
      { name: 'f', parametersJsonSchema: { type: 'object', properties: { a: { type: 'string' } } } },
    ],
  },
]

const rows: { model: string; path: string; body: JsonObject }[] = [
  {
    model: 'anthropic/claude-sonnet-4-5',
    path: '/anthropic/v1/messages/count_tokens',
    body: { model: 'claude-sonnet-4-5', messages, system: 's', tools },
  },
  {
    model: 'clewdr/claude-sonnet-4-5-20250929',
    path: '/clewdr/code/v1/messages/count_tokens',
    body: { model: 'claude-sonnet-4-5-20250929', messages, system: 's', tools },
  },
  {
    model: 'vertex/claude-sonnet-4-5@20250929',
    path: '/vertex/v1/projects/project-1/locations/us-central1/publishers/anthropic/models/count-tokens:rawPredict',
    body: {
      anthropic_version: 'vertex-2023-10-16',
      model: 'claude-sonnet-4-5@20250929',
      messages,
      system: 's',
      tools,
    },
  },
  {
    model: 'vertex/gemini-2.5-flash',
    path: '/vertex/v1beta1/projects/project-1/locations/us-central1/publishers/google/models/gemini-2.5-flash:countTokens',
    body: { contents, systemInstruction, tools: declarations },
  },
  {
    model: 'gemini/gemini-2.5-flash',
    path: '/gemini/v1beta/models/gemini-2.5-flash:countTokens',
    body: {
      generateContentRequest: {
        model: 'models/gemini-2.5-flash',
        contents,
        systemInstruction,
        tools: declarations,
      },
    },
  },
]

describe('counting tokens', () => {
  for (const { model, path, body } of rows)
    test(`${model} is asked for its own count`, async () => {
      const reply = await stage.post('/v1/messages/count_tokens', { model, messages, system: 's', tools })
      expect(reply.upstream.map((entry) => [entry.path, entry.body])).toEqual([[path, body]])
      expect([reply.status, reply.json, reply.headers.get('x-xjp-estimated')]).toEqual([
        200,
        { input_tokens: 7 },
        null,
      ])
    })

  test('contents alone stand bare', async () => {
    const reply = await stage.post('/v1/messages/count_tokens', {
      model: 'gemini/gemini-2.5-flash',
      messages,
    })
    expect(reply.upstream[0]?.body).toEqual({ contents })
  })

  test('an upstream that cannot count is not asked, and the estimate says so', async () => {
    const reply = await stage.post('/v1/messages/count_tokens', { model: 'openai/gpt-4o', messages })
    expect(reply.upstream).toEqual([])
    expect(reply.headers.get('x-xjp-estimated')).toBe('true')
    expect(reply.json).toEqual({ input_tokens: expect.any(Number) })
  })

  test('an upstream that fails to count is replaced by the estimate', async () => {
    stage.mock.answer(() => Response.json({ type: 'error' }, { status: 500 }))
    const reply = await stage.post('/v1/messages/count_tokens', {
      model: 'anthropic/claude-sonnet-4-5',
      messages,
    })
    stage.mock.answer(undefined)
    expect([reply.status, reply.headers.get('x-xjp-estimated')]).toEqual([200, 'true'])
  })
})
