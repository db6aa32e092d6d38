import type { JsonObject } from '../../model/json.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { EncodeContext } from './context.ts'
import { wireToolName } from './names.ts'
import { JSON_TOOL, own } from './wire.ts'

export interface ChoicePlan {
  /** `tool_choice` on the wire. */
  wire?: JsonObject
  /** Whether a call is enforced. */
  forced: boolean
  /** A sentence for the system prompt, where a call cannot be enforced. */
  instruction?: string
}

/** protocol.md §2.5. `jsonTool`: the hidden tool that gives the answer stands among the tools. */
export function planChoice(
  request: ChatRequest,
  tools: readonly JsonObject[],
  jsonTool: boolean,
  context: EncodeContext,
): ChoicePlan {
  const { losses, capabilities } = context
  if (tools.length === 0) {
    if (isForced(request)) losses.approximate('toolChoice', 'there are no tools to choose from')
    return { forced: false }
  }
  const callable = (request.tools?.length ?? 0) > 0 || request.webSearch !== undefined
  if (!callable && !jsonTool) return { forced: false, wire: { type: 'none' } }
  const wire = jsonTool && request.toolChoice?.type !== 'tool' ? jsonChoice(callable) : wanted(request)
  const forced = wire?.type === 'any' || wire?.type === 'tool'
  if (forced && !capabilities.forcedToolChoice) {
    losses.approximate('toolChoice', 'the upstream model cannot be forced to call a tool, it is asked to')
    return { forced: false, wire: withToggle({ type: 'auto' }, request, context), instruction: plea(wire) }
  }
  const toggled = wire ?? (request.parallelToolCalls === false ? { type: 'auto' } : undefined)
  return toggled === undefined ? { forced } : { forced, wire: withToggle(toggled, request, context) }
}

function isForced({ toolChoice }: ChatRequest): boolean {
  if (toolChoice?.type === 'subset') return toolChoice.mode === 'required'
  return toolChoice?.type === 'required' || toolChoice?.type === 'tool'
}

function wanted(request: ChatRequest): JsonObject | undefined {
  const { toolChoice } = request
  const kept = own(request.extensions).tool_choice
  if (toolChoice === undefined)
    return typeof kept === 'object' && kept !== null && !Array.isArray(kept) ? kept : undefined
  switch (toolChoice.type) {
    case 'required':
      return { type: 'any' }
    case 'tool':
      return { type: 'tool', name: wireToolName(toolChoice.name) }
    case 'subset':
      return { type: toolChoice.mode === 'required' ? 'any' : 'auto' }
    default:
      return { type: toolChoice.type }
  }
}

/** Alone the hidden tool is named; among others any call will do, and the hidden one is the answer. */
function jsonChoice(amongOthers: boolean): JsonObject {
  if (amongOthers) return { type: 'any' }
  return { type: 'tool', name: JSON_TOOL, disable_parallel_tool_use: true }
}

function plea(wire: JsonObject): string {
  return wire.type === 'tool' && typeof wire.name === 'string'
    ? `You must call the tool ${wire.name} now.`
    : 'You must call one of the tools now.'
}

function withToggle(
  wire: JsonObject,
  request: ChatRequest,
  { capabilities, losses }: EncodeContext,
): JsonObject {
  if (request.parallelToolCalls === undefined || wire.type === 'none') return wire
  if (capabilities.parallelToggle) return { ...wire, disable_parallel_tool_use: !request.parallelToolCalls }
  if (!request.parallelToolCalls) losses.drop('parallelToolCalls', 'the upstream cannot be held to one call')
  return wire
}
