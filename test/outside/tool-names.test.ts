import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { isObject, type JsonObject } from '../../src/protocol/model/json.ts'
import type { Answer, Received } from './mock.ts'
import { openStage, type Stage, scripted } from './stage.ts'

/** Tools whose names an upstream does not take are called by the names the client gave them. */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

/** Names under which tools are declared or called, anywhere in a body. */
function toolNames(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(toolNames)
  if (!isObject(value)) return []
  if (isObject(value['function'])) return [value['function']['name']]
  if (value['type'] === 'tool_use' || isObject(value['input_schema'])) return [value['name']]
  if (Array.isArray(value['functionDeclarations']))
    return value['functionDeclarations'].map((declared) =>
      isObject(declared) ? declared['name'] : undefined,
    )
  return Object.values(value).flatMap(toolNames)
}

/** Calls the first declared tool, by the name it was declared under. */
function callsFirstTool({ body, path }: Received): Answer {
  const name = String(toolNames(body['tools'])[0])
  if (path.endsWith(':generateContent')) {
    const parts = [{ functionCall: { name, args: {} } }]
    return { candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }] }
  }
  if (path.endsWith('/chat/completions')) {
    const call = { id: 'call_1', type: 'function', function: { name, arguments: '{}' } }
    const message = { role: 'assistant', tool_calls: [call] }
    return { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] }
  }
  return {
    type: 'message',
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_1', name, input: {} }],
    stop_reason: 'tool_use',
    usage: { input_tokens: 1, output_tokens: 1 },
  }
}

const names = ['files.read', '天气', 'a b/c', `${'x'.repeat(70)}.y`]
const pairs: readonly [string, string][] = [
  ['/v1/chat/completions', 'anthropic/claude-sonnet-4-5'],
  ['/v1/chat/completions', 'gemini/gemini-2.5-flash'],
  ['/v1/messages', 'openai/gpt-4o'],
  ['/v1/messages', 'gemini/gemini-2.5-flash'],
]

function request(path: string, model: string, name: string): JsonObject {
  const messages = [{ role: 'user', content: 'hi' }]
  return path === '/v1/messages'
    ? { model, max_tokens: 100, messages, tools: [{ name, input_schema: { type: 'object' } }] }
    : { model, messages, tools: [{ type: 'function', function: { name } }] }
}

describe('names of tools come back as they were written', () => {
  for (const [path, model] of pairs)
    for (const name of names)
      test(`${path} → ${model}: ${name.slice(0, 12)}`, async () => {
        await scripted(stage, callsFirstTool, async () => {
          const reply = await stage.post(path, request(path, model, name))
          expect([reply.status, toolNames(reply.json)]).toEqual([200, [name]])
        })
      })
})
