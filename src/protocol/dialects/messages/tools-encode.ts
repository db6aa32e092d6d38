import { bridgedTool } from '../../model/bridged-tool.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import { at } from '../../model/read.ts'
import type { ChatRequest, CustomTool, FunctionTool, ProviderTool, Tool } from '../../model/request.ts'
import { allowedBeta } from './betas.ts'
import { isCall } from './blocks.ts'
import { cacheControl } from './cache.ts'
import type { EncodeContext } from './context.ts'
import { wireToolName } from './names.ts'
import { encodeWebSearch } from './web-search.ts'
import { DIALECT, own } from './wire.ts'

/** The tools of a request on the wire. A tool that cannot be carried is refused, never left out (protocol.md §2.1). */
export function encodeTools(request: ChatRequest, context: EncodeContext): JsonObject[] {
  const wires = chosen(request, context).flatMap(({ tool, path }) => encodeTool(tool, path, context))
  if (request.webSearch) wires.push(...encodeWebSearch(request.webSearch, 'webSearch', context))
  return wires.length > 0 ? wires : stubs(request)
}

/** A subset is asked for by leaving out the others, which costs the prompt cache (protocol.md §2.5). */
function chosen(request: ChatRequest, context: EncodeContext): { tool: Tool; path: string }[] {
  const all = (request.tools ?? []).map((tool, index) => ({ tool, path: at('tools', index) }))
  const { toolChoice } = request
  if (toolChoice?.type !== 'subset') return all
  context.losses.approximate('toolChoice', 'the upstream knows no subset of tools, the others were left out')
  const names = new Set(toolChoice.tools.map((tool) => tool.name))
  return all.filter(({ tool }) => tool.name !== undefined && names.has(tool.name))
}

function encodeTool(tool: Tool, path: string, context: EncodeContext): JsonObject[] {
  switch (tool.type) {
    case 'function':
      return [encodeFunction(tool, path, context)]
    case 'custom':
      return [encodeCustom(tool, path, context)]
    case 'provider':
      return encodeProvider(tool, path, context)
  }
}

function encodeFunction(tool: FunctionTool, path: string, context: EncodeContext): JsonObject {
  const wire: JsonObject = { name: reportedName(tool.name, path, context) }
  if (tool.description !== undefined) wire.description = tool.description
  wire.input_schema = inputSchema(tool.parameters)
  if (tool.strict !== undefined && context.capabilities.strictTools) wire.strict = tool.strict
  else if (tool.strict) context.losses.drop(at(path, 'strict'), 'the upstream has no strict tools')
  for (const [key, value] of Object.entries(own(tool.extensions))) {
    if (allowedBeta(key, context)) wire[key] = value
    else context.losses.drop(at(path, key), 'the upstream does not offer the beta this needs')
  }
  return { ...wire, ...cacheControl(tool.cache, context) }
}

/** The root of a schema must be an object here; the rest is the caller's own, byte for byte (protocol.md §2.6). */
function inputSchema(parameters: JsonObject | undefined): JsonObject {
  if (parameters === undefined) return { type: 'object', properties: {} }
  return parameters.type === undefined ? { type: 'object', ...parameters } : parameters
}

/** Free text travels as the one string argument of a function; the client's side unwraps it. */
function encodeCustom(tool: CustomTool, path: string, context: EncodeContext): JsonObject {
  if (tool.grammar)
    context.losses.approximate(at(path, 'grammar'), 'the upstream cannot enforce it, the model is told of it')
  const { description, parameters } = bridgedTool(tool)
  return {
    name: reportedName(tool.name, path, context),
    ...(description ? { description } : {}),
    input_schema: parameters,
    ...cacheControl(tool.cache, context),
  }
}

function encodeProvider(tool: ProviderTool, path: string, context: EncodeContext): JsonObject[] {
  if (tool.dialect === DIALECT) {
    const { cache_control: mark, ...wire } = tool.wire
    const keepsMark = isObject(mark) && context.capabilities.cacheMarks !== 'none'
    return [keepsMark ? { ...wire, cache_control: mark } : wire]
  }
  if (tool.capability === 'web-search') return encodeWebSearch(tool.wire, path, context)
  context.losses.refuse(path, 'the tool is run by another provider and has no counterpart at the upstream')
  return []
}

function reportedName(name: string, path: string, context: EncodeContext): string {
  const legal = wireToolName(name)
  if (legal !== name)
    context.losses.approximate(
      at(path, 'name'),
      `the upstream allows letters, digits, _ and -: sent as ${legal}`,
    )
  return legal
}

/** History with calls needs tool definitions, also when the caller stopped sending them (protocol.md §2.5). */
function stubs(request: ChatRequest): JsonObject[] {
  const names = request.messages.flatMap((message) => message.content.filter(isCall).map((call) => call.name))
  return [...new Set(names)].map((name) => ({
    name: wireToolName(name),
    description: 'No longer available.',
    input_schema: { type: 'object', properties: {} },
  }))
}
