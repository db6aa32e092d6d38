import type { JsonObject } from '../../model/json.ts'
import { foreignFields } from '../../model/origin.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { EncodeContext } from './context.ts'
import { DIALECT } from './wire.ts'

const NO_SETTING = 'the upstream has no such setting'

/** Temperature, top_p, top_k and stop sequences as far as the target takes them (protocol.md §2.7). */
export function encodeSampling(request: ChatRequest, thinks: boolean, context: EncodeContext): JsonObject {
  const wire: JsonObject = {}
  const temperature = clampTemperature(request.temperature, context)
  const closed = whyClosed(thinks, context)
  if (closed === undefined) Object.assign(wire, open(request, temperature, context))
  else refuseValues(request, temperature, closed, context)
  return { ...wire, ...stopSequences(request.stop, context) }
}

function clampTemperature(
  value: number | undefined,
  { capabilities, losses }: EncodeContext,
): number | undefined {
  const { maxTemperature } = capabilities
  if (value === undefined || value <= maxTemperature) return value
  losses.approximate('temperature', `the upstream takes at most ${maxTemperature}`)
  return maxTemperature
}

/** Why no sampling member may be sent, or undefined when they may. */
function whyClosed(thinks: boolean, { capabilities }: EncodeContext): string | undefined {
  if (capabilities.sampling === 'none') return 'the upstream model takes no sampling settings'
  if (capabilities.sampling !== 'all' && thinks) return 'the upstream model takes none while it thinks'
  return undefined
}

function open(request: ChatRequest, temperature: number | undefined, context: EncodeContext): JsonObject {
  const { capabilities, losses } = context
  const wire: JsonObject = {}
  if (temperature !== undefined) wire.temperature = temperature
  if (request.topP !== undefined) {
    if (temperature === undefined || capabilities.sampling === 'all') wire.top_p = request.topP
    else losses.drop('topP', 'the upstream model takes temperature or top_p, not both')
  }
  if (request.topK !== undefined) {
    if (capabilities.topK) wire.top_k = request.topK
    else losses.drop('topK', NO_SETTING)
  }
  return wire
}

/** Values that equal the model's own default are no loss. */
function refuseValues(
  request: ChatRequest,
  temperature: number | undefined,
  why: string,
  { losses }: EncodeContext,
): void {
  if (temperature !== undefined && temperature !== 1) losses.drop('temperature', why)
  if (request.topP !== undefined && request.topP !== 1) losses.drop('topP', why)
  if (request.topK !== undefined) losses.drop('topK', why)
}

/** Sequences of white space alone are refused by the wire. */
function stopSequences(
  stop: readonly string[] | undefined,
  { capabilities, losses }: EncodeContext,
): JsonObject {
  if (stop === undefined || stop.length === 0) return {}
  const legal = stop.filter((sequence) => sequence.trim() !== '')
  if (legal.length < stop.length)
    losses.drop('stop', 'the upstream takes no stop sequence of white space alone')
  if (legal.length > capabilities.maxStop)
    losses.drop('stop', `the upstream takes at most ${capabilities.maxStop} stop sequences`)
  const sent = legal.slice(0, capabilities.maxStop)
  return sent.length === 0 ? {} : { stop_sequences: sent }
}

/** Members of the model that this wire has no place for, and why. */
const absent: readonly { member: keyof ChatRequest; essential?: boolean; why?: string }[] = [
  { member: 'seed' },
  { member: 'presencePenalty' },
  { member: 'frequencyPenalty' },
  { member: 'logitBias' },
  { member: 'logprobs' },
  { member: 'topLogprobs' },
  { member: 'verbosity' },
  { member: 'audio' },
  { member: 'cacheKey' },
  { member: 'metadata', why: 'the upstream keeps no metadata beside the user id' },
]

export function reportAbsent(request: ChatRequest, { losses }: EncodeContext): void {
  for (const { member, why } of absent) {
    const value = request[member]
    if (value !== undefined && value !== false) losses.drop(member, why ?? NO_SETTING)
  }
  if ((request.candidates ?? 1) > 1) losses.refuse('candidates', 'the upstream gives one answer a request')
  const unspoken = request.modalities?.filter((modality) => modality !== 'text') ?? []
  if (unspoken.length > 0)
    losses.refuse('modalities', `the upstream answers in text, not ${unspoken.join(', ')}`)
  for (const { name, value } of foreignFields(request.extensions, DIALECT))
    if (value !== null && value !== false) losses.drop(name, NO_SETTING)
}
