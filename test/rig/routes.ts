import { chatCompletions } from './wire/chat-completions/dialect.ts'
import type { WireDialect } from './wire/dialect.ts'
import { generateContent } from './wire/generate-content/dialect.ts'
import { messages } from './wire/messages/dialect.ts'

export type Operation = 'generate' | 'count' | 'models'

/** Where a request goes. `model` and `stream` are set when the path says them. */
export interface Route {
  vendor: string
  operation: Operation
  dialect: WireDialect
  model?: string
  stream?: boolean
  /** Clewdr's web route reads no tools. */
  withoutTools?: boolean
}

interface Pattern {
  /** Matched against the path behind the vendor's segment. Groups `model` and `verb` are read. */
  path: RegExp
  vendors?: readonly string[]
  operation: Operation
  dialect: WireDialect
  withoutTools?: boolean
}

const GOOGLE_MODEL =
  '(?:models/|publishers/google/models/|projects/[^/]+/locations/[^/]+/(?:publishers/google/models|endpoints)/)'
const CLAUDE_MODEL =
  '(?:publishers/anthropic/models/|projects/[^/]+/locations/[^/]+/publishers/anthropic/models/)'
const MODEL = '(?<model>[^/:]+)'

const patterns: readonly Pattern[] = [
  { path: /\/chat\/completions$/, operation: 'generate', dialect: chatCompletions },
  {
    path: /^\/v1\/messages$/,
    vendors: ['clewdr'],
    operation: 'generate',
    dialect: messages,
    withoutTools: true,
  },
  { path: /^(\/code)?\/v1\/messages$/, operation: 'generate', dialect: messages },
  { path: /^(\/code)?\/v1\/messages\/count_tokens$/, operation: 'count', dialect: messages },
  {
    path: new RegExp(`^/v1(beta1)?/${CLAUDE_MODEL}count-tokens:rawPredict$`),
    vendors: ['vertex'],
    operation: 'count',
    dialect: messages,
  },
  {
    path: new RegExp(`^/v1(beta1)?/${CLAUDE_MODEL}${MODEL}:(?<verb>rawPredict|streamRawPredict)$`),
    vendors: ['vertex'],
    operation: 'generate',
    dialect: messages,
  },
  {
    path: new RegExp(`^/v1(beta1?)?/${GOOGLE_MODEL}${MODEL}:(?<verb>generateContent|streamGenerateContent)$`),
    operation: 'generate',
    dialect: generateContent,
  },
  {
    path: new RegExp(`^/v1(beta1?)?/${GOOGLE_MODEL}${MODEL}:countTokens$`),
    operation: 'count',
    dialect: generateContent,
  },
  {
    path: /^\/v1(beta1?)?\/(publishers\/(google|anthropic)\/)?models$/,
    vendors: ['gemini', 'vertex'],
    operation: 'models',
    dialect: generateContent,
  },
  { path: /^\/v1\/models$/, vendors: ['anthropic'], operation: 'models', dialect: messages },
  { path: /\/models$/, operation: 'models', dialect: chatCompletions },
]

/** `/openai/v1/chat/completions` → vendor `openai` and the rest by pattern. Undefined when nothing matches. */
export function routeOf(method: string, path: string): Route | undefined {
  const [, vendor = '', rest = ''] = /^\/([^/]+)(\/.*)$/.exec(path) ?? []
  for (const pattern of patterns) {
    const found = pattern.path.exec(rest)
    if (found === null || (pattern.vendors && !pattern.vendors.includes(vendor))) continue
    if (method !== (pattern.operation === 'models' ? 'GET' : 'POST')) continue
    const model = found.groups?.['model']
    const verb = found.groups?.['verb']
    return {
      vendor,
      operation: pattern.operation,
      dialect: pattern.dialect,
      withoutTools: pattern.withoutTools,
      ...(model === undefined ? {} : { model: decodeURIComponent(model) }),
      ...(verb === undefined || pattern.dialect === messages
        ? {}
        : { stream: verb === 'streamGenerateContent' }),
    }
  }
  return undefined
}
