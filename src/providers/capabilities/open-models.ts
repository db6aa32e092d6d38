import type { Facts, Family, FamilyRow } from './row.ts'

/**
 * Models whose own vendors speak chat completions and that others serve as well (protocol.md §1.5, §2.8.1). What
 * belongs to the model stands in `facts`; what only the vendor's own API knows stands under `at`.
 */
const textOnly: Facts = { images: false, audio: false }

/** Thinking is asked for in each vendor's own way; elsewhere a model is left to its host's default. */
const quiet: Facts = { reasoningStyle: 'none', reasoningOff: false }
/** Where the host has a switch for all its models, those that can stop thinking do. */
const optional: Facts = { reasoningOff: true }
const plain: Facts = { reasoningStyle: 'none', reasoningByDefault: false, reasoningReplay: 'never' }

const deepseekLevels: Facts = {
  reasoningStyle: 'toggle-and-effort',
  efforts: ['low', 'high', 'max'],
  reasoningOff: true,
}
const deepseekThinks: Facts = {
  ...textOnly,
  ...quiet,
  reasoningByDefault: true,
  reasoningReplay: 'tool-turns',
  sampling: 'not-while-thinking',
}

export const deepseek: Family = {
  name: 'deepseek',
  models: /^deepseek/,
  rows: [
    { models: /^deepseek-r1/, facts: { ...deepseekThinks, reasoningReplay: 'never' } },
    // The vendor's own name for its newest model in thinking mode.
    {
      models: /^deepseek-reasoner/,
      facts: { ...deepseekThinks, reasoningReplay: 'always' },
      at: { deepseek: { ...deepseekLevels, reasoningOff: false } },
    },
    {
      models: /^deepseek-(chat|coder|v2|v3)/,
      facts: { ...textOnly, ...plain, reasoningReplay: 'tool-turns' },
      at: { deepseek: { reasoningStyle: 'toggle' } },
    },
    {
      models: /^/,
      facts: { ...deepseekThinks, reasoningReplay: 'always' },
      at: { deepseek: deepseekLevels, openrouter: optional },
    },
  ],
}

/** The vendor's own API takes images only inline; other hosts decide for themselves. */
const inline: Facts = { imageUrl: false }

/** K2.5 and later read images and video, and have fixed sampling. */
const kimi: Facts = {
  ...quiet,
  audio: false,
  video: true,
  sampling: 'none',
  reasoningByDefault: true,
  reasoningReplay: 'tool-turns',
}
const toggle: FamilyRow['at'] = {
  moonshot: { ...inline, reasoningStyle: 'toggle', reasoningOff: true },
  openrouter: optional,
}

export const moonshot: Family = {
  name: 'kimi',
  models: /^(kimi|moonshot)/,
  rows: [
    { models: /^moonshot-v1.*vision/, facts: { ...plain, audio: false }, at: { moonshot: inline } },
    { models: /^moonshot-v1/, facts: { ...plain, ...textOnly } },
    {
      models: /^kimi-k2-thinking/,
      facts: { ...textOnly, ...quiet, reasoningByDefault: true, reasoningReplay: 'tool-turns' },
    },
    { models: /^kimi-k2(-|$)/, facts: { ...plain, ...textOnly } },
    { models: /^kimi-k2\.5/, facts: kimi, at: toggle },
    { models: /^kimi-k2\.6/, facts: { ...kimi, forcedToolChoice: false }, at: toggle },
    { models: /^kimi-k2/, facts: { ...kimi, forcedToolChoice: false }, at: { moonshot: inline } },
    {
      models: /^/,
      facts: kimi,
      at: { moonshot: { ...inline, reasoningStyle: 'effort', efforts: ['low', 'high', 'max'] } },
    },
  ],
}

const qwenThinks: Facts = { reasoningByDefault: true, reasoningReplay: 'never', audio: false }
/** Hosts with a switch of their own: `enable_thinking` or chat template arguments, written by the provider. */
const switched = {
  alibaba: { reasoningStyle: 'toggle' },
  siliconflow: { reasoningStyle: 'toggle' },
  vllm: { reasoningStyle: 'toggle' },
  ollama: { reasoningStyle: 'effort', efforts: ['none', 'low', 'medium', 'high'] },
  groq: { reasoningStyle: 'effort', efforts: ['none'] },
} as const satisfies FamilyRow['at']

export const qwen: Family = {
  name: 'qwen',
  models: /^(qwen|qwq|qvq)/,
  rows: [
    { models: /^(qwq|qvq)|^qwen.*thinking/, facts: { ...qwenThinks, ...quiet } },
    { models: /^qwen.*(instruct|coder)|^qwen-?[12]/, facts: { ...plain, audio: false } },
    { models: /^qwen.*omni/, facts: { ...plain, audio: true, video: true } },
    { models: /^qwen3?\.?\d?-(max|plus|turbo|flash)/, facts: { ...plain, audio: false }, at: switched },
    { models: /^/, facts: qwenThinks, at: switched },
  ],
}

const glm: Facts = {
  ...quiet,
  reasoningByDefault: true,
  reasoningReplay: 'tool-turns',
  images: false,
  audio: false,
}
const glmToggle: FamilyRow['at'] = {
  zai: { reasoningStyle: 'toggle', reasoningOff: true },
  cerebras: { reasoningStyle: 'effort', efforts: ['none'], reasoningOff: true },
  openrouter: optional,
}

export const zhipu: Family = {
  name: 'glm',
  models: /^(zai-)?glm/,
  rows: [
    { models: /^glm-\d(\.\d)?v/, facts: { ...glm, images: true, video: true }, at: glmToggle },
    { models: /^(zai-)?glm-4(\.\d)?/, facts: glm, at: glmToggle },
    {
      models: /^/,
      facts: glm,
      at: {
        ...glmToggle,
        zai: {
          reasoningStyle: 'toggle-and-effort',
          efforts: ['low', 'medium', 'high', 'max'],
          reasoningOff: true,
        },
      },
    },
  ],
}

const grokThinks: Facts = {
  ...quiet,
  audio: false,
  reasoningByDefault: true,
  reasoningReplay: 'never',
  penalties: false,
  maxStop: 0,
}

export const grok: Family = {
  name: 'grok',
  models: /^grok/,
  rows: [
    {
      models: /^grok-3-mini/,
      facts: { ...grokThinks, images: false },
      at: { xai: { reasoningStyle: 'effort', efforts: ['low', 'high'] } },
    },
    { models: /^grok-([12]|3)|^grok.*non-reasoning/, facts: { ...plain, audio: false } },
    { models: /^/, facts: grokThinks },
  ],
}

const mistralCall: Facts = { callId: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 } }
const mistralPlain: Facts = { ...plain, reasoningField: 'none', audio: false }

export const mistral: Family = {
  name: 'mistral',
  models: /^(mistral|magistral|ministral|codestral|devstral|pixtral|voxtral|open-mi)/,
  rows: [
    {
      models: /^magistral/,
      facts: { ...quiet, reasoningByDefault: true, reasoningField: 'none' },
      at: { mistral: mistralCall },
    },
    { models: /^voxtral/, facts: { ...mistralPlain, audio: true }, at: { mistral: mistralCall } },
    {
      models: /^mistral-(small|medium)-(latest|2[6-9])/,
      facts: mistralPlain,
      at: { mistral: { ...mistralCall, reasoningStyle: 'effort', efforts: ['none', 'high'] } },
    },
    { models: /^/, facts: mistralPlain, at: { mistral: mistralCall } },
  ],
}

export const llama: Family = {
  name: 'llama',
  models: /^(meta-)?llama/,
  rows: [
    { models: /^(meta-)?llama-?(4|3\.2-(11|90)b)/, facts: { ...plain, audio: false } },
    { models: /^/, facts: { ...plain, ...textOnly } },
  ],
}

export const minimax: Family = {
  name: 'minimax',
  models: /^minimax/,
  rows: [
    {
      models: /^/,
      facts: { ...textOnly, ...quiet, reasoningByDefault: true, reasoningReplay: 'always' },
    },
  ],
}

export const sonar: Family = {
  name: 'sonar',
  models: /^sonar/,
  rows: [{ models: /^/, facts: { ...plain, audio: false, webSearch: true, forcedToolChoice: false } }],
}
