import type { JsonObject } from '../../model/json.ts'
import type { Effort, Reasoning } from '../../model/request.ts'
import { defined } from './loose.ts'
import { ladder } from './reasoning-decode.ts'
import { isOff } from './sampling-encode.ts'
import type { Scope } from './scope.ts'

/** How much thinking is asked for, in the way this upstream is asked (protocol.md §2.8.1). */
export function encodeReasoning(body: JsonObject, scope: Scope): void {
  const reasoning = scope.request.reasoning
  if (!reasoning) return
  const mapped = mappedEffort(reasoning, scope)
  if (mapped !== undefined) writeMapped(body, mapped, scope)
  else (styles[scope.capabilities.reasoningStyle] ?? styles.none)(body, reasoning, scope)
}

function writeMapped(body: JsonObject, effort: string, { request, capabilities }: Scope): void {
  const style = capabilities.reasoningStyle
  if (style === 'reasoning-object') {
    body['reasoning'] = defined({ effort, exclude: request.reasoning?.exclude })
    return
  }
  body['reasoning_effort'] = effort
  if (style === 'toggle' || style === 'toggle-and-effort') body['thinking'] = { type: 'enabled' }
}

/**
 * The operator's own table (`thinking_map`): the effort of the largest threshold not above the budget, `low` below
 * the smallest. It is sent as written, whatever the model is believed to take.
 */
function mappedEffort(reasoning: Reasoning, { target, capabilities }: Scope): string | undefined {
  // Models known not to think answer 400 to the field.
  if (capabilities.reasoningStyle === 'none' && capabilities.reasoningField === 'none') return undefined
  const budget = reasoning.budgetTokens
  if (target.thinkingMap.length === 0 || budget === undefined || reasoning.effort !== undefined)
    return undefined
  if (isOff(reasoning)) return undefined
  const reached = target.thinkingMap.filter((step) => step.budget <= budget)
  return reached.reduce((best, step) => (step.budget >= best.budget ? step : best), {
    budget: -1,
    effort: 'low',
  }).effort
}

type StyleEncoder = (body: JsonObject, reasoning: Reasoning, scope: Scope) => void

const styles: { [style: string]: StyleEncoder } & { none: StyleEncoder } = {
  none: (_, reasoning, scope) => {
    if (isOff(reasoning) || !isAsked(reasoning)) return
    scope.losses.drop('reasoning', 'the model does not think on request')
  },
  effort: (body, reasoning, scope) => {
    const effort = effortOf(reasoning, scope)
    if (effort !== undefined) body['reasoning_effort'] = effort
  },
  toggle: (body, reasoning, scope) => {
    const type = toggleOf(reasoning, scope)
    if (type !== undefined) body['thinking'] = { type }
    if (type === 'enabled' && isGraded(reasoning))
      scope.losses.approximate('reasoning', 'thinking can only be switched on or off')
  },
  'toggle-and-effort': (body, reasoning, scope) => {
    const type = toggleOf(reasoning, scope)
    const isNeeded =
      reasoning.mode !== undefined || type === 'disabled' || !scope.capabilities.reasoningByDefault
    if (type !== undefined && isNeeded) body['thinking'] = { type }
    const effort = type === 'disabled' || !isGraded(reasoning) ? undefined : effortOf(reasoning, scope)
    if (effort !== undefined) body['reasoning_effort'] = effort
  },
  'reasoning-object': encodeObject,
}

/** Whether anything was said about how much to think, and not only about showing it. */
function isAsked({ mode, effort, budgetTokens }: Reasoning): boolean {
  return mode !== undefined || effort !== undefined || budgetTokens !== undefined
}

function isGraded({ effort, budgetTokens }: Reasoning): boolean {
  return effort !== undefined || budgetTokens !== undefined
}

function toggleOf(reasoning: Reasoning, { capabilities, losses }: Scope): 'enabled' | 'disabled' | undefined {
  if (!isAsked(reasoning)) return undefined
  if (!isOff(reasoning)) return 'enabled'
  if (capabilities.reasoningOff) return 'disabled'
  losses.approximate('reasoning', 'the model cannot stop thinking')
  return undefined
}

/** The level to send; undefined where the model's own default is what was asked for. */
function effortOf(reasoning: Reasoning, scope: Scope): Effort | undefined {
  const { capabilities, losses, request } = scope
  if (isOff(reasoning)) return lowestEffort(scope)
  const wanted = reasoning.effort ?? effortOfBudget(reasoning.budgetTokens, request.maxOutputTokens)
  if (reasoning.mode === 'between-tools')
    losses.approximate('reasoning', 'the model thinks whenever it likes')
  if (wanted !== undefined) return nearestEffort(wanted, scope)
  const isSwitchedOn = reasoning.mode === 'enabled' && !capabilities.reasoningByDefault
  return isSwitchedOn ? nearestEffort('medium', scope) : undefined
}

function lowestEffort({ capabilities, losses }: Scope): Effort | undefined {
  if (capabilities.efforts.includes('none')) return 'none'
  if (!capabilities.reasoningByDefault) return undefined
  losses.approximate('reasoning', 'the model cannot stop thinking')
  return capabilities.efforts[0]
}

/** The level itself or its neighbour: upwards from the lower half of the ladder, downwards from the upper. */
function nearestEffort(wanted: Effort, { capabilities, losses }: Scope): Effort | undefined {
  const { efforts } = capabilities
  if (efforts.includes(wanted)) return wanted
  const place = ladder.indexOf(wanted)
  const offered = ladder.filter((level) => level !== 'none' && efforts.includes(level))
  const below = offered.findLast((level) => ladder.indexOf(level) < place)
  const above = offered.find((level) => ladder.indexOf(level) > place)
  const chosen = place <= ladder.indexOf('medium') ? (above ?? below) : (below ?? above)
  if (chosen) losses.approximate('reasoning.effort', `the model takes ${chosen} in place of ${wanted}`)
  else losses.drop('reasoning.effort', 'the model has no levels of effort')
  return chosen
}

/** Shares of the output bound up to which a budget counts as this level (protocol.md §2.8.1). */
const shares: readonly [number, Effort][] = [
  [0.15, 'low'],
  [0.45, 'medium'],
  [0.8, 'high'],
]
/** Budgets in tokens where no bound says of how much they are a share: the steps of protocol.md §2.8.1. */
const budgets: readonly [number, Effort][] = [
  [2048, 'low'],
  [8192, 'medium'],
  [24577, 'high'],
]
const SMALLEST_BUDGET = 1024

function effortOfBudget(budget: number | undefined, bound: number | undefined): Effort | undefined {
  if (budget === undefined) return undefined
  const [size, table] = bound === undefined ? [budget, budgets] : [budget / bound, shares]
  const level = table.find(([limit]) => size < limit)?.[1] ?? 'xhigh'
  return level === 'low' && budget < SMALLEST_BUDGET ? 'minimal' : level
}

/** `reasoning: {effort | max_tokens, enabled, exclude, summary}` (protocol.md §5.2). */
function encodeObject(body: JsonObject, reasoning: Reasoning, scope: Scope): void {
  const { capabilities, losses } = scope
  const amount = objectAmount(reasoning, scope)
  const summary =
    reasoning.display === undefined || !summaries.has(reasoning.display) ? undefined : reasoning.display
  const object = defined({ ...amount, exclude: reasoning.exclude, summary })
  if (isOff(reasoning) && !capabilities.reasoningOff && amount['effort'] !== 'none')
    losses.approximate('reasoning', 'the model cannot stop thinking')
  for (const _ in object) {
    body['reasoning'] = object
    return
  }
}

const summaries = new Set(['auto', 'concise', 'detailed'])

function objectAmount(reasoning: Reasoning, scope: Scope): JsonObject {
  const { capabilities } = scope
  if (isOff(reasoning)) return objectOff(reasoning, capabilities)
  const enabled = reasoning.mode === undefined ? undefined : true
  if (reasoning.effort !== undefined) {
    const effort = capabilities.efforts.length > 0 ? nearestEffort(reasoning.effort, scope) : reasoning.effort
    return { enabled, effort }
  }
  return { enabled, max_tokens: reasoning.budgetTokens }
}

function objectOff(reasoning: Reasoning, { reasoningOff, efforts }: Scope['capabilities']): JsonObject {
  if (!reasoningOff) return { effort: efforts[0] }
  return reasoning.mode === 'disabled' ? { enabled: false } : { effort: 'none' }
}
