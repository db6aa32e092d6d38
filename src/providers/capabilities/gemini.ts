import type { Facts, Family } from './row.ts'

/** Profiles of the Gemini line in its own dialect (protocol.md §1.4, §2.6, §2.8.1, §2.8.4). */
const gemini15: Facts = {
  reasoningStyle: 'none',
  reasoningByDefault: false,
  reasoningOff: true,
  efforts: [],
  thoughtSignatures: false,
  functionCallIds: false,
  toolResultMedia: false,
  jsonWithTools: false,
  schemaForm: 'openapi-subset',
  defaultMaxOutputTokens: 8_192,
  maxOutputTokens: 8_192,
}
const gemini20: Facts = { ...gemini15, schemaForm: 'json-schema' }

/** 2.5: thinking with a budget; penalties only on Vertex. */
const flash25: Facts = {
  ...gemini20,
  reasoningStyle: 'thinking-budget',
  budget: { min: 0, max: 24_576 },
  reasoningByDefault: true,
  penalties: false,
  functionCallIds: true,
  defaultMaxOutputTokens: 32_768,
  maxOutputTokens: 65_536,
}
const flashLite25: Facts = { ...flash25, budget: { min: 512, max: 24_576 }, reasoningByDefault: false }
const pro25: Facts = { ...flash25, budget: { min: 128, max: 32_768 }, reasoningOff: false }
const image25: Facts = { ...flash25, reasoningStyle: 'none', reasoningByDefault: false }

/** 3 and later: levels instead of budgets, and signatures that must come back. */
const pro3: Facts = {
  ...flash25,
  reasoningStyle: 'thinking-level',
  efforts: ['low', 'medium', 'high'],
  reasoningOff: false,
  thoughtSignatures: true,
  toolResultMedia: true,
  jsonWithTools: true,
  imageUrl: true,
  documentUrl: true,
}
/** `minimal` exists on Flash up to 3.6. */
const flash3: Facts = { ...pro3, efforts: ['minimal', 'low', 'medium', 'high'] }
const hydrogen4: Facts = { ...pro3, efforts: ['low', 'medium', 'high', 'xhigh'] }

/** Vertex takes no call ids, knows penalties on 2.5 too, and fetches public https addresses and gs:// itself. */
const vertex: Facts = { functionCallIds: false, penalties: true, imageUrl: true, documentUrl: true }
const atVertex = { vertex }

/** Through OpenRouter: explicit cache marks are passed on. */
const atHosts = { vertex, openrouter: { cacheMarks: 'cache-control' } } as const

/** In chat completions (the vendor's own compatible endpoint, OpenRouter) only what is not a matter of the wire. */
const chat: Facts = {
  reasoningStyle: 'effort',
  efforts: ['low', 'medium', 'high'],
  functionCallIds: true,
  toolResultMedia: false,
  schemaForm: 'json-schema',
  documents: true,
  video: true,
  imageUrl: true,
  logitBias: false,
}
const inChat = { 'chat-completions': chat } as const
const inChatUnthinking = { 'chat-completions': { ...chat, reasoningStyle: 'none', efforts: [] } } as const

export const gemini: Family = {
  name: 'gemini',
  models: /^gemini/,
  rows: [
    { models: /^gemini-1\.|^gemini-pro(-vision)?$/, facts: gemini15, in: inChatUnthinking, at: atVertex },
    { models: /^gemini-2\.0/, facts: gemini20, in: inChatUnthinking, at: atHosts },
    { models: /^gemini-2\.5-flash-lite/, facts: flashLite25, in: inChat, at: atHosts },
    { models: /^gemini-2\.5-.*image/, facts: image25, in: inChatUnthinking, at: atHosts },
    { models: /^gemini-2\.5-pro/, facts: pro25, in: inChat, at: atHosts },
    { models: /^gemini-2\.5/, facts: flash25, in: inChat, at: atHosts },
    { models: /^gemini-3(\.[0-6])?-flash/, facts: flash3, in: inChat, at: atHosts },
    { models: /^gemini-4-hydrogen/, facts: hydrogen4, in: inChat, at: atHosts },
    { models: /^gemini/, facts: pro3, in: inChat, at: atHosts },
  ],
}

/** Gemma knows no system instruction and, in this dialect, neither tools' ids nor thinking. */
export const gemma: Family = {
  name: 'gemma',
  models: /^gemma/,
  rows: [
    {
      models: /^gemma/,
      facts: { ...gemini20, systemRole: 'first-user', webSearch: false, jsonSchema: 'none' },
      in: { 'chat-completions': { systemRole: 'system', schemaForm: 'json-schema', jsonSchema: 'native' } },
      at: atVertex,
    },
  ],
}
