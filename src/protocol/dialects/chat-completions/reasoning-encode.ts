import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { effortOfBudget, isOff, mappedEffort, nearestEffort } from '../../model/reasoning.ts'
import type { Effort, Reasoning } from '../../model/request.ts'
import type { Scope } from './scope.ts'

/** How much thinking is asked for, in the way this upstream is asked (protocol.md §2.8.1). */
export function encodeReasoning(body: JsonObject, scope: Scope): void {
  const reasoning = scope.request.reasoning
  if (!reasoning) return
  const mapped = operatorsEffort(reasoning, scope)
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
 * The operator's own table (`thinking_map`). Its word is sent as written, whatever the model is believed to take.
 */
function operatorsEffort(reasoning: Reasoning, { target }: Scope): string | undefined {
  const budget = reasoning.budgetTokens
  if (budget === undefined || reasoning.effort !== undefined) return undefined
  return isOff(reasoning) ? undefined : mappedEffort(budget, target.thinkingMap)
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
  const { budgetTokens } = reasoning
  const wanted =
    reasoning.effort ??
    (budgetTokens === undefined ? undefined : effortOfBudget(budgetTokens, request.maxOutputTokens))
  if (reasoning.mode === 'between-tools')
    losses.approximate('reasoning', 'the model thinks whenever it likes')
  if (wanted !== undefined) return fitEffort(wanted, scope)
  const isSwitchedOn = reasoning.mode === 'enabled' && !capabilities.reasoningByDefault
  return isSwitchedOn ? fitEffort('medium', scope) : undefined
}

function lowestEffort({ capabilities, losses }: Scope): Effort | undefined {
  if (capabilities.efforts.includes('none')) return 'none'
  if (!capabilities.reasoningByDefault) return undefined
  losses.approximate('reasoning', 'the model cannot stop thinking')
  return capabilities.efforts[0]
}

/** The level or its neighbour, with a report. */
function fitEffort(wanted: Effort, { capabilities, losses }: Scope): Effort | undefined {
  const fit = nearestEffort(wanted, capabilities.efforts)
  if (fit === undefined) losses.drop('reasoning.effort', 'the model has no levels of effort')
  else if (fit !== wanted)
    losses.approximate('reasoning.effort', `the model takes ${fit} in place of ${wanted}`)
  return fit
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
    const effort = capabilities.efforts.length > 0 ? fitEffort(reasoning.effort, scope) : reasoning.effort
    return { enabled, effort }
  }
  return { enabled, max_tokens: reasoning.budgetTokens }
}

function objectOff(reasoning: Reasoning, { reasoningOff, efforts }: Scope['capabilities']): JsonObject {
  if (!reasoningOff) return { effort: efforts[0] }
  return reasoning.mode === 'disabled' ? { enabled: false } : { effort: 'none' }
}
