import { at, type Fields, fields, isFields, list, text } from '../../json.ts'
import type { Problem, Rule, WireRequest } from '../dialect.ts'
import { messageShapes, NAME, pairing } from './check-messages.ts'
import { knownFields, legalValues } from './fields.ts'
import { checkModelLimits } from './model-limits.ts'
import { chatVendor } from './vendors.ts'

function* requiredMembers({ body }: WireRequest): Iterable<Problem> {
  if (text(body['model']) === '') yield { path: 'model', message: 'you must provide a model parameter' }
  if (list(body['messages']).length === 0)
    yield { path: 'messages', message: "Invalid 'messages': expected a non-empty array." }
}

function* unknownFields({ body, vendor }: WireRequest): Iterable<Problem> {
  if (!chatVendor(vendor).closed) return
  for (const name of Object.keys(body))
    if (!knownFields.has(name))
      yield {
        path: name,
        message: `Unrecognized request argument supplied: ${name}`,
        code: 'unknown_parameter',
      }
}

function* enumerations({ body }: WireRequest): Iterable<Problem> {
  for (const [path, values] of Object.entries(legalValues)) {
    const value = at(body, ...path.split('.'))
    if (value === undefined || value === null || isFields(value)) continue
    if (!values.includes(text(value)))
      yield {
        path,
        message: `Invalid value: '${String(value)}'. Supported values are: ${values.map((one) => `'${one}'`).join(', ')}.`,
        code: 'invalid_value',
      }
  }
}

function* ranges({ body, vendor }: WireRequest): Iterable<Problem> {
  const bounds: [string, number, number][] = [
    ['temperature', 0, 2],
    ['top_p', 0, 1],
    ['presence_penalty', -2, 2],
    ['frequency_penalty', -2, 2],
    ['n', 1, 128],
    ['top_logprobs', 0, 20],
    ['max_tokens', 1, Number.POSITIVE_INFINITY],
    ['max_completion_tokens', 1, Number.POSITIVE_INFINITY],
  ]
  for (const [path, least, most] of bounds) {
    const value = body[path]
    if (value === undefined || value === null) continue
    if (typeof value !== 'number' || value < least || value > most)
      yield {
        path,
        message: `Invalid '${path}': expected a number from ${least} to ${most}, got ${String(value)}.`,
      }
  }
  if (Number(body['n'] ?? 1) > 1 && !chatVendor(vendor).severalAnswers)
    yield { path: 'n', message: 'Invalid n value (currently only n = 1 is supported)' }
  if (Array.isArray(body['stop']) && body['stop'].length > 4)
    yield {
      path: 'stop',
      message: "Invalid 'stop': array too long. Expected an array with maximum length 4.",
    }
  if (body['top_logprobs'] !== undefined && body['logprobs'] !== true)
    yield { path: 'top_logprobs', message: "'logprobs' must be true when 'top_logprobs' is used." }
  if (body['stream_options'] !== undefined && body['stream'] !== true)
    yield {
      path: 'stream_options',
      message: "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
    }
}
function* tools({ body }: WireRequest): Iterable<Problem> {
  const names = list(body['tools']).map((tool) =>
    text(at(tool, 'function', 'name') ?? at(tool, 'custom', 'name')),
  )
  for (const [index, tool] of list(body['tools']).entries()) {
    const path = `tools[${index}]`
    if (at(tool, 'type') !== 'function' && at(tool, 'type') !== 'custom')
      yield {
        path: `${path}.type`,
        message: "Supported values are: 'function', 'custom'.",
        code: 'invalid_value',
      }
    if (!NAME.test(names[index] ?? ''))
      yield { path: `${path}.function.name`, message: 'illegal or missing name' }
    const parameters = at(tool, 'function', 'parameters')
    if (parameters !== undefined && (!isFields(parameters) || (parameters['type'] ?? 'object') !== 'object'))
      yield { path: `${path}.function.parameters`, message: 'schema must be a JSON Schema of type object' }
  }
  if (Array.isArray(body['tools']) && names.length === 0)
    yield { path: 'tools', message: 'Invalid array: [] is too short' }
  const chosen = text(at(body, 'tool_choice', 'function', 'name'))
  if (chosen !== '' && !names.includes(chosen))
    yield { path: 'tool_choice', message: `Tool '${chosen}' not found in 'tools'.` }
  if (names.length === 0)
    for (const path of ['tool_choice', 'parallel_tool_calls'])
      if (body[path] !== undefined)
        yield { path, message: `'${path}' is only allowed when 'tools' are specified.` }
}

function* outputFormat({ body, vendor }: WireRequest): Iterable<Problem> {
  const format = fields(body['response_format'])
  if (format['type'] !== 'json_schema') return
  if (!chatVendor(vendor).jsonSchema)
    yield { path: 'response_format', message: 'This response_format type is unavailable now' }
  const wanted = fields(format['json_schema'])
  const path = 'response_format.json_schema'
  if (!NAME.test(text(wanted['name']))) yield { path: `${path}.name`, message: 'illegal or missing name' }
  if (!isFields(wanted['schema'])) yield { path: `${path}.schema`, message: 'expected an object' }
  if (wanted['strict'] === true) yield* strictSchema(fields(wanted['schema']), `${path}.schema`)
}

/** Strict mode: closed objects with every property required (protocol.md §2.6). */
function* strictSchema(schema: Fields, path: string): Iterable<Problem> {
  const properties = fields(schema['properties'])
  if (schema['type'] === 'object') {
    if (schema['additionalProperties'] !== false)
      yield { path, message: `'additionalProperties' is required to be supplied and to be false.` }
    const missing = Object.keys(properties).filter((name) => !list(schema['required']).includes(name))
    if (missing.length > 0)
      yield { path, message: `'required' must include every key in properties. Missing '${missing[0]}'.` }
  }
  for (const [name, member] of Object.entries(properties))
    yield* strictSchema(fields(member), `${path}.properties.${name}`)
  if (schema['items'] !== undefined) yield* strictSchema(fields(schema['items']), `${path}.items`)
}

function* replay({ body, vendor }: WireRequest): Iterable<Problem> {
  if (!chatVendor(vendor).replay) return
  for (const [index, entry] of list(body['messages']).entries()) {
    const message = fields(entry)
    if (
      message['role'] === 'assistant' &&
      list(message['tool_calls']).length > 0 &&
      typeof message['reasoning_content'] !== 'string'
    )
      yield {
        path: `messages[${index}]`,
        message: 'The reasoning_content in the thinking mode must be passed back to the API.',
      }
  }
}

export const chatRules: readonly Rule[] = [
  requiredMembers,
  unknownFields,
  enumerations,
  ranges,
  messageShapes,
  pairing,
  tools,
  outputFormat,
  replay,
  checkModelLimits,
]
