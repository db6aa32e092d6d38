import type { JsonObject } from '../../model/json.ts'
import { isOff, levelOfBudget, nearestEffort } from '../../model/reasoning.ts'
import type { ChatRequest, Effort, Reasoning } from '../../model/request.ts'
import type { Encoding } from './encoding.ts'

/** Effort → tokens (protocol.md §2.8.1), clamped to the model's range; the highest two take all of it. */
const budgetOf: Readonly<Record<Effort, number>> = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 24576,
  xhigh: Number.POSITIVE_INFINITY,
  max: Number.POSITIVE_INFINITY,
}

/** The upstream decides how much. */
const DYNAMIC = -1

/** `thinkingConfig` for the request, or undefined to leave the model's default (protocol.md §2.8.4). */
export function thinkingConfig(request: ChatRequest, encoding: Encoding): JsonObject | undefined {
  const { capabilities, losses } = encoding
  const { reasoning } = request
  const style = capabilities.reasoningStyle
  if (style !== 'thinking-budget' && style !== 'thinking-level') {
    if (reasoning && !isOff(reasoning)) losses.drop('reasoning', 'the model does not think')
    return undefined
  }
  if (!reasoning) return capabilities.reasoningByDefault ? { includeThoughts: true } : undefined
  const amount =
    style === 'thinking-budget'
      ? budgetConfig(reasoning, encoding)
      : levelConfig(reasoning, request, encoding)
  const silent = isOff(reasoning) || reasoning.exclude === true || reasoning.display === 'omitted'
  return { ...amount, ...(silent ? {} : { includeThoughts: true }) }
}

function budgetConfig(reasoning: Reasoning, { capabilities, losses }: Encoding): JsonObject {
  const { min, max } = capabilities.budget ?? { min: 0, max: 32768 }
  if (isOff(reasoning)) {
    if (capabilities.reasoningOff) return { thinkingBudget: 0 }
    losses.approximate('reasoning', `the model always thinks: its smallest budget, ${min}, was set`)
    return { thinkingBudget: min }
  }
  const { budgetTokens, effort } = reasoning
  if (budgetTokens !== undefined) {
    const thinkingBudget = Math.min(Math.max(budgetTokens, min), max)
    if (thinkingBudget !== budgetTokens && budgetTokens !== DYNAMIC)
      losses.approximate(
        'reasoning.budgetTokens',
        `the model takes ${min} to ${max}: ${thinkingBudget} was set`,
      )
    return { thinkingBudget: budgetTokens === DYNAMIC ? DYNAMIC : thinkingBudget }
  }
  if (effort === undefined) return { thinkingBudget: DYNAMIC }
  return { thinkingBudget: Math.min(Math.max(budgetOf[effort], min), max) }
}

function levelConfig(reasoning: Reasoning, request: ChatRequest, encoding: Encoding): JsonObject {
  const wanted = wantedEffort(reasoning, request, encoding)
  if (wanted === undefined) return {}
  const levels = encoding.capabilities.efforts.filter((effort) => effort !== 'none')
  const level = nearestEffort(wanted, levels)
  if (level === undefined) return {}
  if (level !== wanted)
    encoding.losses.approximate('reasoning', `the model has no thinking level ${wanted}: ${level} was set`)
  return { thinkingLevel: level.toUpperCase() }
}

/** An effort the client named wins over a budget; a budget becomes one (protocol.md §2.8.1 "Reverse"). */
function wantedEffort(reasoning: Reasoning, request: ChatRequest, encoding: Encoding): Effort | undefined {
  if (isOff(reasoning)) return 'none'
  const { effort, budgetTokens } = reasoning
  if (effort !== undefined || budgetTokens === undefined || budgetTokens < 0) return effort
  const found = levelOfBudget(budgetTokens, request.maxOutputTokens, encoding.target.thinkingMap)
  encoding.losses.approximate('reasoning.budgetTokens', `the model takes levels: the budget became ${found}`)
  return found
}
