import { Losses } from '../../model/dropped.ts'
import { invalid } from '../../model/error.ts'
import { type JsonObject, rest } from '../../model/json.ts'
import { defined, withDefined } from '../../model/loose.ts'
import { foreignFields } from '../../model/origin.ts'
import {
  asString,
  at,
  describe,
  readArray,
  readBoolean,
  readNumber,
  readObject,
  readString,
  required,
} from '../../model/read.ts'
import type { ChatRequest, OutputFormat } from '../../model/request.ts'
import { stableHash } from '../../model/stable-hash.ts'
import type { EncodedRequest, UpstreamTarget } from '../dialect.ts'
import { markFor, readMark } from './cache.ts'
import { giveBack, keep, type NoteName, noteOf } from './extensions.ts'
import { encodeFormat } from './format-encode.ts'
import { decodeMessages } from './messages-decode.ts'
import { encodeMessages } from './messages-encode.ts'
import { decodeReasoning } from './reasoning-decode.ts'
import { encodeReasoning } from './reasoning-encode.ts'
import { encodeSampling } from './sampling-encode.ts'
import type { Scope } from './scope.ts'
import { decodeToolSettings } from './tools-decode.ts'
import { encodeTools } from './tools-encode.ts'
import { encodeWebSearch } from './web-search-encode.ts'
import { DIALECT, requestFields } from './wire.ts'

/**
 * Checks and decodes a chat completions body (protocol.md §1.1). Throws `invalid_request` with the path of the
 * offending member. Members outside the model are kept in the extension bag.
 */
export function decodeRequest(body: JsonObject): ChatRequest {
  const kept: JsonObject = { ...rest(body, requestFields) }
  // One object filled in turn: this is on the path of every request.
  const request: ChatRequest = identity(body)
  withDefined(request, decodeToolSettings(body))
  withDefined(request, sampling(body))
  withDefined(request, output(body, kept))
  return withDefined(request, {
    reasoning: decodeReasoning(body, kept),
    cache: readMark(body, '').cache,
    cacheKey: readString(body, 'prompt_cache_key', ''),
    metadata: readObject(body, 'metadata', ''),
    serviceTier: readString(body, 'service_tier', ''),
    includeUsage: streamOptions(body, kept),
    endUser: endUser(body, kept),
    extensions: keep(kept, notes(body)),
  } satisfies Partial<ChatRequest>)
}

function identity(body: JsonObject): Pick<ChatRequest, 'model' | 'stream' | 'messages'> {
  const model = required(readString(body, 'model', ''), 'model', 'the name of a model')
  if (model === '') throw invalid('model', 'expected the name of a model, got an empty string')
  return { model, stream: readBoolean(body, 'stream', '') ?? false, messages: decodeMessages(body) }
}

function notes(body: JsonObject): { [N in NoteName]?: string } {
  const isLegacy = Array.isArray(body['functions']) && !Array.isArray(body['tools'])
  const holder = typeof body['safety_identifier'] === 'string' ? 'safety_identifier' : 'user'
  return {
    functions: isLegacy ? 'yes' : undefined,
    endUser: typeof body[holder] === 'string' ? holder : undefined,
  }
}

/** Both fields may be set: the newer one is the model's, the older one goes back as it came. */
function endUser(body: JsonObject, kept: JsonObject): string | undefined {
  const user = readString(body, 'user', '')
  const safety = readString(body, 'safety_identifier', '')
  if (safety !== undefined && user !== undefined) kept['user'] = user
  return safety ?? user
}

function sampling(body: JsonObject) {
  const number = (key: string, min?: number, max?: number) =>
    body[key] === undefined ? undefined : readNumber(body, key, '', { min, max })
  const integer = (key: string, min?: number, max?: number) =>
    body[key] === undefined ? undefined : readNumber(body, key, '', { min, max, integer: true })
  return {
    maxOutputTokens: integer('max_completion_tokens', 1) ?? integer('max_tokens', 1),
    temperature: number('temperature', 0, 2),
    topP: number('top_p', 0, 1),
    topK: integer('top_k'),
    stop: stop(body),
    seed: integer('seed'),
    presencePenalty: number('presence_penalty', -2, 2),
    frequencyPenalty: number('frequency_penalty', -2, 2),
    logitBias: readObject(body, 'logit_bias', ''),
    logprobs: readBoolean(body, 'logprobs', ''),
    topLogprobs: integer('top_logprobs', 0, 20),
    candidates: integer('n', 1, 128),
  }
}

function stop(body: JsonObject): string[] | undefined {
  const value = body['stop']
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value === '' ? undefined : [value]
  if (!Array.isArray(value))
    throw invalid('stop', `expected a string or an array of strings, got ${describe(value)}`)
  const list = value.map((entry, index) => asString(entry, at('stop', index)))
  return list.length === 0 ? undefined : list
}

function output(body: JsonObject, kept: JsonObject) {
  return {
    format: outputFormat(body, kept),
    verbosity: readString(body, 'verbosity', ''),
    modalities: readArray(body, 'modalities', '')?.map((entry, index) =>
      asString(entry, at('modalities', index)),
    ),
    audio: readObject(body, 'audio', ''),
    webSearch: readObject(body, 'web_search_options', ''),
  }
}

const formatMembers = new Set(['type', 'json_schema'])
const schemaMembers = new Set(['name', 'description', 'schema', 'strict'])

/** `response_format`; a type of a compatible server's own (`regex`, `grammar`) is kept whole. */
function outputFormat(body: JsonObject, kept: JsonObject): OutputFormat | undefined {
  const path = 'response_format'
  const object = readObject(body, path, '')
  if (!object) return undefined
  const type = required(readString(object, 'type', path), at(path, 'type'), 'a type')
  const leftover: JsonObject = { ...rest(object, formatMembers) }
  const format = Object.hasOwn(formats, type) ? formats[type]?.(object, path, leftover) : undefined
  if (format === undefined) kept[path] = object
  else for (const _ in leftover) kept[path] = leftover
  return format
}

const formats: Record<string, (object: JsonObject, path: string, leftover: JsonObject) => OutputFormat> = {
  text: () => ({ type: 'text' }),
  json_object: () => ({ type: 'json' }),
  json_schema: schemaFormat,
}

function schemaFormat(object: JsonObject, parent: string, leftover: JsonObject): OutputFormat {
  const path = at(parent, 'json_schema')
  const definition = required(
    readObject(object, 'json_schema', parent),
    path,
    'an object with name and schema',
  )
  const inside = rest(definition, schemaMembers)
  if (inside) leftover['json_schema'] = inside
  return defined({
    type: 'json-schema',
    schema: readObject(definition, 'schema', path) ?? {},
    name: readString(definition, 'name', path),
    description: readString(definition, 'description', path),
    strict: readBoolean(definition, 'strict', path),
  })
}

const streamOptionMembers = new Set(['include_usage'])

function streamOptions(body: JsonObject, kept: JsonObject): boolean | undefined {
  const path = 'stream_options'
  const options = readObject(body, path, '')
  if (!options) return undefined
  const others = rest(options, streamOptionMembers)
  if (others) kept[path] = others
  return readBoolean(options, 'include_usage', path)
}

/** A chat completions body for this target, and what could not be carried exactly. */
export function encodeRequest(request: ChatRequest, target: UpstreamTarget): EncodedRequest {
  const losses = new Losses()
  const scope: Scope = { request, target, capabilities: target.capabilities, losses }
  const body: JsonObject = { model: target.model, messages: [] }
  const instruction = encodeFormat(body, scope)
  body['messages'] = encodeMessages(scope, instruction)
  encodeTools(body, scope)
  encodeWebSearch(body, scope)
  encodeSampling(body, scope)
  encodeReasoning(body, scope)
  encodeStreaming(body, scope)
  encodeEndUser(body, scope)
  encodeCache(body, scope)
  for (const { name, value } of foreignFields(request.extensions, DIALECT))
    if (value !== null && value !== false) losses.drop(name, 'the upstream has no such field')
  return { body: giveBack(body, request.extensions), dropped: losses.list }
}

/** Usage is always asked for: the gateway counts it even when the client does not want to see it (§2.13). */
function encodeStreaming(body: JsonObject, { request, capabilities }: Scope): void {
  if (!request.stream) return
  body['stream'] = true
  if (capabilities.streamUsage) body['stream_options'] = { include_usage: true }
}

/** Longest id the vendor takes in `user` and `safety_identifier` without complaint. */
const LONGEST_USER = 64

/** Ids of other dialects may be long or structured: then a hash of them is sent (protocol.md §2.11). */
function encodeEndUser(body: JsonObject, { request, capabilities, losses }: Scope): void {
  const { endUser } = request
  if (endUser === undefined) return
  if (!capabilities.endUser) {
    losses.drop('endUser', 'the upstream has no such field')
    return
  }
  const field = noteOf(request.extensions, 'endUser')
  const isLong = field === undefined && endUser.length > LONGEST_USER
  body[field ?? 'user'] = isLong ? stableHash(endUser, 32) : endUser
}

/** A mark for the whole prompt exists only as `cache_control` (protocol.md §5.2). */
function encodeCache(body: JsonObject, scope: Scope): void {
  const { cache } = scope.request
  if (!cache) return
  if (scope.capabilities.cacheMarks === 'cache-control') {
    const written = markFor(cache, false, 'request', scope)
    if (written) body[written.member] = written.value
  } else scope.losses.drop('cache', 'the upstream takes no cache marks for the whole prompt')
}
