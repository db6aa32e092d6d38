const token = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/

/** Names by their spelling: servers and providers use few, and use them again and again. */
const known = new Map<string, string>()
const MAXIMUM_NAMES = 1_000
/** No header anybody means is longer. */
const MAXIMUM_KNOWN_LENGTH = 64

/** A field's name in lower case; undefined when it is not one (RFC 9110 §5.1). */
export function fieldName(spelling: string): string | undefined {
  const found = known.get(spelling)
  if (found !== undefined) return found
  if (!token.test(spelling)) return undefined
  const name = spelling.toLowerCase()
  if (spelling.length > MAXIMUM_KNOWN_LENGTH) return name
  if (known.size >= MAXIMUM_NAMES) known.clear()
  // A copy: a part of a text keeps the whole text in memory.
  known.set(Buffer.from(spelling, 'latin1').toString('latin1'), name)
  return name
}
