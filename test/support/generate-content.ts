import type { Capabilities } from '../../src/protocol/model/capabilities.ts'
import { isObject, type Json, type JsonObject } from '../../src/protocol/model/json.ts'
import { targets } from './targets.ts'

export const MAKER = 'gemini/test'

/** Everything on, as the newest models of this wire have it. */
export const targetWith = targets(
  {
    systemAnywhere: false,
    defaultMaxOutputTokens: 8192,
    maxOutputTokens: 65536,
    logitBias: false,
    verbosity: false,
    maxStop: 5,
    reasoningStyle: 'thinking-level',
    efforts: ['low', 'medium', 'high'],
    reasoningOff: false,
    reasoningByDefault: true,
    parallelToggle: false,
    customTools: false,
    prefill: false,
    cacheMarks: 'none',
    streamUsage: false,
    strictTools: false,
    thoughtSignatures: true,
    metadata: false,
    endUser: false,
    opaqueDialect: 'generate-content',
  },
  { maker: MAKER, documentPolicy: 'passthrough' },
)

/** Older models: budgets, the OpenAPI schema form, no signatures, no ids. */
export const olderModel: Partial<Capabilities> = {
  reasoningStyle: 'thinking-budget',
  budget: { min: 128, max: 24576 },
  reasoningOff: true,
  schemaForm: 'openapi-subset',
  toolResultMedia: false,
  jsonWithTools: false,
  thoughtSignatures: false,
  functionCallIds: false,
  imageUrl: false,
  documentUrl: false,
}

const topLevel = [
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'safetySettings',
  'cachedContent',
  'labels',
  'serviceTier',
  'continuationToken',
  'store',
  'modelArmorConfig',
  'outputConfig',
]
const generation = [
  'temperature',
  'topP',
  'topK',
  'candidateCount',
  'maxOutputTokens',
  'stopSequences',
  'responseLogprobs',
  'logprobs',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'mediaResolution',
  'speechConfig',
  'thinkingConfig',
  'imageConfig',
]
const dataFields = [
  'text',
  'inlineData',
  'fileData',
  'functionCall',
  'functionResponse',
  'executableCode',
  'codeExecutionResult',
  'toolCall',
  'toolResponse',
]
const modifiers = ['thought', 'thoughtSignature', 'videoMetadata', 'mediaResolution', 'partMetadata']
const members: Readonly<Record<string, readonly string[]>> = {
  inlineData: ['mimeType', 'data', 'displayName'],
  fileData: ['mimeType', 'fileUri', 'displayName'],
  functionCall: ['id', 'name', 'args'],
  functionResponse: ['id', 'name', 'response', 'parts'],
}
const NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/

/** What is wrong with a generateContent body by the documented structure (protocol.md §1.4, §2.3); empty when nothing. */
export function wireFaults(body: JsonObject): string[] {
  const faults: string[] = []
  const only = (object: Json | undefined, allowed: readonly string[], where: string) => {
    if (!isObject(object)) return void faults.push(`${where} is no object`)
    for (const key of Object.keys(object)) if (!allowed.includes(key)) faults.push(`${where} has ${key}`)
  }
  only(body, topLevel, 'body')
  if (body['generationConfig'] !== undefined) only(body['generationConfig'], generation, 'generationConfig')
  faults.push(...toolFaults(body['tools']))
  const contents = listOf(body['contents'])
  if (contents.length === 0) faults.push('contents is empty')
  contents.forEach((content, index) => {
    const where = `contents[${index}]`
    only(content, ['role', 'parts'], where)
    if (!isObject(content)) return
    if (content['role'] !== (index % 2 === 0 ? 'user' : 'model'))
      faults.push(`${where} breaks the alternation`)
    faults.push(...partsFaults(content, contents[index + 1], where))
  })
  if ((contents.length & 1) === 0) faults.push('the last content is not the user’s')
  return faults
}

function partsFaults(content: JsonObject, next: Json | undefined, where: string): string[] {
  const faults: string[] = []
  const parts = listOf(content['parts'])
  if (parts.length === 0) faults.push(`${where} has no parts`)
  for (const [index, part] of parts.entries()) {
    if (!isObject(part)) {
      faults.push(`${where}.parts[${index}] is no object`)
      continue
    }
    const present = Object.keys(part).filter((key) => part[key] !== undefined)
    const data = present.filter((key) => dataFields.includes(key))
    if (data.length !== 1) faults.push(`${where}.parts[${index}] has ${data.length} data fields`)
    for (const key of present)
      if (!dataFields.includes(key) && !modifiers.includes(key))
        faults.push(`${where}.parts[${index}] has ${key}`)
    if (part['text'] === '' && part['thoughtSignature'] === undefined)
      faults.push(`${where}.parts[${index}] is empty`)
    for (const [field, allowed] of Object.entries(members)) {
      const value = part[field]
      if (!isObject(value)) continue
      for (const key of Object.keys(value))
        if (!allowed.includes(key)) faults.push(`${where} ${field} has ${key}`)
    }
  }
  const calls = named(parts, 'functionCall')
  const responses = named(listOf(isObject(next) ? next['parts'] : undefined), 'functionResponse')
  if (content['role'] === 'model' && calls.join() !== responses.join())
    faults.push(`${where} calls ${calls.join()}, answered ${responses.join()}`)
  if (content['role'] === 'user') faults.push(...orderFaults(parts, where))
  return faults
}

/** Responses stand first in their content. */
function orderFaults(parts: readonly Json[], where: string): string[] {
  const kinds = parts.map((part) => isObject(part) && part['functionResponse'] !== undefined)
  const late = kinds.lastIndexOf(true) >= kinds.filter(Boolean).length
  return late ? [`${where} has a response after other parts`] : []
}

function named(parts: readonly Json[], field: string): string[] {
  return parts.flatMap((part) => {
    const value = isObject(part) ? part[field] : undefined
    return isObject(value) ? [String(value['name'])] : []
  })
}

function toolFaults(tools: Json | undefined): string[] {
  return listOf(tools).flatMap((tool) =>
    listOf(isObject(tool) ? tool['functionDeclarations'] : undefined).flatMap((declaration) => {
      if (!isObject(declaration)) return ['a declaration is no object']
      const { name, parameters, parametersJsonSchema } = declaration
      return [
        ...(typeof name === 'string' && NAME.test(name) ? [] : [`illegal name ${String(name)}`]),
        ...(parameters !== undefined && parametersJsonSchema !== undefined ? ['two schemas'] : []),
      ]
    }),
  )
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}

const schemaKeys = [
  'type',
  'format',
  'title',
  'description',
  'nullable',
  'enum',
  'items',
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'pattern',
  'minProperties',
  'maxProperties',
  'minimum',
  'maximum',
  'properties',
  'required',
  'propertyOrdering',
  'anyOf',
]
const schemaTypes = ['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT']

/** What is wrong with a schema in the OpenAPI subset (protocol.md §2.6); empty when nothing. */
export function schemaFaults(schema: Json | undefined, where = '$'): string[] {
  if (!isObject(schema)) return [`${where} is no object`]
  const faults = Object.keys(schema)
    .filter((key) => !schemaKeys.includes(key))
    .map((key) => `${where} has ${key}`)
  const { type, items, properties, anyOf } = schema
  if (anyOf === undefined && !schemaTypes.includes(String(type)))
    faults.push(`${where} is of type ${String(type)}`)
  if (type === 'ARRAY' && items === undefined) faults.push(`${where} has no items`)
  if (items !== undefined) faults.push(...schemaFaults(items, `${where}.items`))
  for (const [index, branch] of listOf(anyOf).entries())
    faults.push(...schemaFaults(branch, `${where}.anyOf[${index}]`))
  for (const value of listOf(schema['enum']))
    if (typeof value !== 'string' || value === '')
      faults.push(`${where} has the enum member ${JSON.stringify(value)}`)
  const known = isObject(properties) ? properties : {}
  for (const [name, property] of Object.entries(known))
    faults.push(...schemaFaults(property, `${where}.${name}`))
  for (const name of listOf(schema['required']))
    if (!Object.hasOwn(known, String(name))) faults.push(`${where} requires unknown ${String(name)}`)
  return faults
}
