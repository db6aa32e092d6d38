/** Any JSON value. `undefined` members of an object are absent members. */
export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json | undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of `object` that are not in `known`, or undefined when there are none. */
export function rest(object: JsonObject, known: ReadonlySet<string>): JsonObject | undefined {
  let found: JsonObject | undefined
  for (const key in object) {
    if (known.has(key) || object[key] === undefined) continue
    found ??= {}
    found[key] = object[key]
  }
  return found
}

/** Parses JSON text; undefined when it is not JSON. Never throws. */
export function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}
