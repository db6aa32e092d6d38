import type { JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import { levelOfBudget } from '../../model/reasoning.ts'
import type { ChatRequest, Effort, Reasoning } from '../../model/request.ts'
import { allowedBeta } from './betas.ts'
import type { EncodeContext } from './context.ts'
import { budgetOfEffort, fitEffort } from './effort.ts'
import { OWN_EFFORT } from './reasoning.ts'
import { own } from './wire.ts'

/** What is sent of thinking, and the output bound that goes with it. */
export interface ThinkingPlan {
  thinking?: JsonObject
  effort?: Effort
  maxTokens: number
  /** Whether the model will think: sampling depends on it. */
  active: boolean
}

/** Facts about the rest of the request that thinking depends on. */
export interface ThinkingFacts {
  toolForced: boolean
  /** The last calls are being answered, and their turn has lost its signed thinking. */
  unsignedCalls: boolean
}

const MIN_BUDGET = 1024

/** protocol.md §2.7, §2.8.1, §2.8.3 */
export function planThinking(
  request: ChatRequest,
  context: EncodeContext,
  facts: ThinkingFacts,
): ThinkingPlan {
  const { capabilities, losses } = context
  const visible = visibleBound(request, context)
  const wish = wishOf(request)
  const idle: ThinkingPlan = { maxTokens: visible, active: capabilities.reasoningByDefault }
  if (capabilities.reasoningStyle === 'none') {
    if (wish.on) losses.drop('reasoning', 'the upstream model cannot be asked to think')
    return { ...idle, active: false }
  }
  if (wish.on === undefined) return { ...idle, ...unknownMode(request, context), ...effortOf(wish, context) }
  if (!wish.on) return { ...idle, ...off(context) }
  return capabilities.reasoningStyle === 'adaptive'
    ? adaptive(request, wish, visible, context)
    : budgeted(request, wish, visible, context, facts)
}

interface Wish {
  /** Undefined: nothing was said, or only an effort in this dialect's own words, which does not switch it on. */
  on: boolean | undefined
  effort?: Effort
  reasoning: Reasoning
}

function wishOf(request: ChatRequest): Wish {
  const reasoning = request.reasoning ?? {}
  const { mode, effort, budgetTokens } = reasoning
  const wish: Wish = { on: undefined, reasoning }
  if (effort !== undefined && effort !== 'none') wish.effort = effort
  if (mode === 'disabled' || (mode === undefined && effort === 'none')) wish.on = false
  else if (mode !== undefined || budgetTokens !== undefined) wish.on = true
  else if (effort !== undefined && own(request.extensions)[OWN_EFFORT] === undefined) wish.on = true
  return wish
}

/** Upper bound without what is added for thinking. */
function visibleBound(request: ChatRequest, { capabilities, losses }: EncodeContext): number {
  const wanted = request.maxOutputTokens ?? capabilities.defaultMaxOutputTokens
  const cap = capabilities.maxOutputTokens ?? wanted
  if (request.maxOutputTokens !== undefined && wanted > cap)
    losses.approximate('maxOutputTokens', `the upstream model gives at most ${cap} tokens`)
  return Math.min(wanted, cap)
}

/** A kind of thinking newer than we are goes on as it came. */
function unknownMode(request: ChatRequest, context: EncodeContext): Partial<ThinkingPlan> {
  const { thinking } = own(request.extensions)
  if (typeof thinking !== 'object' || thinking === null || Array.isArray(thinking)) return {}
  return typeof thinking.type === 'string' && context.capabilities.betas === 'all'
    ? { thinking, active: true }
    : {}
}

function off(context: EncodeContext): Partial<ThinkingPlan> {
  const { capabilities, losses } = context
  if (capabilities.reasoningOff) return { thinking: { type: 'disabled' }, active: false }
  if (!capabilities.reasoningByDefault) return { active: false }
  const [lowest] = capabilities.efforts
  losses.approximate('reasoning', 'the upstream model always thinks, the least effort was asked for')
  return lowest === undefined ? {} : { effort: lowest }
}

function effortOf(wish: Wish, context: EncodeContext): Partial<ThinkingPlan> {
  if (wish.effort === undefined) return {}
  const effort = fitEffort(wish.effort, context)
  return effort === undefined ? {} : { effort }
}

function adaptive(request: ChatRequest, wish: Wish, visible: number, context: EncodeContext): ThinkingPlan {
  const { mode, budgetTokens } = wish.reasoning
  const type = mode === 'between-tools' ? 'between_tools' : 'adaptive'
  const thinking = { type, ...displayOf(request), ...extrasOf(request, context) }
  const derived =
    budgetTokens === undefined ? undefined : levelOfBudget(budgetTokens, visible, context.target.thinkingMap)
  if (budgetTokens !== undefined)
    context.losses.approximate(
      'reasoning.budgetTokens',
      `the upstream model takes no budget, sent as effort ${wish.effort ?? derived}`,
    )
  const effort = wish.effort ?? derived
  return {
    thinking,
    maxTokens: visible,
    active: true,
    ...effortOf({ ...wish, ...(effort && { effort }) }, context),
  }
}

function budgeted(
  request: ChatRequest,
  wish: Wish,
  visible: number,
  context: EncodeContext,
  facts: ThinkingFacts,
): ThinkingPlan {
  const { losses, capabilities } = context
  const idle: ThinkingPlan = { maxTokens: visible, active: false }
  if (facts.toolForced) {
    losses.approximate('reasoning', 'the upstream model cannot think when a tool is forced, thinking is off')
    return { ...idle, ...off(context) }
  }
  if (facts.unsignedCalls && capabilities.reasoningReplay === 'signed') {
    losses.approximate(
      'reasoning',
      'the signed thinking before the last tool calls is missing, thinking is off',
    )
    return { ...idle, ...off(context) }
  }
  const { budget, maxTokens } = budgetOf(wish, visible, context)
  if (budget < MIN_BUDGET) {
    losses.approximate(
      'reasoning',
      `thinking needs ${MIN_BUDGET} tokens, which the output bound does not leave`,
    )
    return { ...idle, ...off(context) }
  }
  const thinking = {
    type: 'enabled',
    budget_tokens: budget,
    ...(wish.reasoning.mode === undefined ? {} : nativeDisplay(wish.reasoning)),
    ...extrasOf(request, context),
  }
  const effort = capabilities.efforts.length > 0 ? effortOf(wish, context) : {}
  return { thinking, maxTokens, active: true, ...effort }
}

/** A budget the client named with room for it stays; any other is put on top of the visible bound, capped. */
function budgetOf(
  wish: Wish,
  visible: number,
  context: EncodeContext,
): { budget: number; maxTokens: number } {
  const { capabilities, losses } = context
  const named = wish.reasoning.budgetTokens
  const range = capabilities.budget ?? { min: MIN_BUDGET, max: Number.MAX_SAFE_INTEGER }
  const wanted = Math.min(Math.max(named ?? budgetOfEffort(wish.effort ?? 'high'), range.min), range.max)
  if (named !== undefined && wanted !== named)
    losses.approximate(
      'reasoning.budgetTokens',
      `the upstream takes ${range.min} to ${range.max}, sent ${wanted}`,
    )
  if (named !== undefined && wanted < visible) return { budget: wanted, maxTokens: visible }
  const cap = Math.max(visible, capabilities.maxOutputTokens ?? capabilities.defaultMaxOutputTokens)
  const maxTokens = Math.min(visible + wanted, cap)
  const room = maxTokens - Math.min(visible, MIN_BUDGET)
  if (named !== undefined && room < wanted)
    losses.approximate(
      'reasoning.budgetTokens',
      `the output bound leaves room for ${room} tokens of thinking`,
    )
  return { budget: Math.min(wanted, room), maxTokens }
}

/** Newer models hide thinking unless asked; clients of other dialects that want it shown are to see it. */
function displayOf(request: ChatRequest): JsonObject {
  const reasoning = request.reasoning ?? {}
  if (own(request.extensions).thinking !== undefined) return nativeDisplay(reasoning)
  return { display: reasoning.exclude || reasoning.display === 'omitted' ? 'omitted' : 'summarized' }
}

function nativeDisplay({ display }: Reasoning): JsonObject {
  return display === undefined ? {} : { display }
}

function extrasOf(request: ChatRequest, context: EncodeContext): JsonObject {
  const { thinking } = own(request.extensions)
  const extras: JsonObject = {}
  if (typeof thinking !== 'object' || thinking === null || Array.isArray(thinking)) return extras
  for (const [key, value] of Object.entries(thinking)) {
    if (allowedBeta(key, context)) extras[key] = value
    else context.losses.drop(at('reasoning', key), 'the upstream does not offer the beta this needs')
  }
  return extras
}
