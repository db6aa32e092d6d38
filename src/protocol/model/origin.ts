import { isObject, type Json, type JsonObject } from './json.ts'

/** The wire protocols we know, named as their vendors name the API. */
export type DialectName = 'chat-completions' | 'messages' | 'responses' | 'generate-content'

/**
 * A value only its maker can read: a thinking signature, encrypted reasoning, a thought signature.
 * It is sent back only to where it came from, so it remembers that place.
 */
export interface Opaque {
  /** The dialect whose field held it. */
  dialect: DialectName
  /**
   * What it is there: `signature` (Anthropic thinking.signature), `redacted` (redacted_thinking.data),
   * `thought-signature` (Gemini), `encrypted` (Responses encrypted_content), `reasoning-details`
   * (one reasoning_details entry as JSON text).
   */
  kind: 'signature' | 'redacted' | 'thought-signature' | 'encrypted' | 'reasoning-details'
  value: string
  /** Provider and model that made it (`anthropic/claude-sonnet-4-5`), when known. */
  maker?: string
}

/** Wire fields outside the model, kept under the dialect they came from and given back only to it. */
export type Extensions = { [D in DialectName]?: JsonObject }

/** The extension bag for one dialect, or undefined when nothing is to be kept. */
export function extensionsOf(dialect: DialectName, fields: JsonObject | undefined): Extensions | undefined {
  return fields === undefined ? undefined : { [dialect]: fields }
}

/** Names that begin with this are a dialect's own notes in its bag, not fields of the wire. */
export const NOTE_PREFIX = 'xjp:'

/**
 * The wire fields that came from dialects other than `dialect` and have no place in the model. An empty object is what
 * a dialect leaves of a field it has understood.
 */
export function foreignFields(
  extensions: Extensions | undefined,
  dialect: DialectName,
): { name: string; value: Json }[] {
  return Object.entries(extensions ?? {}).flatMap(([origin, fields]) => {
    if (origin === dialect) return []
    return Object.entries(fields).flatMap(([name, value]) =>
      value === undefined || name.startsWith(NOTE_PREFIX) || isEmpty(value) ? [] : [{ name, value }],
    )
  })
}

function isEmpty(value: Json): boolean {
  return isObject(value) && Object.keys(value).length === 0
}
