import { bridgedTool } from '../../model/bridged-tool.ts'
import type { JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import { at } from '../../model/read.ts'
import type { CustomTool, FunctionTool, ProviderTool, Tool, ToolChoice } from '../../model/request.ts'
import { writeMark } from './cache.ts'
import { giveBack } from './extensions.ts'
import { wireToolName } from './names.ts'
import type { Scope } from './scope.ts'
import { DIALECT } from './wire.ts'

/** `tools`, `tool_choice`, `parallel_tool_calls` (protocol.md §2.5). */
export function encodeTools(body: JsonObject, scope: Scope): void {
  const { request, capabilities, losses } = scope
  const tools = (request.tools ?? []).flatMap<JsonObject>((tool, index) =>
    isOffered(tool, scope) ? (encodeTool(tool, at('tools', index), scope) ?? []) : [],
  )
  if (tools.length > 0) body['tools'] = tools
  const choice = encodeChoice(scope)
  const isTold = tools.length > 0 || (choice !== 'auto' && choice !== 'none')
  if (choice !== undefined && isTold) body['tool_choice'] = choice
  if (request.parallelToolCalls === undefined || tools.length === 0) return
  if (capabilities.parallelToggle) body['parallel_tool_calls'] = request.parallelToolCalls
  else if (!request.parallelToolCalls) losses.drop('parallelToolCalls', 'the upstream has no such switch')
}

/** Where a choice among some tools cannot be said, the others are not offered. */
function isOffered(tool: Tool, { request, capabilities }: Scope): boolean {
  const choice = request.toolChoice
  if (choice?.type !== 'subset' || capabilities.allowedTools || tool.type === 'provider') return true
  return choice.tools.some((named) => named.name === tool.name)
}

function encodeTool(tool: Tool, path: string, scope: Scope): JsonObject | undefined {
  if (tool.type === 'provider') return encodeProviderTool(tool, path, scope)
  const name = wireToolName(tool.name)
  if (name !== tool.name) scope.losses.approximate(`${path}.name`, `the upstream sees it as ${name}`)
  if (tool.type === 'function') return encodeFunction(tool, name, path, scope)
  return scope.capabilities.customTools
    ? encodeCustom(tool, name, path, scope)
    : encodeBridged(tool, name, path, scope)
}

function encodeFunction(tool: FunctionTool, name: string, path: string, scope: Scope): JsonObject {
  const { description, parameters, strict } = tool
  const isStrictKnown = scope.capabilities.strictTools
  if (strict && !isStrictKnown) scope.losses.drop(`${path}.strict`, 'the upstream does not enforce schemas')
  const definition = defined({ name, description, parameters, strict: isStrictKnown ? strict : undefined })
  return finished({ type: 'function', function: definition }, tool, path, scope)
}

function encodeCustom(tool: CustomTool, name: string, path: string, scope: Scope): JsonObject {
  const { description, grammar } = tool
  const format = grammar && { type: 'grammar', grammar: { ...grammar } }
  return finished({ type: 'custom', custom: defined({ name, description, format }) }, tool, path, scope)
}

function finished(wire: JsonObject, tool: FunctionTool | CustomTool, path: string, scope: Scope): JsonObject {
  writeMark(wire, tool, path, scope)
  return giveBack(wire, tool.extensions)
}

/** A free-text tool as a function of one argument; the grammar becomes advice. */
function encodeBridged(tool: CustomTool, name: string, path: string, scope: Scope): JsonObject {
  const why = tool.grammar
    ? 'its grammar is only described to the upstream'
    : 'the upstream sees it as a function'
  scope.losses.approximate(path, why)
  const { description, parameters: open } = bridgedTool(tool)
  const parameters = { ...open, additionalProperties: false }
  const wire: JsonObject = { type: 'function', function: defined({ name, description, parameters }) }
  writeMark(wire, tool, path, scope)
  return wire
}

/** Never dropped in silence: the model would invent the results (protocol.md §2.1). */
function encodeProviderTool(tool: ProviderTool, path: string, scope: Scope): JsonObject | undefined {
  if (tool.dialect === DIALECT) return tool.wire
  if (tool.capability === 'web-search' && scope.capabilities.webSearch) return undefined
  const named = tool.name ?? String(tool.wire['type'] ?? 'this tool')
  scope.losses.refuse(path, `the upstream has no counterpart of ${named}`)
  return undefined
}

function encodeChoice({ request, capabilities, losses }: Scope): JsonObject | string | undefined {
  const choice = request.toolChoice
  if (!choice) return undefined
  const isForced = choice.type === 'required' || choice.type === 'tool'
  if (isForced && !capabilities.forcedToolChoice) {
    losses.approximate('toolChoice', 'the upstream cannot be forced to call a tool')
    return 'auto'
  }
  return choiceForms[choice.type](choice, capabilities)
}

type ChoiceEncoder = (choice: ToolChoice, capabilities: Scope['capabilities']) => JsonObject | string

const choiceForms: Record<ToolChoice['type'], ChoiceEncoder> = {
  auto: () => 'auto',
  none: () => 'none',
  required: () => 'required',
  tool: (choice, { customTools }) => (choice.type === 'tool' ? reference(choice, customTools) : 'auto'),
  subset: (choice, capabilities) => {
    if (choice.type !== 'subset') return 'auto'
    if (!capabilities.allowedTools) return capabilities.forcedToolChoice ? choice.mode : 'auto'
    const tools = choice.tools.map((tool) => reference(tool, capabilities.customTools))
    return { type: 'allowed_tools', allowed_tools: { mode: choice.mode, tools } }
  },
}

function reference(tool: { name: string; custom?: boolean }, customTools: boolean): JsonObject {
  const kind = tool.custom && customTools ? 'custom' : 'function'
  return { type: kind, [kind]: { name: wireToolName(tool.name) } }
}
