import { bridgedTool } from '../../model/bridged-tool.ts'
import { isObject, type JsonObject } from '../../model/json.ts'
import type { ChatRequest, CustomTool, FunctionTool, ProviderTool, ToolChoice } from '../../model/request.ts'
import type { Encoding } from './encoding.ts'
import { wireToolName } from './names.ts'
import { cleanSchema } from './schema.ts'
import { supportedSchema } from './schema-json.ts'
import { DIALECT, own } from './wire.ts'

/** What `tools` and `toolConfig` become; absent members are not sent. */
export interface EncodedTools extends JsonObject {
  tools?: JsonObject[]
  toolConfig?: JsonObject
}

export function encodeTools(request: ChatRequest, encoding: Encoding): EncodedTools {
  const declarations: JsonObject[] = []
  const native: JsonObject[] = []
  request.tools?.forEach((tool, index) => {
    const path = `tools[${index}]`
    if (tool.type === 'function') declarations.push(declaration(tool, path, encoding))
    else if (tool.type === 'custom') declarations.push(...bridged(tool, path, encoding))
    else native.push(...providerTool(tool, path, encoding))
  })
  if (request.webSearch && !native.some((tool) => 'googleSearch' in tool))
    native.push(...webSearch(request.webSearch, 'webSearch', encoding))
  const tools = declarations.length > 0 ? [{ functionDeclarations: declarations }, ...native] : native
  const toolConfig = configOf(request, declarations.length > 0, encoding)
  return { ...(tools.length > 0 ? { tools } : {}), ...(toolConfig ? { toolConfig } : {}) }
}

function declaration(tool: FunctionTool, path: string, encoding: Encoding): JsonObject {
  if (tool.strict && !encoding.capabilities.strictTools)
    encoding.losses.drop(`${path}.strict`, 'the upstream does not enforce tool schemas')
  return {
    ...named(tool.name, tool.description),
    ...parametersOf(tool.parameters, `${path}.parameters`, encoding),
    ...own(tool.extensions),
  }
}

function named(name: string, description: string | undefined): JsonObject {
  return { name: wireToolName(name), ...(description === undefined ? {} : { description }) }
}

/** A tool without parameters declares none: older models refuse an object without properties (protocol.md §2.5). */
function parametersOf(parameters: JsonObject | undefined, path: string, encoding: Encoding): JsonObject {
  if (parameters === undefined || takesNothing(parameters)) return {}
  const cleaned = cleanedSchema(parameters, path, encoding)
  return encoding.capabilities.schemaForm === 'json-schema'
    ? { parametersJsonSchema: cleaned }
    : { parameters: cleaned }
}

/** The schema in the form the model takes, with a report of what it cannot enforce. */
export function cleanedSchema(schema: JsonObject, path: string, encoding: Encoding): JsonObject {
  const { capabilities, losses } = encoding
  const cleaned = capabilities.schemaForm === 'json-schema' ? supportedSchema(schema) : cleanSchema(schema)
  if (cleaned.lost.length > 0)
    losses.approximate(
      path,
      `the upstream's schema form has no ${cleaned.lost.join(', ')}: told in words instead`,
    )
  return cleaned.schema
}

const shaping = ['$ref', 'allOf', 'anyOf', 'oneOf', 'patternProperties', 'required'] as const

function takesNothing(schema: JsonObject): boolean {
  if (schema['type'] !== undefined && schema['type'] !== 'object' && schema['type'] !== 'OBJECT') return false
  if (isObject(schema['properties']) && Object.keys(schema['properties']).length > 0) return false
  if (schema['additionalProperties']) return false
  return !shaping.some((key) =>
    Array.isArray(schema[key]) ? schema[key].length > 0 : schema[key] !== undefined,
  )
}

/** A free-text tool as a function with one string; the client's encoder unwraps `input` again. */
function bridged(tool: CustomTool, path: string, encoding: Encoding): JsonObject[] {
  const { losses } = encoding
  if (tool.grammar)
    losses.approximate(`${path}.grammar`, 'the upstream cannot enforce it, the model is told of it')
  losses.approximate(path, 'free-text tools are sent as functions with one string argument')
  const { description, parameters } = bridgedTool(tool)
  return [{ ...named(tool.name, description), ...parametersOf(parameters, path, encoding) }]
}

/** Tools the provider runs: this wire's own as they came, web search across wires, others never silently dropped. */
function providerTool(tool: ProviderTool, path: string, encoding: Encoding): JsonObject[] {
  if (tool.dialect === DIALECT) return [tool.wire]
  if (tool.capability === 'web-search') return webSearch(tool.wire, path, encoding)
  const name = tool.name ?? tool.wire['type'] ?? 'this tool'
  encoding.losses.refuse(path, `the upstream has no equivalent of ${String(name)}, which its provider runs`)
  return []
}

/** Settings of a web search in other dialects that only name it. */
const namingOnly = new Set(['type', 'name', 'cache_control'])

function webSearch(settings: JsonObject, path: string, { capabilities, losses }: Encoding): JsonObject[] {
  if (!capabilities.webSearch) {
    losses.refuse(path, 'the upstream has no web search')
    return []
  }
  const blocked = settings['blocked_domains']
  const carried = Array.isArray(blocked) && blocked.length > 0 ? ['blocked_domains'] : []
  for (const key of Object.keys(settings))
    if (!namingOnly.has(key) && !carried.includes(key) && settings[key] !== null)
      losses.drop(`${path}.${key}`, 'the upstream’s web search has no such setting')
  return [{ googleSearch: carried.length > 0 ? { excludeDomains: blocked } : {} }]
}

function configOf(request: ChatRequest, functions: boolean, encoding: Encoding): JsonObject | undefined {
  const { losses } = encoding
  const native = own(request.extensions)['toolConfig']
  if (request.parallelToolCalls === false && functions)
    losses.drop('parallelToolCalls', 'the upstream cannot be held to one call at a time')
  const calling = functions ? callingConfig(request, encoding) : undefined
  if (
    !functions &&
    request.toolChoice &&
    request.toolChoice.type !== 'auto' &&
    request.toolChoice.type !== 'none'
  )
    losses.drop('toolChoice', 'there is no tool to choose')
  if (!isObject(native)) return calling && { functionCallingConfig: calling }
  const given = native['functionCallingConfig']
  const merged = calling ? { ...(isObject(given) ? given : {}), ...calling } : given
  return merged === undefined ? native : { ...native, functionCallingConfig: merged }
}

/** `VALIDATED` is the wire's strict mode: a call must fit its schema (protocol.md §2.5). */
function callingConfig({ tools, toolChoice }: ChatRequest, encoding: Encoding): JsonObject | undefined {
  const strict =
    encoding.capabilities.strictTools && tools?.some((tool) => tool.type === 'function' && tool.strict)
  const config = toolChoice ? chosen(toolChoice) : undefined
  if (config?.['mode'] === 'ANY' && !encoding.capabilities.forcedToolChoice) {
    encoding.losses.approximate('toolChoice', 'the model cannot be forced to call a tool: it is free to')
    const { allowedFunctionNames } = config
    return allowedFunctionNames ? { mode: 'VALIDATED', allowedFunctionNames } : { mode: 'AUTO' }
  }
  return strict && (config === undefined || config['mode'] === 'AUTO')
    ? { ...config, mode: 'VALIDATED' }
    : config
}

function chosen(choice: ToolChoice): JsonObject {
  switch (choice.type) {
    case 'auto':
      return { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [wireToolName(choice.name)] }
    case 'subset':
      return {
        mode: choice.mode === 'required' ? 'ANY' : 'VALIDATED',
        allowedFunctionNames: choice.tools.map((tool) => wireToolName(tool.name)),
      }
  }
}
