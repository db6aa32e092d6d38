/** `max_body_bytes` → `maxBodyBytes`, at the level of types. */
export type CamelKey<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelKey<Tail>>}`
  : Key

export type Camel<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { [Key in keyof T as CamelKey<Key & string>]: Camel<T[Key]> }
    : T

function camelKey(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * A settings object with our own keys (never one with names chosen by the operator) in the spelling of the code.
 * Members that are undefined are left out; lists are kept as they are.
 */
export function camel<T extends object>(settings: T): Camel<T> {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) continue
    const isSection = typeof value === 'object' && value !== null && !Array.isArray(value)
    result[camelKey(key)] = isSection ? camel(value) : value
  }
  return result as Camel<T>
}

/** `base` with the members of `over` that are not undefined. */
export function overlay<T extends object>(base: T, over: { [Key in keyof T]?: T[Key] | undefined }): T {
  const given = Object.entries(over).filter(([, value]) => value !== undefined)
  return { ...base, ...(Object.fromEntries(given) as Partial<T>) }
}
