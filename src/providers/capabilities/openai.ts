import type { Facts, Family, FamilyRow } from './row.ts'

/** Profiles of OpenAI's models (protocol.md §1.1, §2.2, §2.7, §2.8.1). */
const classic: Facts = {
  reasoningStyle: 'none',
  reasoningField: 'none',
  reasoningReplay: 'never',
  efforts: [],
  maxTokensField: 'max_tokens',
  documents: true,
  audio: false,
  jsonSchema: 'native',
  defaultMaxOutputTokens: 16_384,
  maxOutputTokens: 16_384,
  callId: { pattern: /^[\s\S]+$/, maxLength: 64 },
}
const gpt4: Facts = {
  ...classic,
  documents: false,
  jsonSchema: 'tool',
  defaultMaxOutputTokens: 4_096,
  maxOutputTokens: 4_096,
}

/** Reasoning models: no sampling of any kind, the developer role. */
const reasoning: Facts = {
  ...classic,
  systemRole: 'developer',
  maxTokensField: 'max_completion_tokens',
  sampling: 'none',
  penalties: false,
  logitBias: false,
  logprobs: false,
  topK: false,
  reasoningStyle: 'effort',
  efforts: ['low', 'medium', 'high'],
  reasoningOff: false,
  reasoningByDefault: true,
  defaultMaxOutputTokens: 32_768,
  maxOutputTokens: 100_000,
}
const gpt5: Facts = {
  ...reasoning,
  efforts: ['minimal', 'low', 'medium', 'high'],
  verbosity: true,
  customTools: true,
  maxOutputTokens: 128_000,
}

/** 5.1 to 5.5 do not reason unless asked to, and take sampling then. */
const gpt51: Facts = {
  ...gpt5,
  efforts: ['none', 'low', 'medium', 'high'],
  sampling: 'not-while-thinking',
  logprobs: true,
  reasoningOff: true,
  reasoningByDefault: false,
}
const gpt52: Facts = { ...gpt51, efforts: ['none', 'low', 'medium', 'high', 'xhigh'] }
const gpt56: Facts = {
  ...gpt52,
  efforts: ['none', 'low', 'medium', 'high', 'xhigh', 'max'],
  sampling: 'none',
  logprobs: false,
  reasoningByDefault: true,
  cacheMarks: 'breakpoint',
}
const gpt6: Facts = { ...gpt56, efforts: ['low', 'medium', 'high', 'xhigh', 'max'], reasoningOff: false }

/** OpenRouter turns explicit cache marks into breakpoints itself. */
const marks = { openrouter: { cacheMarks: 'cache-control' } } as const
/** The Responses wire has no place for these whatever the model. */
const wire: FamilyRow['in'] = { responses: { reasoningReplay: 'signed', maxStop: 0 } }

function row(models: RegExp, facts: Facts, at?: FamilyRow['at']): FamilyRow {
  return at ? { models, facts, in: wire, at } : { models, facts, in: wire }
}

export const openai: Family = {
  name: 'openai',
  models: /^(gpt-(3|4|5|6|7|8|9|audio)|chatgpt-|o[1-9](-|$)|codex-)/,
  rows: [
    row(/^gpt-3/, { ...gpt4, images: false }),
    row(/^gpt-4(-\d{4}|-32k|$)/, { ...gpt4, images: false, maxOutputTokens: 8_192 }),
    row(/^gpt-4-/, gpt4),
    row(/^gpt-(4o.*-audio|audio)/, { ...classic, audio: true, images: false, documents: false }),
    row(/^gpt-4o.*-search/, { ...classic, webSearch: true, sampling: 'none' }),
    row(/^gpt-4\.1/, { ...classic, maxOutputTokens: 32_768 }),
    row(/^(gpt-4|chatgpt-4o)/, classic),
    row(/^o1-(mini|preview)/, {
      ...reasoning,
      systemRole: 'first-user',
      reasoningStyle: 'none',
      efforts: [],
      jsonSchema: 'none',
      documents: false,
      images: false,
    }),
    row(/^(o1|o3-mini)(-|$)/, { ...reasoning, parallelToggle: false }),
    row(/^o\d/, { ...reasoning, maxStop: 0 }),
    row(/^gpt-5(\.\d+)?-chat/, { ...classic, verbosity: true }),
    row(/^gpt-5-search/, { ...gpt5, webSearch: true }),
    row(/^gpt-5-pro/, { ...gpt5, efforts: ['high'] }),
    row(/^(gpt-5-codex|codex-)/, { ...gpt5, efforts: ['low', 'medium', 'high'] }),
    row(/^gpt-5(-|$)/, gpt5),
    row(/^gpt-5\.1-codex-max/, gpt52),
    row(/^gpt-5\.1/, gpt51),
    row(/^gpt-5\.[2-5]/, gpt52),
    row(/^gpt-5/, gpt56, marks),
    row(/^/, gpt6, marks),
  ],
}

/** The open-weight models: served by many, with levels and readable reasoning. */
export const gptOss: Family = {
  name: 'gpt-oss',
  models: /^gpt-oss/,
  rows: [
    {
      models: /^gpt-oss/,
      facts: {
        reasoningStyle: 'effort',
        efforts: ['low', 'medium', 'high'],
        reasoningOff: false,
        reasoningByDefault: true,
        reasoningField: 'reasoning',
        reasoningReplay: 'tool-turns',
        images: false,
        audio: false,
      },
    },
  ],
}
