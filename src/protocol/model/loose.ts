import { isObject, type Json, type JsonObject } from './json.ts'

/** Tolerant readers for what upstreams send: a value of the wrong type is treated as absent (protocol.md §1.5). */
export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

/** Numbers, also when they come as text. */
export function numberOf(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value !== 'string' || value.trim() === '') return undefined
  const parsed = Number(value)
  return Number.isFinite(parsed) ? parsed : undefined
}

/** Far above any real count, and low enough that sums of some stay exact. */
const LARGEST_COUNT = 1e12

/** A count of tokens or calls: a whole number that is not negative. What no count can be says nothing. */
export function countOf(value: Json | undefined): number | undefined {
  const number = numberOf(value)
  return number === undefined || number > LARGEST_COUNT ? undefined : Math.max(0, Math.round(number))
}

export function objectOf(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined
}

export function objectsOf(value: Json | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/**
 * The object without its undefined members, so that absent means absent. A copy: deleting members would leave an
 * object that is slow to read ever after.
 */
export function defined<T extends object>(object: T): T {
  return withDefined({}, object) as T
}

/** Adds the members of `source` that are not undefined to `target`. */
export function withDefined<T extends object, S extends object>(target: T, source: S): T & S {
  const record = source as Record<string, unknown>
  const filled = target as Record<string, unknown>
  for (const key in record) {
    const value = record[key]
    if (value !== undefined) filled[key] = value
  }
  return filled as T & S
}

/** Adds the members of `source` outside `known` to `target`; null and empty values never hide what is there. */
export function collect(source: JsonObject, known: ReadonlySet<string>, target: JsonObject): void {
  for (const key in source) {
    if (known.has(key)) continue
    const value = source[key]
    if (value === undefined || value === null || (target[key] !== undefined && isEmpty(value))) continue
    target[key] = value
  }
}

function isEmpty(value: Json): boolean {
  if (value === '') return true
  if (typeof value !== 'object' || value === null) return false
  for (const _ in value) return false
  return true
}
