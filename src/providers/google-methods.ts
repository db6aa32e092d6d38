import type { JsonObject } from '../protocol/model/json.ts'

/** The method after the colon of a `generateContent` address, with the query that makes it a stream of events. */
export const googleMethods = {
  generate: 'generateContent',
  stream: 'streamGenerateContent?alt=sse',
  'count-tokens': 'countTokens',
} as const

/**
 * A body for `countTokens` of the Gemini API: contents alone stand bare, anything beside them only inside
 * `generateContentRequest`, which names the model once more.
 */
export function countedContents(body: JsonObject, modelPath: string): JsonObject {
  const { contents, ...others } = body
  if (Object.keys(others).length === 0) return body
  return { generateContentRequest: { model: modelPath, contents, ...others } }
}
