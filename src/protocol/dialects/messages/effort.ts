import type { Effort } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'
import type { EncodeContext } from './context.ts'

/** Levels from least to most. */
const ladder: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

/** Tokens of thinking for a level, where the wire wants a number (protocol.md §2.8.1; each step at least doubles). */
const budgets: Record<Effort, number> = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16384,
  xhigh: 32768,
  max: 65536,
}

export function budgetOfEffort(effort: Effort): number {
  return budgets[effort]
}

/** Parts of the output bound up to which a budget counts as the level. */
const shares: readonly { below: number; effort: Effort }[] = [
  { below: 0.15, effort: 'low' },
  { below: 0.45, effort: 'medium' },
  { below: 0.8, effort: 'high' },
]

/** The configured map decides where there is one: largest threshold not above the budget, else `low`. */
export function effortOfBudget(budget: number, bound: number, map: UpstreamTarget['thinkingMap']): Effort {
  if (map.length === 0) return shares.find((share) => budget / bound < share.below)?.effort ?? 'xhigh'
  const reached = map.filter((entry) => entry.budget <= budget)
  const best = reached.reduce<UpstreamTarget['thinkingMap'][number] | undefined>(
    (found, entry) => (found === undefined || entry.budget > found.budget ? entry : found),
    undefined,
  )
  return ladder.find((effort) => effort === best?.effort) ?? 'low'
}

/** The greatest level the target takes that is not above the wanted one, else its least. */
export function fitEffort(wanted: Effort, { capabilities, losses }: EncodeContext): Effort | undefined {
  const { efforts } = capabilities
  const rank = ladder.indexOf(wanted)
  const fit = efforts.findLast((effort) => ladder.indexOf(effort) <= rank) ?? efforts[0]
  if (fit === undefined) losses.drop('reasoning.effort', 'the upstream model knows no effort levels')
  else if (fit !== wanted)
    losses.approximate('reasoning.effort', `the upstream model has no level ${wanted}, sent ${fit}`)
  return fit
}
