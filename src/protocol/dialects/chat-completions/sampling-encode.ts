import type { Json, JsonObject } from '../../model/json.ts'
import { willThink } from '../../model/reasoning.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { Scope } from './scope.ts'

/** Sampling and limits (protocol.md §2.7): what the upstream does not take is reported, defaults are left unsaid. */
export function encodeSampling(body: JsonObject, scope: Scope): void {
  encodeLimit(body, scope)
  encodeTemperature(body, scope)
  encodeStop(body, scope)
  for (const hint of hints) encodeHint(body, hint, scope)
}

function encodeLimit(body: JsonObject, { request, capabilities, losses }: Scope): void {
  const wanted = request.maxOutputTokens
  if (wanted === undefined) return
  const allowed = Math.min(wanted, capabilities.maxOutputTokens ?? wanted)
  if (allowed < wanted) losses.approximate('maxOutputTokens', `the model produces at most ${allowed} tokens`)
  body[capabilities.maxTokensField] = allowed
}

/** The vendor's default for both fields: leaving it unsaid changes nothing. */
const DEFAULT = 1

function encodeTemperature(body: JsonObject, { request, capabilities, losses }: Scope): void {
  const { sampling, maxTemperature } = capabilities
  const { temperature, topP } = request
  const isSilent =
    sampling === 'none' || (sampling === 'not-while-thinking' && willThink(request.reasoning, capabilities))
  if (temperature !== undefined && !isSilent) {
    if (temperature > maxTemperature)
      losses.approximate('temperature', `the upstream takes at most ${maxTemperature}`)
    body['temperature'] = Math.min(temperature, maxTemperature)
  } else if (temperature !== undefined && temperature !== DEFAULT)
    losses.drop('temperature', 'the model takes no sampling settings')
  if (topP === undefined) return
  if (isSilent) {
    if (topP !== DEFAULT) losses.drop('topP', 'the model takes no sampling settings')
  } else if (sampling === 'one-of' && temperature !== undefined) {
    if (topP !== DEFAULT) losses.drop('topP', 'the model takes temperature or top_p, not both')
  } else body['top_p'] = topP
}

function encodeStop(body: JsonObject, { request, capabilities, losses }: Scope): void {
  const stop = request.stop ?? []
  if (stop.length === 0) return
  const { maxStop } = capabilities
  if (maxStop === 0) losses.drop('stop', 'the model takes no stop sequences')
  else body['stop'] = stop.slice(0, maxStop)
  if (maxStop > 0 && stop.length > maxStop)
    losses.drop(`stop[${maxStop}]`, `the upstream takes at most ${maxStop} stop sequences`)
}

interface Hint {
  member: keyof ChatRequest
  field: string
  /** Capability that must be true; absent: always sent. */
  needs?: (capabilities: Scope['capabilities']) => boolean
  /** A value that says nothing and is left out in silence where the field is unknown. */
  neutral?: (value: unknown) => boolean
  /** Refused instead of dropped: the answer would be another. */
  essential?: boolean
}

const isFalse = (value: unknown) => value === false
const isZero = (value: unknown) => value === 0
const isOne = (value: unknown) => value === 1

/** Settings that are either taken as they are or not at all. */
const hints: readonly Hint[] = [
  { member: 'topK', field: 'top_k', needs: (can) => can.topK && can.sampling !== 'none' },
  { member: 'seed', field: 'seed', needs: (can) => can.seed },
  { member: 'presencePenalty', field: 'presence_penalty', needs: (can) => can.penalties, neutral: isZero },
  { member: 'frequencyPenalty', field: 'frequency_penalty', needs: (can) => can.penalties, neutral: isZero },
  { member: 'logitBias', field: 'logit_bias', needs: (can) => can.logitBias },
  { member: 'logprobs', field: 'logprobs', needs: (can) => can.logprobs, neutral: isFalse },
  { member: 'topLogprobs', field: 'top_logprobs', needs: (can) => can.logprobs, neutral: isZero },
  { member: 'candidates', field: 'n', needs: (can) => can.candidates, neutral: isOne, essential: true },
  { member: 'verbosity', field: 'verbosity', needs: (can) => can.verbosity },
  { member: 'modalities', field: 'modalities' },
  { member: 'audio', field: 'audio' },
  { member: 'cacheKey', field: 'prompt_cache_key' },
  { member: 'metadata', field: 'metadata', needs: (can) => can.metadata },
  {
    member: 'serviceTier',
    field: 'service_tier',
    needs: (can) => can.serviceTier,
    neutral: (value) => value === 'auto',
  },
]

function encodeHint(body: JsonObject, hint: Hint, { request, capabilities, losses }: Scope): void {
  const value = request[hint.member] as Json | undefined
  if (value === undefined) return
  if (hint.needs?.(capabilities) !== false) body[hint.field] = value
  else if (hint.neutral?.(value)) return
  else if (hint.essential) losses.refuse(hint.member, 'the upstream gives only one answer')
  else losses.drop(hint.member, 'the upstream has no such setting')
}
