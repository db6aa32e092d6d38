import { describe, expect, test } from 'bun:test'
import { olderModel, targetWith, wireFaults } from '../../../../test/support/generate-content.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest, FunctionTool } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import { encodeRequest } from './request.ts'

interface Row {
  what: string
  request: Partial<ChatRequest>
  /** The body without its contents. */
  body: JsonObject
  losses?: string[]
  capabilities?: Partial<Capabilities>
  target?: Partial<UpstreamTarget>
}

function check({ request, body, losses = [], capabilities, target: rest }: Row): void {
  const encoded = encodeRequest(
    {
      model: 'm',
      stream: false,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }],
      ...request,
    },
    targetWith({ reasoningByDefault: false, ...capabilities }, rest),
  )
  const { contents: _, ...found } = encoded.body
  expect(found).toEqual(body)
  expect(encoded.dropped.map(({ how, path, essential }) => `${essential ? 'refused' : how} ${path}`)).toEqual(
    losses,
  )
  expect(wireFaults(encoded.body)).toEqual([])
}

function rows(name: string, table: Row[]): void {
  describe(name, () => {
    for (const row of table) test(row.what, () => check(row))
  })
}

const object = {
  type: 'object',
  properties: { a: { type: ['string', 'null'] } },
  additionalProperties: false,
}
const tool: FunctionTool = { type: 'function', name: 'f', description: 'd', parameters: object }
const declared = [{ functionDeclarations: [{ name: 'f', description: 'd', parametersJsonSchema: object }] }]

rows('tools (protocol.md §2.5)', [
  { what: 'JSON Schema as it is', request: { tools: [tool] }, body: { tools: declared } },
  {
    what: 'the older schema form, cleaned',
    request: { tools: [tool] },
    capabilities: { schemaForm: 'openapi-subset' },
    body: {
      tools: [
        {
          functionDeclarations: [
            {
              name: 'f',
              description: 'd',
              parameters: { type: 'OBJECT', properties: { a: { type: 'STRING', nullable: true } } },
            },
          ],
        },
      ],
    },
  },
  {
    what: 'no parameters are not declared',
    request: {
      tools: [
        { type: 'function', name: 'g', parameters: { type: 'object', properties: {} } },
        { type: 'function', name: 'h' },
      ],
    },
    body: { tools: [{ functionDeclarations: [{ name: 'g' }, { name: 'h' }] }] },
  },
  {
    what: 'an open object is declared',
    request: {
      tools: [{ type: 'function', name: 'g', parameters: { type: 'object', additionalProperties: true } }],
    },
    body: {
      tools: [
        {
          functionDeclarations: [
            { name: 'g', parametersJsonSchema: { type: 'object', additionalProperties: true } },
          ],
        },
      ],
    },
  },
  {
    what: 'free-text tools are bridged',
    request: { tools: [{ type: 'custom', name: 'patch' }] },
    body: {
      tools: [
        {
          functionDeclarations: [
            {
              name: 'patch',
              parametersJsonSchema: {
                type: 'object',
                properties: {
                  input: { type: 'string', description: 'The whole input of the tool, as plain text.' },
                },
                required: ['input'],
              },
            },
          ],
        },
      ],
    },
    losses: ['approximated tools[0]'],
  },
  {
    what: 'a tool held to a grammar is told of it',
    request: { tools: [{ type: 'custom', name: 'patch', grammar: { syntax: 'lark', definition: 'x' } }] },
    body: {
      tools: [
        {
          functionDeclarations: [
            {
              name: 'patch',
              description: 'The input must match this lark grammar:\nx',
              parametersJsonSchema: {
                type: 'object',
                properties: {
                  input: { type: 'string', description: 'The whole input of the tool, as plain text.' },
                },
                required: ['input'],
              },
            },
          ],
        },
      ],
    },
    losses: ['approximated tools[0].grammar', 'approximated tools[0]'],
  },
  {
    what: 'web search of another dialect',
    request: {
      tools: [
        {
          type: 'provider',
          dialect: 'messages',
          capability: 'web-search',
          wire: {
            type: 'web_search_20250305',
            name: 'web_search',
            max_uses: 3,
            blocked_domains: ['x.example'],
          },
        },
      ],
    },
    body: { tools: [{ googleSearch: { excludeDomains: ['x.example'] } }] },
    losses: ['dropped tools[0].max_uses'],
  },
  {
    what: 'web search as a request option',
    request: { webSearch: {} },
    body: { tools: [{ googleSearch: {} }] },
  },
  {
    what: 'web search where there is none',
    request: { webSearch: {} },
    capabilities: { webSearch: false },
    body: {},
    losses: ['refused webSearch'],
  },
  {
    what: 'own provider tools as they came, foreign ones refused',
    request: {
      tools: [
        tool,
        { type: 'provider', dialect: 'generate-content', wire: { urlContext: {} } },
        { type: 'provider', dialect: 'responses', wire: { type: 'computer' } },
      ],
    },
    body: { tools: [...declared, { urlContext: {} }] },
    losses: ['refused tools[2]'],
  },
  {
    what: 'strict where there is none',
    request: { tools: [{ ...tool, strict: true }] },
    body: { tools: declared },
    losses: ['dropped tools[0].strict'],
  },
  {
    what: 'strict where there is',
    request: { tools: [{ ...tool, strict: true }] },
    capabilities: { strictTools: true },
    body: { tools: declared, toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } },
  },
  {
    what: 'one call at a time',
    request: { tools: [tool], parallelToolCalls: false },
    body: { tools: declared },
    losses: ['dropped parallelToolCalls'],
  },
  {
    what: 'cache marks',
    request: { tools: [{ ...tool, cache: {} }] },
    body: { tools: declared },
    losses: ['dropped tools[0].cache'],
  },
])

const choices: [ChatRequest['toolChoice'], JsonObject][] = [
  [{ type: 'auto' }, { mode: 'AUTO' }],
  [{ type: 'none' }, { mode: 'NONE' }],
  [{ type: 'required' }, { mode: 'ANY' }],
  [
    { type: 'tool', name: 'a b' },
    { mode: 'ANY', allowedFunctionNames: ['a_b_NwZy6Xoc'] },
  ],
  [
    { type: 'subset', mode: 'required', tools: [{ name: 'f' }] },
    { mode: 'ANY', allowedFunctionNames: ['f'] },
  ],
  [
    { type: 'subset', mode: 'auto', tools: [{ name: 'f' }] },
    { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
  ],
]
rows('tool choice', [
  ...choices.map(
    ([toolChoice, functionCallingConfig]): Row => ({
      what: JSON.stringify(toolChoice),
      request: { tools: [tool], ...(toolChoice ? { toolChoice } : {}) },
      body: { tools: declared, toolConfig: { functionCallingConfig } },
    }),
  ),
  {
    what: 'where it cannot be forced',
    request: { tools: [tool], toolChoice: { type: 'required' } },
    capabilities: { forcedToolChoice: false },
    body: { tools: declared, toolConfig: { functionCallingConfig: { mode: 'AUTO' } } },
    losses: ['approximated toolChoice'],
  },
  {
    what: 'without tools',
    request: { toolChoice: { type: 'required' } },
    body: {},
    losses: ['dropped toolChoice'],
  },
  {
    what: 'beside native settings',
    request: {
      tools: [tool],
      toolChoice: { type: 'auto' },
      extensions: {
        'generate-content': {
          toolConfig: {
            retrievalConfig: { languageCode: 'de' },
            functionCallingConfig: { streamFunctionCallArguments: true },
          },
        },
      },
    },
    body: {
      tools: declared,
      toolConfig: {
        retrievalConfig: { languageCode: 'de' },
        functionCallingConfig: { streamFunctionCallArguments: true, mode: 'AUTO' },
      },
    },
  },
])

rows('generationConfig (protocol.md §2.7, §2.10)', [
  {
    what: 'zeros are values',
    request: {
      temperature: 0,
      topP: 0,
      topK: 0,
      seed: 0,
      presencePenalty: 0,
      frequencyPenalty: 0,
      maxOutputTokens: 10,
      stop: ['x', ''],
    },
    body: {
      generationConfig: {
        maxOutputTokens: 10,
        stopSequences: ['x'],
        temperature: 0,
        topP: 0,
        topK: 0,
        seed: 0,
        presencePenalty: 0,
        frequencyPenalty: 0,
      },
    },
  },
  {
    what: 'bounds of the model',
    request: { maxOutputTokens: 10 ** 6, temperature: 2, stop: ['a', 'b', 'c'] },
    capabilities: { maxTemperature: 1, maxStop: 2 },
    body: { generationConfig: { maxOutputTokens: 65536, temperature: 1, stopSequences: ['a', 'b'] } },
    losses: ['approximated maxOutputTokens', 'dropped stop', 'approximated temperature'],
  },
  {
    what: 'logprobs and candidates',
    request: { logprobs: true, topLogprobs: 3, candidates: 2 },
    body: { generationConfig: { responseLogprobs: true, logprobs: 3, candidateCount: 2 } },
  },
  { what: 'a single candidate is the default', request: { candidates: 1, logprobs: false }, body: {} },
  {
    what: 'what the model lacks',
    request: {
      seed: 1,
      logprobs: true,
      presencePenalty: 1,
      candidates: 2,
      topK: 1,
      temperature: 1,
      logitBias: {},
      verbosity: 'low',
      cacheKey: 'k',
      endUser: 'u',
      metadata: {},
    },
    capabilities: {
      seed: false,
      logprobs: false,
      penalties: false,
      candidates: false,
      topK: false,
      sampling: 'none',
    },
    body: {},
    losses: [
      'dropped temperature',
      'dropped topK',
      'dropped seed',
      'dropped presencePenalty',
      'dropped logprobs',
      'dropped logitBias',
      'dropped verbosity',
      'dropped cacheKey',
      'dropped endUser',
      'dropped metadata',
      'refused candidates',
    ],
  },
  {
    what: 'JSON',
    request: { format: { type: 'json' } },
    body: { generationConfig: { responseMimeType: 'application/json' } },
  },
  {
    what: 'JSON by schema',
    request: { format: { type: 'json-schema', schema: object, name: 'n' } },
    body: { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: object } },
  },
  {
    what: 'JSON by schema in the older form',
    request: { format: { type: 'json-schema', schema: object } },
    capabilities: { schemaForm: 'openapi-subset' },
    body: {
      generationConfig: {
        responseMimeType: 'application/json',
        responseSchema: { type: 'OBJECT', properties: { a: { type: 'STRING', nullable: true } } },
      },
    },
  },
  {
    what: 'JSON beside tools where the model takes only one of them',
    request: { tools: [tool], format: { type: 'json' } },
    capabilities: { jsonWithTools: false },
    body: {
      tools: declared,
      systemInstruction: { parts: [{ text: 'Give the final answer as JSON without any text around it.' }] },
    },
    losses: ['approximated format'],
  },
  {
    what: 'no schema at all',
    request: { format: { type: 'json-schema', schema: {} } },
    capabilities: { jsonSchema: 'none' },
    body: {},
    losses: ['refused format'],
  },
  {
    what: 'speech',
    request: { modalities: ['text', 'audio'], audio: { voice: 'Kore', format: 'wav' } },
    body: {
      generationConfig: {
        responseModalities: ['AUDIO'],
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
      },
    },
    losses: ['approximated modalities', 'approximated audio.format'],
  },
  { what: 'text alone is the default', request: { modalities: ['text'] }, body: {} },
  {
    what: 'images',
    request: { modalities: ['text', 'image'] },
    body: { generationConfig: { responseModalities: ['TEXT', 'IMAGE'] } },
  },
])

const budget = { ...olderModel, reasoningByDefault: false }
const thinking = (thinkingConfig: JsonObject): JsonObject => ({ generationConfig: { thinkingConfig } })
rows('thinking (protocol.md §2.8.1, §2.8.4)', [
  { what: 'unsaid, off by default', request: {}, body: {} },
  {
    what: 'unsaid, on by default',
    request: {},
    capabilities: { reasoningByDefault: true },
    body: thinking({ includeThoughts: true }),
  },
  {
    what: 'an effort is a level',
    request: { reasoning: { effort: 'high' } },
    body: thinking({ thinkingLevel: 'HIGH', includeThoughts: true }),
  },
  {
    what: 'beyond the highest level',
    request: { reasoning: { effort: 'max' } },
    body: thinking({ thinkingLevel: 'HIGH', includeThoughts: true }),
    losses: ['approximated reasoning'],
  },
  {
    what: 'below the lowest level',
    request: { reasoning: { effort: 'minimal' } },
    body: thinking({ thinkingLevel: 'LOW', includeThoughts: true }),
    losses: ['approximated reasoning'],
  },
  {
    what: 'medium where there are only the ends',
    request: { reasoning: { effort: 'medium' } },
    capabilities: { efforts: ['low', 'high'] },
    body: thinking({ thinkingLevel: 'HIGH', includeThoughts: true }),
    losses: ['approximated reasoning'],
  },
  {
    what: 'a budget without a bound',
    request: { reasoning: { budgetTokens: 8192 } },
    body: thinking({ thinkingLevel: 'MEDIUM', includeThoughts: true }),
    losses: ['approximated reasoning.budgetTokens'],
  },
  {
    what: 'off where it cannot be',
    request: { reasoning: { mode: 'disabled' } },
    body: thinking({ thinkingLevel: 'LOW' }),
    losses: ['approximated reasoning'],
  },
  {
    what: 'a budget is a level by the map',
    request: { reasoning: { mode: 'enabled', budgetTokens: 5000 } },
    target: {
      thinkingMap: [
        { budget: 4000, effort: 'medium' },
        { budget: 8000, effort: 'high' },
      ],
    },
    body: thinking({ thinkingLevel: 'MEDIUM', includeThoughts: true }),
    losses: ['approximated reasoning.budgetTokens'],
  },
  {
    what: 'a budget is a level by its share',
    request: { reasoning: { budgetTokens: 7000 }, maxOutputTokens: 10000 },
    body: {
      generationConfig: {
        maxOutputTokens: 10000,
        thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
      },
    },
    losses: ['approximated reasoning.budgetTokens'],
  },
  {
    what: 'adaptive leaves the level',
    request: { reasoning: { mode: 'adaptive' } },
    body: thinking({ includeThoughts: true }),
  },
  {
    what: 'thoughts not wanted',
    request: { reasoning: { effort: 'low', exclude: true } },
    body: thinking({ thinkingLevel: 'LOW' }),
  },
  {
    what: 'a budget',
    request: { reasoning: { budgetTokens: 1000 } },
    capabilities: budget,
    body: thinking({ thinkingBudget: 1000, includeThoughts: true }),
  },
  {
    what: 'a budget out of range',
    request: { reasoning: { budgetTokens: 60000 } },
    capabilities: budget,
    body: thinking({ thinkingBudget: 24576, includeThoughts: true }),
    losses: ['approximated reasoning.budgetTokens'],
  },
  {
    what: 'an effort is a budget',
    request: { reasoning: { effort: 'medium' } },
    capabilities: budget,
    body: thinking({ thinkingBudget: 8192, includeThoughts: true }),
  },
  {
    what: 'the highest effort is the whole range',
    request: { reasoning: { effort: 'max' } },
    capabilities: budget,
    body: thinking({ thinkingBudget: 24576, includeThoughts: true }),
  },
  {
    what: 'adaptive is dynamic',
    request: { reasoning: { mode: 'adaptive' } },
    capabilities: budget,
    body: thinking({ thinkingBudget: -1, includeThoughts: true }),
  },
  {
    what: 'off',
    request: { reasoning: { effort: 'none' } },
    capabilities: budget,
    body: thinking({ thinkingBudget: 0 }),
  },
  {
    what: 'off where the smallest budget is the least',
    request: { reasoning: { effort: 'none' } },
    capabilities: { ...budget, reasoningOff: false },
    body: thinking({ thinkingBudget: 128 }),
    losses: ['approximated reasoning'],
  },
  {
    what: 'a model that does not think',
    request: { reasoning: { effort: 'low' } },
    capabilities: { reasoningStyle: 'none' },
    body: {},
    losses: ['dropped reasoning'],
  },
])

rows('beyond the model', [
  {
    what: 'native fields pass, foreign ones are reported',
    request: {
      extensions: {
        'generate-content': {
          safetySettings: [{ category: 'c', threshold: 'OFF' }],
          labels: { a: 'b' },
          generationConfig: { responseLogprobs: true },
          contents: [],
        },
        'chat-completions': { store: true },
      },
      temperature: 1,
    },
    body: {
      safetySettings: [{ category: 'c', threshold: 'OFF' }],
      labels: { a: 'b' },
      generationConfig: { responseLogprobs: true, temperature: 1 },
    },
    losses: ['dropped store'],
  },
  { what: 'service tier', request: { serviceTier: 'fast' }, body: { serviceTier: 'priority' } },
  { what: 'service tier auto', request: { serviceTier: 'auto' }, body: {} },
  {
    what: 'service tier where there is none',
    request: { serviceTier: 'flex' },
    capabilities: { serviceTier: false },
    body: {},
    losses: ['dropped serviceTier'],
  },
  {
    what: 'an unknown service tier',
    request: { serviceTier: 'constructor' },
    body: {},
    losses: ['dropped serviceTier'],
  },
])
