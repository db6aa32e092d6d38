import { isObject, type JsonObject } from '../../model/json.ts'
import { willThink } from '../../model/reasoning.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { Encoding } from './encoding.ts'
import { thinkingConfig } from './thinking.ts'
import { cleanedSchema } from './tools.ts'
import { own } from './wire.ts'

/** `generationConfig`; undefined when nothing is set. Presence decides, never truth: 0 is a value (pitfall 72). */
export function generationConfig(request: ChatRequest, encoding: Encoding): JsonObject | undefined {
  const native = own(request.extensions)['generationConfig']
  const config: JsonObject = {
    ...(isObject(native) ? native : {}),
    ...limits(request, encoding),
    ...sampling(request, encoding),
    ...optional(request, encoding),
    ...output(request, encoding),
  }
  const thinking = thinkingConfig(request, encoding)
  const given = config['thinkingConfig']
  if (thinking) config['thinkingConfig'] = { ...(isObject(given) ? given : {}), ...thinking }
  return Object.keys(config).length > 0 ? config : undefined
}

function limits({ maxOutputTokens, stop }: ChatRequest, { capabilities, losses }: Encoding): JsonObject {
  const fields: JsonObject = {}
  if (maxOutputTokens !== undefined) {
    const most = capabilities.maxOutputTokens ?? maxOutputTokens
    if (maxOutputTokens > most)
      losses.approximate('maxOutputTokens', `the model produces at most ${most} tokens: that was set`)
    fields['maxOutputTokens'] = Math.min(maxOutputTokens, most)
  }
  const sequences = stop?.filter((sequence) => sequence !== '') ?? []
  if (sequences.length > capabilities.maxStop)
    losses.drop('stop', `the upstream takes ${capabilities.maxStop} stop sequences: the rest was left out`)
  const sent = sequences.slice(0, capabilities.maxStop)
  if (sent.length > 0) fields['stopSequences'] = sent
  return fields
}

function sampling(request: ChatRequest, { capabilities, losses }: Encoding): JsonObject {
  const { temperature, topP, topK } = request
  const forbidden =
    capabilities.sampling === 'none' ||
    (capabilities.sampling === 'not-while-thinking' && willThink(request.reasoning, capabilities))
  const oneOf = capabilities.sampling === 'one-of' && temperature !== undefined
  const fields: JsonObject = {}
  const take = (member: 'temperature' | 'topP' | 'topK', value: number | undefined, legal: boolean) => {
    if (value === undefined) return
    if (legal && !forbidden) fields[member] = value
    else losses.drop(member, 'the model has no such setting')
  }
  take(
    'temperature',
    temperature === undefined ? undefined : Math.min(temperature, capabilities.maxTemperature),
    true,
  )
  take('topP', topP, !oneOf)
  take('topK', topK, capabilities.topK && !oneOf)
  if (temperature !== undefined && temperature > capabilities.maxTemperature && !forbidden)
    losses.approximate('temperature', `the model takes at most ${capabilities.maxTemperature}: that was set`)
  return fields
}

interface Optional {
  member: keyof ChatRequest
  /** Absent: the wire has no such field for any model. */
  field?: string
  capability?: 'seed' | 'penalties' | 'logprobs'
  why?: string
}

/** Tuning a model may lack: sent where it is known, else reported (protocol.md §2.1). */
const optionalFields: readonly Optional[] = [
  { member: 'seed', field: 'seed', capability: 'seed' },
  { member: 'presencePenalty', field: 'presencePenalty', capability: 'penalties' },
  { member: 'frequencyPenalty', field: 'frequencyPenalty', capability: 'penalties' },
  { member: 'logprobs', field: 'responseLogprobs', capability: 'logprobs' },
  { member: 'topLogprobs', field: 'logprobs', capability: 'logprobs' },
  { member: 'logitBias' },
  { member: 'verbosity' },
  { member: 'cacheKey', why: 'the upstream caches prompts by itself' },
  { member: 'cache', why: 'the upstream caches prompts by itself' },
  { member: 'endUser', why: 'the upstream takes no end-user id' },
  { member: 'metadata', why: 'the upstream keeps no metadata' },
]

function optional(request: ChatRequest, { capabilities, losses }: Encoding): JsonObject {
  const fields: JsonObject = {}
  for (const { member, field, capability, why } of optionalFields) {
    const value = request[member]
    if (value === undefined || value === false) continue
    if (field && capability && capabilities[capability] && (typeof value === 'number' || value === true))
      fields[field] = value
    else losses.drop(member, why ?? 'the upstream has no such setting for this model')
  }
  if (request.candidates !== undefined && request.candidates !== 1) {
    if (capabilities.candidates) fields['candidateCount'] = request.candidates
    else losses.refuse('candidates', 'the model gives one answer at a time')
  }
  return fields
}

function output(request: ChatRequest, encoding: Encoding): JsonObject {
  return { ...format(request, encoding), ...modalities(request, encoding) }
}

function format(request: ChatRequest, encoding: Encoding): JsonObject {
  const { format: wanted } = request
  if (!wanted || wanted.type === 'text' || formatInWords(request, encoding)) return {}
  const responseMimeType = 'application/json'
  if (wanted.type === 'json') return { responseMimeType }
  if (encoding.capabilities.jsonSchema !== 'native') {
    encoding.losses.refuse('format', 'the model cannot be held to a JSON schema')
    return {}
  }
  const described = wanted.description === undefined ? {} : { description: wanted.description }
  const schema = { ...described, ...wanted.schema }
  const cleaned = cleanedSchema(schema, 'format.schema', encoding)
  return encoding.capabilities.schemaForm === 'json-schema'
    ? { responseMimeType, responseJsonSchema: cleaned }
    : { responseMimeType, responseSchema: cleaned }
}

/**
 * An instruction in place of JSON mode for models that take no tools beside it (protocol.md §2.10); undefined when
 * the native field serves.
 */
export function formatInWords(
  { format: wanted, tools }: ChatRequest,
  encoding: Encoding,
): string | undefined {
  if (!wanted || wanted.type === 'text' || encoding.capabilities.jsonWithTools) return undefined
  if (!tools || tools.length === 0) return undefined
  const schema =
    wanted.type === 'json' ? '' : ` that is valid by this JSON Schema: ${JSON.stringify(wanted.schema)}`
  return `Give the final answer as JSON without any text around it${schema || '.'}`
}

/** Speech is the only output of a speaking model here, and comes as PCM. */
function modalities({ modalities: wanted, audio }: ChatRequest, { losses }: Encoding): JsonObject {
  const names = wanted?.map((name) => name.toUpperCase()) ?? []
  const fields: JsonObject = {}
  if (names.includes('AUDIO')) {
    fields['responseModalities'] = ['AUDIO']
    if (names.length > 1) losses.approximate('modalities', 'the model answers in speech only')
  } else if (names.some((name) => name !== 'TEXT')) fields['responseModalities'] = names
  if (!audio) return fields
  const { voice, format: container } = audio
  const voiceName = isObject(voice) ? voice['id'] : voice
  if (typeof voiceName === 'string')
    fields['speechConfig'] = { voiceConfig: { prebuiltVoiceConfig: { voiceName } } }
  if (container !== undefined && container !== 'pcm16')
    losses.approximate('audio.format', 'the upstream gives audio as PCM')
  return fields
}
