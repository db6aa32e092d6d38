import type { Json, JsonObject } from '../../model/json.ts'
import type { DialectName, Extensions } from '../../model/origin.ts'

export const DIALECT = 'generate-content' satisfies DialectName

/** Members that came from this wire, put back where they stood; an empty object when there are none. */
export function own(extensions: Extensions | undefined): JsonObject {
  return extensions?.[DIALECT] ?? {}
}

/**
 * Loose types of the generateContent wire (protocol.md §1.4): the fields we read; the rest is kept. They say what
 * the vendor documents, not what was checked: readers test what they use.
 */
export interface WireAnswer extends JsonObject {
  candidates?: WireCandidate[]
  promptFeedback?: JsonObject
  usageMetadata?: JsonObject
  modelVersion?: string
  responseId?: string
  createTime?: string
  error?: JsonObject
}

export interface WireCandidate extends JsonObject {
  content?: { role?: string; parts?: WirePart[] }
  finishReason?: string
  finishMessage?: string
  index?: number
  groundingMetadata?: JsonObject
  citationMetadata?: JsonObject
  logprobsResult?: JsonObject
}

/** Exactly one data field, and modifiers. */
export interface WirePart extends JsonObject {
  text?: string
  thought?: boolean
  thoughtSignature?: string
  functionCall?: WireFunctionCall
  inlineData?: { mimeType?: string; data?: string; displayName?: string }
  fileData?: { mimeType?: string; fileUri?: string; displayName?: string }
}

export interface WireFunctionCall extends JsonObject {
  id?: string
  name?: string
  args?: JsonObject
  partialArgs?: WirePartialArgument[]
  willContinue?: boolean
}

/** A piece of a streamed argument: the value (or the next piece of a string) at `jsonPath`. */
export interface WirePartialArgument extends JsonObject {
  jsonPath?: string
  stringValue?: string
  numberValue?: number
  boolValue?: boolean
  nullValue?: Json
  willContinue?: boolean
}

/** A turn on its way up. */
export interface WireContent extends JsonObject {
  role: 'user' | 'model'
  parts: JsonObject[]
}

/** What the vendor documents for calls whose signature is not known (protocol.md §2.8.4). */
export const SIGNATURE_SENTINEL = 'skip_thought_signature_validator'
