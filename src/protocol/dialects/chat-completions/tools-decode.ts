import { invalid } from '../../model/error.ts'
import { type Json, type JsonObject, rest } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import {
  asObject,
  at,
  describe,
  readArray,
  readBoolean,
  readObject,
  readOneOf,
  readString,
  required,
} from '../../model/read.ts'
import type { ChatRequest, CustomTool, FunctionTool, Tool, ToolChoice } from '../../model/request.ts'
import { readMark } from './cache.ts'
import { keep } from './extensions.ts'
import { customToolFields, DIALECT, functionToolFields, toolFields } from './wire.ts'

type ToolSettings = Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'>

/** Tools and how they may be called; the deprecated `functions` pair becomes tools, one call at a time. */
export function decodeToolSettings(body: JsonObject): ToolSettings {
  const tools = readArray(body, 'tools', '')
  const functions = readArray(body, 'functions', '')
  const isLegacy = tools === undefined && functions !== undefined
  return {
    tools: isLegacy ? functions.map(decodeFunction) : tools?.map(decodeTool),
    toolChoice: decodeToolChoice(body['tool_choice']) ?? decodeFunctionChoice(body['function_call']),
    parallelToolCalls: readBoolean(body, 'parallel_tool_calls', '') ?? (isLegacy ? false : undefined),
  }
}

function decodeTool(entry: Json, index: number): Tool {
  const path = at('tools', index)
  const tool = asObject(entry, path)
  const type = readString(tool, 'type', path)
  if (type === 'custom') return customTool(tool, path)
  if (type === 'function' || type === undefined) return functionTool(tool, path)
  return defined({
    type: 'provider',
    capability: type.startsWith('web_search') ? 'web-search' : undefined,
    dialect: DIALECT,
    wire: tool,
    name: typeof tool['name'] === 'string' ? tool['name'] : undefined,
  })
}

function decodeFunction(entry: Json, index: number): Tool {
  const path = at('functions', index)
  return functionOf(asObject(entry, path), path)
}

function functionTool(tool: JsonObject, path: string): FunctionTool {
  const definition = readObject(tool, 'function', path)
  if (!definition) throw invalid(at(path, 'function'), `is required: expected an object with a name`)
  const { cache, extensions, ...fields } = functionOf(definition, at(path, 'function'))
  const inside = extensions?.[DIALECT]
  const { cache: outer, form } = readMark(tool, path)
  const kept = { ...rest(tool, toolFields), ...(inside && { function: inside }) }
  return defined({ ...fields, cache: outer ?? cache, extensions: keep(kept, { mark: form }) })
}

function functionOf(definition: JsonObject, path: string): FunctionTool {
  return defined({
    type: 'function',
    name: required(readString(definition, 'name', path), at(path, 'name'), 'the name of the function'),
    description: readString(definition, 'description', path),
    parameters: readObject(definition, 'parameters', path),
    strict: readBoolean(definition, 'strict', path),
    cache: readMark(definition, path).cache,
    extensions: keep(rest(definition, functionToolFields)),
  } satisfies FunctionTool)
}

function customTool(tool: JsonObject, path: string): CustomTool {
  const here = at(path, 'custom')
  const definition = required(readObject(tool, 'custom', path), here, 'an object with a name')
  const inside = rest(definition, customToolFields)
  const { cache, form } = readMark(tool, path)
  return defined({
    type: 'custom',
    name: required(readString(definition, 'name', here), at(here, 'name'), 'the name of the tool'),
    description: readString(definition, 'description', here),
    grammar: grammarOf(definition, here),
    cache: cache ?? readMark(definition, here).cache,
    extensions: keep({ ...rest(tool, toolFields), ...(inside && { custom: inside }) }, { mark: form }),
  } satisfies CustomTool)
}

/** `format.grammar.{syntax, definition}`; `format: {type: "text"}` is no constraint. */
function grammarOf(definition: JsonObject, path: string): CustomTool['grammar'] {
  const format = readObject(definition, 'format', path)
  if (format?.['type'] !== 'grammar') return undefined
  const here = at(at(path, 'format'), 'grammar')
  const grammar = required(readObject(format, 'grammar', at(path, 'format')), here, 'syntax and definition')
  return {
    syntax: required(readString(grammar, 'syntax', here), at(here, 'syntax'), '"lark" or "regex"'),
    definition: required(readString(grammar, 'definition', here), at(here, 'definition'), 'a string'),
  }
}

/** `any` is one vendor's word for `required`. */
const modes = { none: 'none', auto: 'auto', required: 'required', any: 'required' } as const

const choiceForms =
  'expected "none", "auto", "required", or an object of type function, custom or allowed_tools'

function decodeToolChoice(value: Json | undefined): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined
  const path = 'tool_choice'
  const word = typeof value === 'string' ? value : asObject(value, path)['type']
  if (typeof word === 'string' && Object.hasOwn(modes, word))
    return { type: modes[word as keyof typeof modes] }
  if (typeof value === 'string') throw invalid(path, `${choiceForms}, got ${describe(value)}`)
  const choice = asObject(value, path)
  if (word === 'function' || word === 'custom') return namedChoice(choice, word)
  if (word === 'allowed_tools') return subset(choice)
  throw invalid(at(path, 'type'), `${choiceForms}, got ${describe(word)}`)
}

function namedChoice(choice: JsonObject, kind: 'function' | 'custom'): ToolChoice {
  return { type: 'tool', ...toolReference(choice, kind, 'tool_choice') }
}

function toolReference(object: JsonObject, kind: 'function' | 'custom', path: string) {
  const here = at(path, kind)
  const body = required(readObject(object, kind, path), here, 'an object with the name of a tool')
  const name = required(readString(body, 'name', here), at(here, 'name'), 'the name of a tool')
  return kind === 'custom' ? { name, custom: true } : { name }
}

function subset(choice: JsonObject): ToolChoice {
  const path = 'tool_choice.allowed_tools'
  const body = required(readObject(choice, 'allowed_tools', 'tool_choice'), path, 'mode and tools')
  const list = required(readArray(body, 'tools', path), at(path, 'tools'), 'an array of tools')
  const tools = list.map((entry, index) => {
    const here = at(at(path, 'tools'), index)
    const tool = asObject(entry, here)
    const kind = readOneOf(tool, 'type', here, ['function', 'custom']) ?? 'function'
    return toolReference(tool, kind, here)
  })
  const mode = readOneOf(body, 'mode', path, ['auto', 'required']) ?? 'auto'
  return { type: 'subset', mode, tools }
}

function decodeFunctionChoice(value: Json | undefined): ToolChoice | undefined {
  if (value === undefined || value === null) return undefined
  if (value === 'none' || value === 'auto') return { type: value }
  if (typeof value === 'string')
    throw invalid('function_call', `expected "none", "auto" or {name}, got ${describe(value)}`)
  const choice = asObject(value, 'function_call')
  const name = required(readString(choice, 'name', 'function_call'), 'function_call.name', 'a function name')
  return { type: 'tool', name }
}
