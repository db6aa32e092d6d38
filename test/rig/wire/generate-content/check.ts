import { at, type Fields, fields, isFields, list, text } from '../../json.ts'
import type { Problem, Rule, WireRequest } from '../dialect.ts'
import { isBase64 } from '../media.ts'
import { checkTurns } from './check-turns.ts'
import * as known from './fields.ts'
import { generation } from './models.ts'

const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/

function* unknownNames(value: unknown, names: ReadonlySet<string>, path: string): Iterable<Problem> {
  for (const name of Object.keys(fields(value)))
    if (!names.has(name))
      yield {
        path: `${path}.${name}`,
        message: `Invalid JSON payload received. Unknown name "${name}" at '${path}': Cannot find field.`,
      }
}

function* names({ body }: WireRequest): Iterable<Problem> {
  yield* unknownNames(body, known.topLevel, 'body')
  yield* unknownNames(body['generationConfig'], known.generationConfig, 'generation_config')
  yield* unknownNames(at(body, 'generationConfig', 'thinkingConfig'), known.thinkingConfig, 'thinking_config')
  yield* unknownNames(
    at(body, 'toolConfig', 'functionCallingConfig'),
    known.functionCallingConfig,
    'function_calling_config',
  )
  for (const [index, content] of list(body['contents']).entries())
    yield* unknownNames(content, known.content, `contents[${index}]`)
}

function partProblem(part: Fields, request: WireRequest): string | undefined {
  const data = Object.keys(part).filter((name) => known.partData.has(name))
  const stray = Object.keys(part).find((name) => !known.partData.has(name) && !known.partModifiers.has(name))
  if (stray !== undefined) return `Unknown name "${stray}": Cannot find field.`
  if (data.length !== 1) return 'a part must have exactly one data field'
  if (part['text'] === '' && part['thoughtSignature'] === undefined)
    return 'Unable to submit request because it must have a text parameter.'
  const inline = part['inlineData']
  if (inline !== undefined && (text(at(inline, 'mimeType')) === '' || !isBase64(text(at(inline, 'data')))))
    return 'inlineData: Base64 decoding failed'
  const file = part['fileData']
  if (file !== undefined && !/^(https?|gs):\/\//.test(text(at(file, 'fileUri'))))
    return 'fileData.fileUri: Invalid or unsupported file uri'
  const call = part['functionCall']
  if (call !== undefined && !NAME.test(text(at(call, 'name'))))
    return 'functionCall.name: Invalid function name'
  if (isFields(call) && call['args'] !== undefined && !isFields(call['args']))
    return 'functionCall.args: expected an object'
  return responseProblem(part['functionResponse'], request) ?? idProblem(part, request)
}

function responseProblem(response: unknown, request: WireRequest): string | undefined {
  if (response === undefined) return undefined
  if (text(at(response, 'name')) === '') return 'functionResponse.name: Name cannot be empty.'
  if (!isFields(at(response, 'response'))) return 'functionResponse.response: expected an object'
  if (at(response, 'parts') !== undefined && generation(request.model) < 3)
    return 'functionResponse.parts: Multimodal function responses are not supported by this model'
  return undefined
}

/** Vertex has no ids on calls and results. */
function idProblem(part: Fields, request: WireRequest): string | undefined {
  const id = at(part['functionCall'] ?? part['functionResponse'], 'id')
  return request.vendor === 'vertex' && id !== undefined
    ? 'Unknown name "id" at \'function_call\': Cannot find field.'
    : undefined
}

function* parts(request: WireRequest): Iterable<Problem> {
  const contents = list(request.body['contents'])
  if (contents.length === 0) yield { path: 'contents', message: 'contents is not specified' }
  for (const [index, entry] of contents.entries()) {
    const role = at(entry, 'role')
    if (role !== 'user' && role !== 'model' && (role !== undefined || request.vendor === 'vertex'))
      yield { path: `contents[${index}].role`, message: 'Please use a valid role: user, model.' }
    const here = list(at(entry, 'parts'))
    if (here.length === 0)
      yield { path: `contents[${index}].parts`, message: 'contents.parts must not be empty.' }
    for (const [place, part] of here.entries()) {
      const wrong = partProblem(fields(part), request)
      if (wrong !== undefined) yield { path: `contents[${index}].parts[${place}]`, message: wrong }
    }
  }
  const system = request.body['systemInstruction']
  if (system !== undefined && list(at(system, 'parts')).every((part) => text(at(part, 'text')) === ''))
    yield { path: 'systemInstruction', message: 'systemInstruction must have a text part' }
}

function* schemaNames(schema: Fields, legal: ReadonlySet<string>, path: string): Iterable<Problem> {
  yield* unknownNames(schema, legal, path)
  for (const [name, member] of Object.entries(fields(schema['properties'])))
    yield* schemaNames(fields(member), legal, `${path}.properties.${name}`)
  if (isFields(schema['items'])) yield* schemaNames(schema['items'], legal, `${path}.items`)
  for (const branch of list(schema['anyOf'])) yield* schemaNames(fields(branch), legal, `${path}.any_of`)
}

function* tools({ body, model }: WireRequest): Iterable<Problem> {
  const declared: string[] = []
  for (const [index, tool] of list(body['tools']).entries()) {
    yield* unknownNames(tool, known.tool, `tools[${index}]`)
    for (const [place, declaration] of list(at(tool, 'functionDeclarations')).entries()) {
      const path = `tools[${index}].function_declarations[${place}]`
      const wire = fields(declaration)
      yield* unknownNames(wire, known.declaration, path)
      if (!NAME.test(text(wire['name']))) yield { path: `${path}.name`, message: 'Invalid function name.' }
      if (wire['parameters'] !== undefined && wire['parametersJsonSchema'] !== undefined)
        yield { path, message: 'only one of parameters and parametersJsonSchema may be set' }
      yield* schemaNames(fields(wire['parameters']), known.openApiSchema, `${path}.parameters`)
      yield* schemaNames(
        fields(wire['parametersJsonSchema']),
        known.jsonSchema,
        `${path}.parameters_json_schema`,
      )
      declared.push(text(wire['name']))
    }
  }
  const choice = at(body, 'toolConfig', 'functionCallingConfig')
  const mode = at(choice, 'mode')
  if (mode !== undefined && !['AUTO', 'ANY', 'NONE', 'VALIDATED'].includes(text(mode)))
    yield { path: 'tool_config', message: `Invalid value at 'mode': "${text(mode)}"` }
  for (const name of list(at(choice, 'allowedFunctionNames')))
    if (!declared.includes(text(name)))
      yield { path: 'tool_config', message: `allowed function ${text(name)} is not declared` }
  const isJson = at(body, 'generationConfig', 'responseMimeType') === 'application/json'
  if (isJson && declared.length > 0 && generation(model) < 3)
    yield {
      path: 'generation_config',
      message: "Function calling with a response mime type: 'application/json' is unsupported",
    }
}

function* config({ body, model }: WireRequest): Iterable<Problem> {
  const settings = fields(body['generationConfig'])
  const path = 'generation_config'
  const temperature = settings['temperature']
  if (temperature !== undefined && (Number(temperature) < 0 || Number(temperature) > 2))
    yield { path, message: 'temperature must be in the range [0.0, 2.0]' }
  if (list(settings['stopSequences']).length > 5)
    yield { path, message: 'The number of stop sequences must not exceed 5.' }
  const hasSchema = settings['responseSchema'] !== undefined || settings['responseJsonSchema'] !== undefined
  if (hasSchema && settings['responseMimeType'] !== 'application/json')
    yield { path, message: 'response_schema requires response_mime_type: application/json' }
  yield* schemaNames(fields(settings['responseSchema']), known.openApiSchema, `${path}.response_schema`)
  yield* schemaNames(fields(settings['responseJsonSchema']), known.jsonSchema, `${path}.response_json_schema`)
  yield* thinking(fields(settings['thinkingConfig']), generation(model))
}

const BUDGET_MAX = 32_768

function* thinking(settings: Fields, version: number): Iterable<Problem> {
  const { thinkingBudget: budget, thinkingLevel: level } = settings
  const path = 'generation_config.thinking_config'
  if (Object.keys(settings).length > 0 && version < 2.5)
    yield { path, message: 'Thinking is not enabled for this model' }
  if (level !== undefined && version < 3)
    yield { path, message: 'Thinking level is not supported for this model.' }
  if (level !== undefined && budget !== undefined)
    yield { path, message: 'You can only set only one of thinking budget and thinking level.' }
  if (level !== undefined && !['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'].includes(text(level)))
    yield { path, message: `Invalid value at 'thinking_level': "${text(level)}"` }
  if (
    budget !== undefined &&
    (!Number.isInteger(budget) || Number(budget) < -1 || Number(budget) > BUDGET_MAX)
  )
    yield {
      path,
      message: `The thinking budget ${String(budget)} is invalid. Please choose a value between -1 and ${BUDGET_MAX}.`,
    }
}

export const generateRules: readonly Rule[] = [names, parts, checkTurns, tools, config]
