import type { Target } from '../pipeline/target.ts'
import { budgetOfEffort } from '../protocol/dialects/messages/effort.ts'
import { isOff } from '../protocol/model/reasoning.ts'
import type { ChatRequest } from '../protocol/model/request.ts'

/**
 * Tokens of thinking that come on top of the answer's own bound, at the target where they are most: the messages dialect
 * raises the bound where a budget of thinking would leave nothing of it. 0 where the bound holds for both.
 */
export function thinkingOnTop(request: ChatRequest, targets: readonly Target[]): number {
  const { reasoning, maxOutputTokens } = request
  if (reasoning === undefined || maxOutputTokens === undefined || isOff(reasoning)) return 0
  const named = reasoning.budgetTokens
  const wanted = named ?? budgetOfEffort(reasoning.effort ?? 'high')
  let most = 0
  for (const { dialect, capabilities } of targets) {
    if (dialect !== 'messages' || capabilities.reasoningStyle !== 'budget') continue
    const { min, max } = capabilities.budget ?? { min: 0, max: Number.MAX_SAFE_INTEGER }
    const budget = Math.min(Math.max(wanted, min), max)
    if (named === undefined || budget >= maxOutputTokens) most = Math.max(most, budget)
  }
  return most
}
