import { invalid } from './error.ts'
import { isObject, type Json, type JsonObject } from './json.ts'

/**
 * Readers for untrusted JSON. Each takes the object, the key and the object's path, returns the typed value or
 * undefined when the member is absent or null, and throws an `invalid_request` that names the path, what was
 * expected and what was found.
 */
export function at(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  return path === '' ? key : `${path}.${key}`
}

export function describe(value: Json | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object') return 'an object'
  if (typeof value === 'string')
    return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`
  return `the ${typeof value} ${value}`
}

/** A text that holds descriptions, without the values in them: for places where no content may go. */
export function undescribed(text: string): string {
  return text.replace(/the string "(?:[^"\\]|\\.)*"/g, 'a string')
}

function wrong(path: string, expected: string, value: Json | undefined): never {
  throw invalid(path, `expected ${expected}, got ${describe(value)}`)
}

export function readString(object: JsonObject, key: string, path: string): string | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : wrong(at(path, key), 'a string', value)
}

export function readBoolean(object: JsonObject, key: string, path: string): boolean | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  return typeof value === 'boolean' ? value : wrong(at(path, key), 'true or false', value)
}

export function readNumber(
  object: JsonObject,
  key: string,
  path: string,
  range: { min?: number; max?: number; integer?: boolean } = {},
): number | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, integer = false } = range
  if (typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)))
    return value
  const kind = integer ? 'an integer' : 'a number'
  const bounds =
    range.min !== undefined && range.max !== undefined
      ? ` from ${min} to ${max}`
      : range.min !== undefined
        ? ` of at least ${min}`
        : range.max !== undefined
          ? ` of at most ${max}`
          : ''
  return wrong(at(path, key), kind + bounds, value)
}

export function readObject(object: JsonObject, key: string, path: string): JsonObject | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  return isObject(value) ? value : wrong(at(path, key), 'an object', value)
}

export function readArray(object: JsonObject, key: string, path: string): Json[] | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  return Array.isArray(value) ? value : wrong(at(path, key), 'an array', value)
}

export function readOneOf<T extends string>(
  object: JsonObject,
  key: string,
  path: string,
  allowed: readonly T[],
): T | undefined {
  const value = object[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && (allowed as readonly string[]).includes(value)) return value as T
  return wrong(at(path, key), `one of ${allowed.map((word) => JSON.stringify(word)).join(', ')}`, value)
}

/** The value, or an error that the member is required. */
export function required<T>(value: T | undefined, path: string, expected: string): T {
  if (value === undefined) throw invalid(path, `is required: expected ${expected}`)
  return value
}

/** An array element that must be an object. */
export function asObject(value: Json | undefined, path: string): JsonObject {
  return isObject(value) ? value : wrong(path, 'an object', value)
}

/** An array element that must be a string. */
export function asString(value: Json | undefined, path: string): string {
  return typeof value === 'string' ? value : wrong(path, 'a string', value)
}
