import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Target } from '../pipeline/target.ts'
import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { ChatRequest, Reasoning } from '../protocol/model/request.ts'
import { thinkingOnTop } from './thinking.ts'

const request = (maxOutputTokens: number | undefined, reasoning?: Reasoning): ChatRequest => ({
  model: 'm',
  stream: false,
  messages: [],
  ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  ...(reasoning ? { reasoning } : {}),
})

function target(dialect: Target['dialect'], reasoningStyle: Capabilities['reasoningStyle']): Target {
  const capabilities: Partial<Capabilities> = { reasoningStyle, budget: { min: 1_024, max: 64_000 } }
  const parts: Partial<Target> = { dialect, capabilities: capabilities as Capabilities }
  return parts as Target
}

const budgeted = target('messages', 'budget')
const others = [
  target('messages', 'adaptive'),
  target('chat-completions', 'effort'),
  target('generate-content', 'thinking-budget'),
]

describe('thinking that the bound of the answer does not hold', () => {
  const rows: [string, ChatRequest, number][] = [
    ['nothing asked', request(16), 0],
    ['switched off', request(16, { effort: 'none' }), 0],
    ['an effort', request(16, { effort: 'low' }), 2_048],
    ['a budget above the bound', request(16, { budgetTokens: 32_000 }), 32_000],
    ['a budget beyond what is legal', request(16, { budgetTokens: 1e15 }), 64_000],
    ['a budget below what is legal', request(16, { budgetTokens: 1 }), 1_024],
    ['a budget that the bound has room for', request(40_000, { budgetTokens: 32_000 }), 0],
    ['no bound: the usual is reserved', request(undefined, { effort: 'high' }), 0],
  ]
  test.each(rows)('%s', (_, asked, tokens) => {
    expect(thinkingOnTop(asked, [...others, budgeted])).toBe(tokens)
    expect(thinkingOnTop(asked, others)).toBe(0)
  })

  test('is a whole number of a legal size, whatever is asked', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(200_000), (bound, budgetTokens) => {
        const tokens = thinkingOnTop(request(bound, { budgetTokens }), [budgeted])
        expect(tokens === 0 || (tokens >= 1_024 && tokens <= 64_000)).toBe(true)
      }),
    )
  })
})
