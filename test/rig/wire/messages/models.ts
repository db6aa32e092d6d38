/** What Claude models accept (protocol.md §2.8.3). The first row whose pattern matches counts. */
export interface ClaudeLimits {
  pattern: RegExp
  thinking: readonly string[]
  /** Thinks without being asked. */
  byDefault?: boolean
  sampling: 'all' | 'one-of' | 'not-while-thinking' | 'none'
  forcedTool: boolean
  prefill: boolean
  efforts: readonly string[]
  maxTokens: number
}

const LOW_TO_HIGH = ['low', 'medium', 'high']
const FULL = [...LOW_TO_HIGH, 'xhigh', 'max']

const modern = {
  sampling: 'none',
  forcedTool: true,
  prefill: false,
  efforts: FULL,
  maxTokens: 128_000,
} as const

const rows: readonly ClaudeLimits[] = [
  { ...modern, pattern: /opus-5-5/, thinking: ['adaptive'], byDefault: true, forcedTool: false },
  {
    ...modern,
    pattern: /sonnet-5-5/,
    thinking: ['adaptive', 'between_tools'],
    byDefault: true,
    forcedTool: false,
  },
  { ...modern, pattern: /haiku-5-5/, thinking: ['adaptive', 'disabled'], byDefault: true },
  { ...modern, pattern: /fable-5-[12]/, thinking: ['adaptive'], byDefault: true, forcedTool: false },
  { ...modern, pattern: /fable-5|mythos/, thinking: ['adaptive'], byDefault: true },
  { ...modern, pattern: /opus-5/, thinking: ['adaptive', 'enabled', 'disabled'], byDefault: true },
  { ...modern, pattern: /sonnet-5/, thinking: ['adaptive', 'disabled'], byDefault: true },
  { ...modern, pattern: /-4-[78]/, thinking: ['adaptive', 'disabled'] },
  {
    ...modern,
    pattern: /-4-6/,
    thinking: ['enabled', 'adaptive', 'disabled'],
    sampling: 'not-while-thinking',
    efforts: [...LOW_TO_HIGH, 'max'],
  },
  {
    pattern: /opus-4-5/,
    thinking: ['enabled', 'disabled'],
    sampling: 'one-of',
    forcedTool: true,
    prefill: true,
    efforts: LOW_TO_HIGH,
    maxTokens: 64_000,
  },
  {
    pattern: /-4-[15]/,
    thinking: ['enabled', 'disabled'],
    sampling: 'one-of',
    forcedTool: true,
    prefill: true,
    efforts: [],
    maxTokens: 64_000,
  },
  {
    pattern: /claude-(opus|sonnet)-4|claude-3-7/,
    thinking: ['enabled', 'disabled'],
    sampling: 'all',
    forcedTool: true,
    prefill: true,
    efforts: [],
    maxTokens: 64_000,
  },
  {
    pattern: /claude-3/,
    thinking: ['disabled'],
    sampling: 'all',
    forcedTool: true,
    prefill: true,
    efforts: [],
    maxTokens: 8192,
  },
]

const unknown: ClaudeLimits = { ...modern, pattern: /$/, thinking: ['adaptive', 'disabled'] }

export function claudeLimits(model: string): ClaudeLimits {
  return rows.find((row) => row.pattern.test(model)) ?? unknown
}
