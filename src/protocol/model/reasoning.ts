import type { Capabilities } from './capabilities.ts'
import type { Effort, Reasoning } from './request.ts'

/** How much a model is asked to think, between the words, numbers and switches of the wires (protocol.md §2.8.1). */

/** Levels from least to most. */
export const ladder: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

export function isEffort(word: unknown): word is Effort {
  return typeof word === 'string' && (ladder as readonly string[]).includes(word)
}

/** Whether the client asked for no thinking, in any of the three ways. */
export function isOff({ mode, effort, budgetTokens }: Reasoning): boolean {
  return mode === 'disabled' || effort === 'none' || budgetTokens === 0
}

/** Whether the model will think, as far as the request and its own default say. */
export function willThink(reasoning: Reasoning | undefined, capabilities: Capabilities): boolean {
  if (reasoning === undefined || capabilities.reasoningStyle === 'none')
    return capabilities.reasoningByDefault
  return !isOff(reasoning) || !capabilities.reasoningOff
}

/** One row of the operator's table (`thinking_map`). */
interface Threshold {
  budget: number
  effort: string
}

/**
 * The operator's word for a budget: that of the largest threshold not above it, `low` below the smallest; of equal
 * thresholds the last. Undefined where there is no table.
 */
export function mappedEffort(budget: number, map: readonly Threshold[]): string | undefined {
  if (map.length === 0) return undefined
  const start: Threshold = { budget: Number.NEGATIVE_INFINITY, effort: 'low' }
  const reached = map.filter((row) => row.budget <= budget)
  return reached.reduce((best, row) => (row.budget >= best.budget ? row : best), start).effort
}

/** Shares of the output bound below which a budget counts as the level. */
const shares: readonly [number, Effort][] = [
  [0.15, 'low'],
  [0.45, 'medium'],
  [0.8, 'high'],
]

/** Budgets in tokens up to which one counts as the level, where no bound says of how much they are a share. */
const steps: readonly [number, Effort][] = [
  [2048, 'low'],
  [8192, 'medium'],
  [24_576, 'high'],
]

const SMALLEST_LOW = 1024

/** The level that comes nearest to a budget of tokens; `bound` is the bound of the whole output. */
export function effortOfBudget(budget: number, bound: number | undefined): Effort {
  const found =
    bound === undefined || bound <= 0
      ? steps.find(([step]) => budget <= step)
      : shares.find(([share]) => budget / bound < share)
  const effort = found?.[1] ?? 'xhigh'
  return effort === 'low' && budget < SMALLEST_LOW ? 'minimal' : effort
}

/** A budget as a level: by the operator's table where there is one; a word in it that is no level counts as `low`. */
export function levelOfBudget(budget: number, bound: number | undefined, map: readonly Threshold[]): Effort {
  const word = mappedEffort(budget, map)
  if (word === undefined) return effortOfBudget(budget, bound)
  return isEffort(word) ? word : 'low'
}

/**
 * The level itself or its neighbour among those offered: upwards from the lower half of the ladder, downwards from the
 * upper. Undefined where none but `none` is offered.
 */
export function nearestEffort(wanted: Effort, efforts: readonly Effort[]): Effort | undefined {
  if (efforts.includes(wanted)) return wanted
  const place = ladder.indexOf(wanted)
  const offered = ladder.filter((level) => level !== 'none' && efforts.includes(level))
  const below = offered.findLast((level) => ladder.indexOf(level) < place)
  const above = offered.find((level) => ladder.indexOf(level) > place)
  return place <= ladder.indexOf('medium') ? (above ?? below) : (below ?? above)
}
