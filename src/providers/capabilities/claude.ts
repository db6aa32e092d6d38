import type { Facts, Family, FamilyRow } from './row.ts'

/** Profiles of the Claude line, each as a difference from the one before (protocol.md §1.3, §2.3, §2.7, §2.8.3). */
const thinks: Facts = {
  reasoningReplay: 'signed',
  documents: true,
  documentUrl: true,
  audio: false,
  video: false,
}

/** 3 and 3.5: no thinking; structured output only through a hidden tool. */
const claude3: Facts = {
  ...thinks,
  reasoningStyle: 'none',
  reasoningOff: true,
  reasoningByDefault: false,
  efforts: [],
  sampling: 'all',
  topK: true,
  prefill: true,
  forcedToolChoice: true,
  jsonSchema: 'tool',
  strictTools: false,
  defaultMaxOutputTokens: 4_096,
  maxOutputTokens: 4_096,
}
const claude35: Facts = { ...claude3, defaultMaxOutputTokens: 8_192, maxOutputTokens: 8_192 }

/** 3.7 and 4.0: thinking with a budget, off unless asked for. */
const claude4: Facts = {
  ...claude3,
  reasoningStyle: 'budget',
  budget: { min: 1_024, max: 63_999 },
  sampling: 'not-while-thinking',
  defaultMaxOutputTokens: 32_000,
  maxOutputTokens: 64_000,
}
const opus4: Facts = { ...claude4, budget: { min: 1_024, max: 31_999 }, maxOutputTokens: 32_000 }

/** From 4.1 on temperature and top_p exclude each other; structured output is native. */
const opus41: Facts = { ...opus4, sampling: 'one-of', jsonSchema: 'native', strictTools: true }
const claude45: Facts = { ...claude4, sampling: 'one-of', jsonSchema: 'native', strictTools: true }
const opus45: Facts = { ...claude45, efforts: ['low', 'medium', 'high'] }

/** 4.6: adaptive thinking, no prefill. */
const claude46: Facts = {
  ...claude45,
  reasoningStyle: 'adaptive',
  efforts: ['low', 'medium', 'high', 'max'],
  sampling: 'not-while-thinking',
  prefill: false,
  maxOutputTokens: 128_000,
}

/** 4.7 and 4.8: no sampling at all; budgets are converted to adaptive (protocol.md §7). */
const claude47: Facts = {
  ...claude46,
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  sampling: 'none',
  topK: false,
}

/** 5: thinks unless told not to. */
const claude5: Facts = { ...claude47, reasoningByDefault: true }
const alwaysThinks: Facts = { ...claude5, reasoningOff: false }

/** 5.1 of Fable and 5.5: always thinks, and a tool cannot be forced. */
const claude55: Facts = { ...alwaysThinks, forcedToolChoice: false }

/** System messages between turns are known to the vendor's own API on models of this generation (protocol.md §0.2). */
const newest = { anthropic: { systemAnywhere: true } } as const

/** End of a version number: nothing more, a date, or a suffix. */
const end = '(?=$|-20\\d{6}|-latest|-thinking|:)'

/** In chat completions: servers of that dialect take no budget, and carry images only in user turns. */
const chat: Facts = { reasoningStyle: 'none', toolResultMedia: false, jsonSchema: 'native', maxStop: 4 }

/** OpenRouter passes explicit marks on (protocol.md §2.9). */
const everywhere: FamilyRow['at'] = { openrouter: { cacheMarks: 'cache-control' } }

function row(models: RegExp, facts: Facts, at?: FamilyRow['at']): FamilyRow {
  return { models, facts, in: { 'chat-completions': chat }, at: { ...everywhere, ...at } }
}

export const claude: Family = {
  name: 'claude',
  models: /^claude/,
  rows: [
    row(/^claude-3-5-/, claude35),
    row(/^claude-3-7-/, claude4),
    row(/^claude-(3-|2|instant)/, claude3),
    row(new RegExp(`^claude-(opus-4(-0)?|4-opus)${end}`), opus4),
    row(new RegExp(`^claude-(sonnet-4(-0)?|4-sonnet)${end}`), claude4),
    row(/^claude-opus-4-1/, opus41),
    row(/^claude-opus-4-5/, opus45),
    row(/^claude-(haiku|sonnet)-4-5/, claude45),
    row(/^claude-[a-z]+-4-6/, claude46),
    row(/^claude-[a-z]+-4-[7-9]/, claude47),
    row(new RegExp(`^claude-(sonnet|opus)-5${end}`), claude5, newest),
    row(new RegExp(`^claude-(fable-5|mythos[a-z0-9-]*)${end}`), alwaysThinks, newest),
    row(/^claude-haiku/, claude5, newest),
    row(/^claude/, claude55, newest),
  ],
}
