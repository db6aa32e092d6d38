import { type Json, type JsonObject, rest } from '../../model/json.ts'
import { extensionsOf } from '../../model/origin.ts'
import { asObject, at, readBoolean, readObject, readString, required } from '../../model/read.ts'
import type { ChatRequest, FunctionTool, Tool } from '../../model/request.ts'
import { decodeCacheMark } from './cache.ts'
import { DIALECT, toolKeys } from './wire.ts'

/** `tools` of a request: functions of the caller, and tools Anthropic defines or runs itself. */
export function decodeTools(list: readonly Json[] | undefined): Tool[] | undefined {
  return list?.map((entry, index) => decodeTool(asObject(entry, at('tools', index)), at('tools', index)))
}

function decodeTool(wire: JsonObject, path: string): Tool {
  const type = readString(wire, 'type', path)
  if (type === undefined || type === 'custom') return decodeFunction(wire, path)
  decodeCacheMark(wire, path)
  const name = readString(wire, 'name', path)
  return {
    type: 'provider',
    dialect: DIALECT,
    wire,
    ...(name === undefined ? {} : { name }),
    ...(type.startsWith('web_search_') ? { capability: 'web-search' } : {}),
  }
}

function decodeFunction(wire: JsonObject, path: string): FunctionTool {
  const tool: FunctionTool = {
    type: 'function',
    name: required(readString(wire, 'name', path), at(path, 'name'), 'the name of the tool'),
    parameters: required(readObject(wire, 'input_schema', path), at(path, 'input_schema'), 'a JSON schema'),
  }
  const description = readString(wire, 'description', path)
  const strict = readBoolean(wire, 'strict', path)
  const cache = decodeCacheMark(wire, path)
  const extensions = extensionsOf(DIALECT, rest(wire, toolKeys))
  if (description !== undefined) tool.description = description
  if (strict !== undefined) tool.strict = strict
  if (cache !== undefined) tool.cache = cache
  if (extensions !== undefined) tool.extensions = extensions
  return tool
}

/** Sets tool choice and the parallel toggle; a kind of choice we do not know stays as it is for this dialect. */
export function decodeToolChoice(wire: JsonObject | undefined, request: ChatRequest, own: JsonObject): void {
  if (wire === undefined) return
  const type = required(readString(wire, 'type', 'tool_choice'), 'tool_choice.type', 'a string')
  const single = readBoolean(wire, 'disable_parallel_tool_use', 'tool_choice')
  if (single !== undefined) request.parallelToolCalls = !single
  if (type === 'tool') {
    const name = required(readString(wire, 'name', 'tool_choice'), 'tool_choice.name', 'the name of a tool')
    request.toolChoice = { type: 'tool', name }
  } else if (type === 'any') request.toolChoice = { type: 'required' }
  else if (type === 'auto' || type === 'none') request.toolChoice = { type }
  else own.tool_choice = wire
}
