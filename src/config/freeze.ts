function refuse(): never {
  throw new TypeError('a configuration snapshot cannot be changed')
}

/** A map that cannot be written to: `Object.freeze` alone leaves a Map's methods at work. */
export function frozenMap<Key, Value>(entries: Iterable<readonly [Key, Value]>): ReadonlyMap<Key, Value> {
  const map = new Map(entries)
  for (const method of ['set', 'delete', 'clear']) Object.defineProperty(map, method, { value: refuse })
  return Object.freeze(map)
}

/** Freezes plain objects, lists and the values of maps through and through; gives back what it was given. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Map) for (const member of value.values()) deepFreeze(member)
  else if (Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const member of Object.values(value)) deepFreeze(member)
  return value
}
