import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { at, type Fields, fields, list, text } from './json.ts'
import { startUpstream, type Upstream } from './upstream.ts'
import { keyOf } from './vendors.ts'

/** The vendors' own rules: what is refused, and where the refusal points. */

let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())

async function post(
  path: string,
  body: Fields,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Fields }> {
  const vendor = path.split('/')[1] ?? ''
  const response = await fetch(upstream.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${keyOf(vendor)}`,
      'x-goog-api-key': keyOf(vendor),
      'anthropic-version': '2023-06-01',
      ...headers,
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: fields(await response.json()) }
}

/** A good request, and changes that make it bad with the path the vendor complains about. */
interface Sheet {
  name: string
  path: string
  good: Fields
  bad: readonly [why: string, change: Fields, at: string][]
}

const user = { role: 'user', content: 'hi' }
const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })
const functionTool = {
  type: 'function',
  function: { name: 'f', parameters: { type: 'object', properties: {} } },
}
const claudeTool = { name: 'f', input_schema: { type: 'object' } }
const use = { type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }
const result = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'ok' }
const declaration = { functionDeclarations: [{ name: 'f' }] }
const contents = (...turns: [string, ...Fields[]][]): Fields => ({
  contents: turns.map(([role, ...parts]) => ({ role, parts })),
})
const functionCall = { functionCall: { name: 'f', args: {} } }
const functionResponse = { functionResponse: { name: 'f', response: { output: 'ok' } } }

const sheets: readonly Sheet[] = [
  {
    name: 'chat completions',
    path: '/openai/v1/chat/completions',
    good: { model: 'gpt-4.1', messages: [user], max_tokens: 100, temperature: 0.5, tools: [functionTool] },
    bad: [
      ['no model', { model: undefined }, 'model'],
      ['no messages', { messages: [] }, 'messages'],
      ['unknown field', { top_k: 5 }, 'top_k'],
      ['unknown enum member', { reasoning_effort: 'extreme' }, 'reasoning_effort'],
      ['temperature out of range', { temperature: 2.5 }, 'temperature'],
      ['too many stops', { stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop'],
      ['stream options without stream', { stream_options: { include_usage: true } }, 'stream_options'],
      ['null content', { messages: [{ role: 'user', content: null }] }, 'messages[0].content'],
      [
        'unknown part',
        { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] },
        'messages[0].content[0].type',
      ],
      [
        'video to a vendor without',
        { messages: [{ role: 'user', content: [{ type: 'video_url', video_url: { url: 'https://x/y' } }] }] },
        'messages[0].content[0].type',
      ],
      [
        'unanswered call',
        { messages: [user, { role: 'assistant', content: null, tool_calls: [call('a')] }, user] },
        'messages[2]',
      ],
      [
        'orphan result',
        { messages: [user, { role: 'tool', tool_call_id: 'a', content: 'x' }] },
        'messages[1]',
      ],
      [
        'image in a tool message',
        {
          messages: [
            user,
            { role: 'assistant', content: null, tool_calls: [call('a')] },
            {
              role: 'tool',
              tool_call_id: 'a',
              content: [{ type: 'image_url', image_url: { url: 'https://x' } }],
            },
          ],
        },
        'messages[2].content[0].type',
      ],
      ['max_tokens for a reasoning model', { model: 'gpt-5.2', temperature: undefined }, 'max_tokens'],
      ['sampling for a reasoning model', { model: 'o4-mini', max_tokens: undefined }, 'temperature'],
      [
        'an effort the model lacks',
        { model: 'o4-mini', max_tokens: undefined, temperature: undefined, reasoning_effort: 'xhigh' },
        'reasoning_effort',
      ],
      [
        'open schema in strict mode',
        {
          response_format: {
            type: 'json_schema',
            json_schema: { name: 'a', strict: true, schema: { type: 'object' } },
          },
        },
        'response_format.json_schema.schema',
      ],
    ],
  },
  {
    name: 'messages',
    path: '/anthropic/v1/messages',
    good: { model: 'claude-sonnet-4-5', max_tokens: 100, messages: [user], tools: [claudeTool] },
    bad: [
      ['no max_tokens', { max_tokens: undefined }, 'max_tokens'],
      ['unknown field', { n: 2 }, 'n'],
      ['unknown role', { messages: [{ role: 'tool', content: 'x' }] }, 'messages.0.role'],
      [
        'empty text',
        { messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
        'messages.0.content.0',
      ],
      ['empty system', { system: '' }, 'system.0'],
      [
        'a call without result',
        { messages: [user, { role: 'assistant', content: [use] }, user] },
        'messages.1',
      ],
      ['a result without call', { messages: [{ role: 'user', content: [result] }] }, 'messages.0'],
      [
        'the result behind text',
        {
          messages: [
            user,
            { role: 'assistant', content: [use] },
            { role: 'user', content: [{ type: 'text', text: 'so:' }, result] },
          ],
        },
        'messages.2',
      ],
      [
        'two results for one call',
        {
          messages: [
            user,
            { role: 'assistant', content: [use] },
            { role: 'user', content: [result, result] },
          ],
        },
        'messages.2',
      ],
      [
        'calls without tools',
        {
          tools: undefined,
          messages: [user, { role: 'assistant', content: [use] }, { role: 'user', content: [result] }],
        },
        'tools',
      ],
      [
        'a foreign signature',
        {
          messages: [
            user,
            {
              role: 'assistant',
              content: [
                { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
                { type: 'text', text: 'a' },
              ],
            },
            user,
          ],
        },
        'messages.1.content.0',
      ],
      [
        'audio',
        { messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] },
        'messages.0.content.0.type',
      ],
      [
        'an image type it cannot read',
        {
          messages: [
            {
              role: 'user',
              content: [
                { type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: 'AAAA' } },
              ],
            },
          ],
        },
        'messages.0.content.0',
      ],
      ['budget above max_tokens', { thinking: { type: 'enabled', budget_tokens: 1024 } }, 'max_tokens'],
      [
        'thinking with forced tools',
        {
          max_tokens: 4000,
          thinking: { type: 'enabled', budget_tokens: 1024 },
          tool_choice: { type: 'any' },
        },
        'thinking',
      ],
      ['adaptive thinking on an old model', { thinking: { type: 'adaptive' } }, 'thinking.type'],
      [
        'a budget on a new model',
        { model: 'claude-sonnet-5-5', max_tokens: 4000, thinking: { type: 'enabled', budget_tokens: 1024 } },
        'thinking.type',
      ],
      ['sampling on a new model', { model: 'claude-opus-4-8', temperature: 0.5 }, 'temperature'],
      ['both sampling fields', { temperature: 0.5, top_p: 0.9 }, 'temperature'],
      [
        'a forced tool where none may be',
        { model: 'claude-opus-5-5', tool_choice: { type: 'any' } },
        'tool_choice',
      ],
      [
        'prefill on a new model',
        { model: 'claude-opus-4-6', messages: [user, { role: 'assistant', content: 'So' }] },
        'messages',
      ],
      [
        'five cache marks',
        {
          system: Array.from({ length: 5 }, () => ({
            type: 'text',
            text: 'a',
            cache_control: { type: 'ephemeral' },
          })),
        },
        'cache_control',
      ],
      [
        'an open schema',
        { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
        'output_config.format.schema',
      ],
    ],
  },
  {
    name: 'messages on Vertex',
    path: '/vertex/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict',
    good: { anthropic_version: 'vertex-2023-10-16', max_tokens: 100, messages: [user] },
    bad: [
      ['no version in the body', { anthropic_version: undefined }, 'anthropic_version'],
      ['the model in the body', { model: 'claude-sonnet-4-5' }, 'model'],
    ],
  },
  {
    name: 'generate content',
    path: '/gemini/v1beta/models/gemini-3-pro-preview:generateContent',
    good: { ...contents(['user', { text: 'hi' }]), tools: [declaration] },
    bad: [
      ['snake_case', { generation_config: {} }, 'generation_config'],
      ['unknown setting', { generationConfig: { maxTokens: 5 } }, 'maxTokens'],
      ['unknown role', contents(['assistant', { text: 'hi' }]), 'contents[0].role'],
      ['no parts', { contents: [{ role: 'user', parts: [] }] }, 'contents[0].parts'],
      ['empty text', contents(['user', { text: '' }]), 'contents[0].parts[0]'],
      [
        'two data fields',
        contents(['user', { text: 'a', inlineData: { mimeType: 'image/png', data: 'AAAA' } }]),
        'contents[0].parts[0]',
      ],
      [
        'a call without signature',
        contents(['user', { text: 'a' }], ['model', functionCall], ['user', functionResponse]),
        'thought_signature',
      ],
      [
        'a foreign signature',
        contents(
          ['user', { text: 'a' }],
          ['model', { ...functionCall, thoughtSignature: 'c2ln' }],
          ['user', functionResponse],
        ),
        'Corrupted',
      ],
      [
        'two calls, one result',
        contents(['user', { text: 'a' }], ['model', functionCall, functionCall], ['user', functionResponse]),
        'number of function response parts',
      ],
      [
        'a call after the model',
        contents(
          ['user', { text: 'a' }],
          ['model', { text: 'b' }],
          ['model', functionCall],
          ['user', functionResponse],
        ),
        'function call turn',
      ],
      [
        'a result that is no object',
        contents(
          ['user', { text: 'a' }],
          ['model', functionCall],
          ['user', { functionResponse: { name: 'f', response: 'ok' } }],
        ),
        'functionResponse.response',
      ],
      [
        'both thinking settings',
        { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', thinkingBudget: 5 } } },
        'thinking_config',
      ],
      [
        'a schema word of JSON Schema',
        {
          tools: [
            {
              functionDeclarations: [
                { name: 'f', parameters: { type: 'OBJECT', additionalProperties: false } },
              ],
            },
          ],
        },
        'additionalProperties',
      ],
      [
        'an allowed function that is not declared',
        { toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['g'] } } },
        'tool_config',
      ],
    ],
  },
  {
    name: 'generate content on Vertex',
    path: '/vertex/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent',
    good: contents(['user', { text: 'a' }], ['model', functionCall], ['user', functionResponse]),
    bad: [
      ['no role', { contents: [{ parts: [{ text: 'a' }] }] }, 'contents[0].role'],
      [
        'call ids',
        contents(
          ['user', { text: 'a' }],
          ['model', { functionCall: { name: 'f', id: '1' } }],
          ['user', functionResponse],
        ),
        'id',
      ],
      [
        'a thinking level',
        { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW' } } },
        'thinking_config',
      ],
      [
        'images in results',
        contents(
          ['user', { text: 'a' }],
          ['model', functionCall],
          ['user', { functionResponse: { name: 'f', response: {}, parts: [] } }],
        ),
        'functionResponse.parts',
      ],
      [
        'JSON output with tools',
        { tools: [declaration], generationConfig: { responseMimeType: 'application/json' } },
        'response mime type',
      ],
    ],
  },
]

for (const sheet of sheets)
  describe(sheet.name, () => {
    test('a good request', async () => {
      expect((await post(sheet.path, sheet.good)).status).toBe(200)
    })
    for (const [why, change, place] of sheet.bad)
      test(why, async () => {
        const { status, body } = await post(sheet.path, { ...sheet.good, ...change })
        expect(status).toBe(400)
        expect(`${text(at(body, 'error', 'param'))} ${text(at(body, 'error', 'message'))}`).toContain(place)
      })
  })

describe('Gemini answers', () => {
  const path = '/gemini/v1beta/models/gemini-3-pro-preview'
  const asked: Fields = {
    ...contents(['user', { text: '[scene:thinking-parallel-tools]' }]),
    tools: [declaration],
  }

  test('a signature stands on the first of parallel calls and is recognised when it returns', async () => {
    const { body } = await post(`${path}:generateContent`, asked)
    const content = fields(at(body, 'candidates', 0, 'content'))
    const calls = list(content['parts']).filter((part) => at(part, 'functionCall') !== undefined)
    expect(calls.map((part) => at(part, 'thoughtSignature') !== undefined)).toEqual([true, false])
    const again = {
      ...asked,
      contents: [
        ...list(asked['contents']),
        content,
        { role: 'user', parts: [functionResponse, functionResponse] },
      ],
    }
    const answer = await post(`${path}:generateContent`, again)
    expect(text(at(answer.body, 'candidates', 0, 'content', 'parts', 0, 'text'))).toEndWith('state: own')
  })

  test('the stand-in signature is accepted and noted', async () => {
    const turns = contents(
      ['user', { text: '[scene:tool]' }],
      ['model', { ...functionCall, thoughtSignature: 'skip_thought_signature_validator' }],
      ['user', functionResponse],
    )
    const { body } = await post(`${path}:generateContent`, { ...turns, tools: [declaration] })
    expect(text(at(body, 'candidates', 0, 'content', 'parts', 0, 'text'))).toEndWith('state: sentinel')
  })

  test('a stream is events with alt=sse and one array without', async () => {
    const headers = { 'x-goog-api-key': keyOf('gemini') }
    const open = (query: string): Promise<string> =>
      fetch(`${upstream.url}${path}:streamGenerateContent${query}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(asked),
      }).then((one) => one.text())
    const events = (await open('?alt=sse')).trim().split('\n\n')
    const array = list(JSON.parse(await open('')))
    expect(events.map((event) => Object.keys(JSON.parse(event.slice('data: '.length))))).toEqual(
      array.map((chunk) => Object.keys(fields(chunk))),
    )
    expect(at(array.at(-1), 'candidates', 0, 'finishReason')).toBe('STOP')
  })

  test('several candidates', async () => {
    const { body } = await post(`${path}:generateContent`, {
      ...contents(['user', { text: 'hi' }]),
      generationConfig: { candidateCount: 2 },
    })
    expect(list(body['candidates']).map((one) => at(one, 'index'))).toEqual([0, 1])
  })
})

describe('what is no chat', () => {
  test.each([
    ['/openai/v1/models', 'data'],
    ['/openrouter/api/v1/models', 'data'],
    ['/anthropic/v1/models', 'data'],
    ['/clewdr/code/v1/models', 'data'],
    ['/gemini/v1beta/models', 'models'],
    ['/vertex/v1beta1/publishers/google/models', 'publisherModels'],
  ])('%s lists models', async (path, member) => {
    const vendor = path.split('/')[1] ?? ''
    const response = await fetch(upstream.url + path, {
      headers: { authorization: `Bearer ${keyOf(vendor)}` },
    })
    expect(list(fields(await response.json())[member]).length).toBeGreaterThan(0)
  })

  test.each([
    ['/anthropic/v1/messages/count_tokens', 'input_tokens'],
    ['/clewdr/code/v1/messages/count_tokens', 'input_tokens'],
    ['/vertex/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict', 'input_tokens'],
    ['/gemini/v1beta/models/gemini-2.5-flash:countTokens', 'totalTokens'],
  ])('%s counts', async (path, member) => {
    expect((await post(path, { messages: [user] })).body[member]).toBeGreaterThan(0)
  })

  test('an unknown path is a 404, a key of another vendor a 401', async () => {
    expect((await post('/openai/v1/nothing', {})).status).toBe(404)
    const stolen = { authorization: `Bearer ${keyOf('anthropic')}` }
    expect((await post('/openai/v1/chat/completions', { model: 'm', messages: [user] }, stolen)).status).toBe(
      401,
    )
  })
})
