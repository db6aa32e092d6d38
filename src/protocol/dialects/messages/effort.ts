import { nearestEffort } from '../../model/reasoning.ts'
import type { Effort } from '../../model/request.ts'
import type { EncodeContext } from './context.ts'

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

/** The level the target takes in place of the wanted one, with a report. */
export function fitEffort(wanted: Effort, { capabilities, losses }: EncodeContext): Effort | undefined {
  const fit = nearestEffort(wanted, capabilities.efforts)
  if (fit === undefined) losses.drop('reasoning.effort', 'the upstream model knows no effort levels')
  else if (fit !== wanted)
    losses.approximate('reasoning.effort', `the upstream model has no level ${wanted}, sent ${fit}`)
  return fit
}
